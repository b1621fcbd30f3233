"""Options and arguments that several verbs share, and how their values are read."""

import sys
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar
from uuid import uuid4

import click

from flowker.model import exact_json
from flowker_cli.failure import Failed

Command = TypeVar("Command", bound=Callable[..., Any])

LIMIT = click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, help="The most to show."
)
OFFSET = click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many at the start.")
FORCE = click.option("--force", is_flag=True, help="Do not ask.")
INPUT = click.option(
    "--input",
    "input_file",
    type=click.File("rb"),
    metavar="FILE",
    help="JSON object to send; - is stdin.",
)
INPUT_JSON = click.option("--input-json", metavar="JSON", help="The same as text.")
KEY = click.option(
    "--idempotency-key",
    metavar="KEY",
    default=lambda: str(uuid4()),
    help="Names this request: with the same key it is not started twice (default: a new one).",
)
WAIT = click.option("--wait", is_flag=True, help="Until it has ended; exit with 1 unless it has completed.")


def confirm(question: str, *, force: bool) -> None:
    """Go on only if the person at the terminal agrees. Raises `click.Abort`, `click.UsageError`."""
    if force:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask: say --force")
    click.confirm(question, abort=True, err=True)


def input_object(file: BinaryIO | None, text: str | None) -> dict[str, Any]:
    """What to send: empty if nothing is said."""
    if file is not None and text is not None:
        raise click.UsageError("--input and --input-json exclude each other")
    if file is None and text is None:
        return {}
    return json_object(file.read() if file is not None else str(text), "the input")


def file_object(file: BinaryIO) -> dict[str, Any]:
    """The JSON object that is its content. Raises `click.UsageError` if it is none."""
    return json_object(file.read(), file_name(file))


def json_object(text: str | bytes, name: str) -> dict[str, Any]:
    """Raises `click.UsageError` if it is none."""
    try:
        found = exact_json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{name} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise click.UsageError(f"{name} is not a JSON object")
    return found


def file_name(file: BinaryIO) -> str:
    """How it is called in messages."""
    return str(getattr(file, "name", "stdin"))


def file_text(file: BinaryIO) -> str:
    """Its content. Raises `Failed` if it is no text."""
    try:
        return file.read().decode()
    except UnicodeDecodeError as error:
        raise Failed(f"{file_name(file)} is not text in UTF-8") from error


def hidden(question: str, *, repeat: bool = False) -> str:
    """What must not be seen: typed without echo, or all of stdin but the line feed at its end."""
    if sys.stdin.isatty():
        return str(click.prompt(question, hide_input=True, confirmation_prompt=repeat, err=True))
    text = sys.stdin.read()
    return text.removesuffix("\n").removesuffix("\r")


def visible(question: str, option: str) -> str:
    """What the person at the terminal types. Raises `click.UsageError` if there is none."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"say {option}")
    return str(click.prompt(question, err=True))


def given(**values: Any) -> dict[str, Any]:
    """Those that were said."""
    return {name: value for name, value in values.items() if value is not None}

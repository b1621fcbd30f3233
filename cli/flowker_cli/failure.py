"""How a command fails: one reason on stderr, and the exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from flowker_cli.text import harmless


class Failed(click.ClickException):
    """It was understood, but could not be done. The message is for the person at the terminal; it may have several lines."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"flowker: {harmless(self.message, lines=True)}", file=file, err=file is None)


class Refused(Failed):
    """The server refused it with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def note(text: str) -> None:
    """Tell the person at the terminal something that is not part of the result."""
    click.echo(f"flowker: {harmless(text)}", err=True)


@contextmanager
def goes_on(execution_id: str) -> Iterator[None]:
    """Whoever stops waiting, by will or not, is told what it was for: it has not ended with the wait."""
    try:
        yield
    except (Failed, KeyboardInterrupt):
        note(f"execution {execution_id} goes on")
        raise

"""`flowker secret`: secrets of an account. Their values go in and never come out."""

from typing import BinaryIO

import click

from flowker_cli import arguments
from flowker_cli.account import ME
from flowker_cli.arguments import confirm, file_text, hidden
from flowker_cli.paths import ACCOUNTS, path
from flowker_cli.session import Session, pass_session, session_options

COLUMNS = {"KEY": "key", "CREATED": "created_at", "UPDATED": "updated_at"}
ACCOUNT = click.option("--account", "account_id", metavar="ID", default=ME, help="Default: one's own.")
VALUE = click.option("--value", help="Better not said: it is asked for, or read from stdin.")
FILE = click.option(
    "--file",
    type=click.File("rb"),
    metavar="FILE",
    help="Whose content is the value, but a line feed at its end.",
)


@click.group()
def secret() -> None:
    """Secrets of an account, which its flows use. Values are never shown."""


@secret.command()
@click.option("--key", required=True, metavar="KEY", help="What flows call it.")
@VALUE
@FILE
@ACCOUNT
@session_options()
@pass_session
def create(session: Session, key: str, value: str | None, file: BinaryIO | None, account_id: str) -> None:
    """Store a secret. One that has this key gets the new value."""
    body = {"key": key, "value": _value(key, value, file)}
    session.output.document(session.client.post(_path(account_id), body))


@secret.command("list")
@ACCOUNT
@session_options()
@pass_session
def list_(session: Session, account_id: str) -> None:
    """List the keys of secrets."""
    session.output.listing(session.client.get(_path(account_id)), "secrets", COLUMNS)


@secret.command()
@click.argument("key", metavar="KEY")
@VALUE
@FILE
@ACCOUNT
@session_options()
@pass_session
def update(session: Session, key: str, value: str | None, file: BinaryIO | None, account_id: str) -> None:
    """Replace the value of a secret that there is."""
    session.output.document(session.client.put(_path(account_id, key), {"value": _value(key, value, file)}))


@secret.command()
@click.argument("key", metavar="KEY")
@ACCOUNT
@arguments.FORCE
@session_options()
@pass_session
def delete(session: Session, key: str, account_id: str, force: bool) -> None:
    """Delete a secret: from the next node on, no flow can use it."""
    confirm(f"Delete secret {key}?", force=force)
    session.output.message(session.client.delete(_path(account_id, key)))


def _path(account_id: str, *key: str) -> str:
    return path(ACCOUNTS, account_id, "secrets", *key)


def _value(key: str, value: str | None, file: BinaryIO | None) -> str:
    if value is not None and file is not None:
        raise click.UsageError("--value and --file exclude each other")
    if file is not None:
        return file_text(file).removesuffix("\n").removesuffix("\r")
    return hidden(f"Value of {key}") if value is None else value

"""`flowker config`: what is kept between commands."""

import click

from flowker_cli.arguments import hidden
from flowker_cli.preferences import Kept
from flowker_cli.session import Session, output_format, pass_session, server_address, session_options

NAMES = ("server", "output", "api-key")
NAME = click.argument("name", type=click.Choice(NAMES))
SET = "(set)"
"""Shown instead of what must not be seen."""


@click.group()
def config() -> None:
    """What is kept between commands: the address of the server, the format of results, the key of /v1."""


@config.command()
@session_options()
@pass_session
def view(session: Session) -> None:
    """Show what holds now, and where it is from: flag, environment, file or default."""
    shown = [{"name": name, **_shown(session, name)} for name in (*NAMES, "token")]
    document = {"settings": shown, "folder": str(session.folder)}
    columns = {"NAME": "name", "VALUE": "value", "FROM": "source"}
    session.output.listing(document, "settings", columns)


@config.command()
@NAME
@session_options()
@pass_session
def get(session: Session, name: str) -> None:
    """Show what holds now for a name. A key is not shown."""
    shown = _shown(session, name)
    if session.output.format == "json":
        session.output.document({"name": name, **shown})
    else:
        click.echo(shown["value"] or "")


@config.command("set")
@NAME
@click.argument("value", required=False)
@session_options()
@pass_session
def set_(session: Session, name: str, value: str | None) -> None:
    """Keep a value. A key belongs to the server that is set, and is better not said: it is asked for, or read from stdin."""
    if name == "api-key":
        key = hidden("API key") if value is None else value
        session.credentials.write(session.server, session.credentials.read(session.server) | {"api_key": key})
    elif value is None:
        raise click.UsageError(f"say what {name} is to be")
    else:
        value = server_address(value) if name == "server" else output_format(value).value
        session.preferences.write(session.preferences.read() | {name: value})
    session.output.message({"message": f"{name} is kept"})


@config.command()
@click.argument("name", type=click.Choice(NAMES), required=False)
@session_options()
@pass_session
def reset(session: Session, name: str | None) -> None:
    """Forget what is kept for a name, or for all of them. `flowker logout` forgets the token."""
    if name in (None, "api-key"):
        _forget_key(session)
    if name != "api-key":
        kept: Kept = {} if name is None else session.preferences.read()
        kept.pop(str(name), None)
        session.preferences.write(kept)
    session.output.message({"message": f"{name or 'everything but the token'} is forgotten"})


def _forget_key(session: Session) -> None:
    kept = session.credentials.read(session.server)
    if kept.pop("api_key", None) is not None:
        session.credentials.write(session.server, kept)


def _shown(session: Session, name: str) -> dict[str, str | None]:
    setting = session.setting(name.replace("-", "_"))
    secret = name in ("api-key", "token")
    return {"value": SET if secret and setting.value else setting.value, "source": setting.source}

"""`flowker login`, `flowker logout`, `flowker auth`: the token that the verbs of /api/v1 send."""

from http import HTTPStatus
from urllib.parse import urlsplit

import click

from flowker_cli.arguments import hidden, visible
from flowker_cli.failure import Refused, note
from flowker_cli.paths import LOGIN
from flowker_cli.session import Session, pass_session, session_options

OF_TOKENS = ("token", "expires_at", "account_id")


@click.command()
@click.option("--username", metavar="EMAIL", help="E-mail address of the account.")
@click.option("--password", help="Better not said: it is asked for, or read from stdin.")
@session_options()
@pass_session
def login(session: Session, username: str | None, password: str | None) -> None:
    """Get a token and keep it, for this server only, in a file that nobody else may read."""
    _warn_of_plain_text(session.server)
    username = visible("User name (e-mail address)", "--username") if username is None else username
    password = hidden("Password") if password is None else password
    found = session.client.post(LOGIN, {"username": username, "password": password})
    kept = session.credentials.read(session.server)
    session.credentials.write(session.server, kept | {name: str(found[name]) for name in OF_TOKENS})
    if session.setting("token").source != "file":
        note("another token goes first, from a flag or from the environment")
    session.output.message(
        {
            "message": f"Logged in to {session.server} as {username} until {found['expires_at']}",
            "server": session.server,
            "account_id": found["account_id"],
            "expires_at": found["expires_at"],
        }
    )


@click.command()
@session_options()
@pass_session
def logout(session: Session) -> None:
    """Make the token unusable at once, close its sockets, and forget it."""
    try:
        document = session.client.post("/api/v1/auth/logout")
    except Refused as refused:
        if refused.status != HTTPStatus.UNAUTHORIZED:
            raise
        document = {"message": "The token was not valid any more"}
    if session.setting("token").source == "file":
        kept = session.credentials.read(session.server)
        rest = {name: value for name, value in kept.items() if name not in OF_TOKENS}
        session.credentials.write(session.server, rest)
    session.output.message(document)


@click.group()
def auth() -> None:
    """Who is logged in."""


@auth.command()
@session_options()
@pass_session
def status(session: Session) -> None:
    """Ask the server who is logged in, and tell until when. Exits with 1 if nobody is."""
    token = session.setting("token")
    account = session.client.get("/api/v1/accounts/me")
    kept = session.credentials.read(session.server) if token.source == "file" else {}
    session.output.document(
        {
            "server": session.server,
            "account": account["email"],
            "account_id": account["id"],
            "role": account["role"],
            "token_from": token.source,
            "expires_at": kept.get("expires_at"),
            "api_key": session.setting("api_key").value is not None,
        }
    )


def _warn_of_plain_text(server: str) -> None:
    parts = urlsplit(server)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        note(f"{server} is not encrypted: whoever listens on the way learns the password")

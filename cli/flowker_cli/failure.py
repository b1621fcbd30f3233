"""How a command fails: one reason on stderr, and the exit code 1."""

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

"""What every command goes by: the server, who asks it, and how answers are shown. Flags win over the environment, the
environment over what is kept."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from flowker_cli.output import Format, Output
from flowker_cli.preferences import Credentials, Preferences, folder

if TYPE_CHECKING:
    from flowker_cli.client import Client

DEFAULT_SERVER = "http://127.0.0.1:8080"
VARIABLES = {
    "server": "FLOWKER_SERVER",
    "token": "FLOWKER_TOKEN",
    "api_key": "FLOWKER_API_KEY",
    "output": "FLOWKER_OUTPUT",
}
DEFAULTS = {"server": DEFAULT_SERVER, "output": Format.TABLE.value}
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Setting:
    """A value, and where it is from: flag, environment, file or default."""

    value: str | None
    source: str


class Session:
    """One run of the command. `close` it."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}
        """What the flags say."""
        self.folder = folder(os.environ)
        self.preferences = Preferences(self.folder)
        self.credentials = Credentials(self.folder)

    def setting(self, name: str) -> Setting:
        """`server`, `token`, `api_key` or `output`."""
        if name in self.said:
            return Setting(self.said[name], "flag")
        if value := os.environ.get(VARIABLES[name]):
            return Setting(value, "environment")
        if value := self._kept(name):
            return Setting(value, "file")
        return Setting(DEFAULTS.get(name), "default")

    def _kept(self, name: str) -> str | None:
        if name in DEFAULTS:
            return self.preferences.read().get(name)
        return self.credentials.read(self.server).get(name)

    @cached_property
    def server(self) -> str:
        """Its address, without a slash at the end."""
        return server_address(self.setting("server").value or "")

    @cached_property
    def output(self) -> Output:
        return Output(output_format(self.setting("output").value or ""))

    @cached_property
    def client(self) -> "Client":
        from flowker_cli.client import Client

        client = Client(
            self.server,
            token=self.setting("token").value,
            api_key=self.setting("api_key").value,
            debug="debug" in self.said,
        )
        self._opened = client
        return client

    _opened: "Client | None" = None

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def server_address(text: str) -> str:
    """Raises `click.UsageError`."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise click.UsageError(f"{text!r} is not the address of a server, such as {DEFAULT_SERVER}")
    return text.rstrip("/")


def output_format(text: str) -> Format:
    """Raises `click.UsageError`."""
    try:
        return Format(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is not a format: json or table") from None


def say(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """The callback of options that say what `Session.said` holds."""
    if value:
        name = "server" if parameter.name == "url" else parameter.name
        context.ensure_object(Session).said[str(name)] = value


def session_options(*, output: bool = True) -> Callable[[Command], Command]:
    """The flags that are understood before and behind every verb; without `--output` where it has another meaning."""
    options = [
        _option("--server", metavar="URL", help="Address of Flowker (or $FLOWKER_SERVER)."),
        _option("--token", metavar="TOKEN", help="Token for /api/v1 (or $FLOWKER_TOKEN, or log in)."),
        _option("--api-key", metavar="KEY", help="Key for /v1 (or $FLOWKER_API_KEY)."),
        _option("--debug", is_flag=True, help="Tell on stderr what is asked of the server."),
    ]
    if output:
        formats = click.Choice([each.value for each in Format])
        options.append(_option("--output", type=formats, help="Format of results (or $FLOWKER_OUTPUT)."))

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    return click.option(*names, expose_value=False, callback=say, **attributes)


pass_session = click.make_pass_decorator(Session, ensure=True)

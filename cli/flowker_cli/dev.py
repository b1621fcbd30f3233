"""Run Flowker on this machine: http://127.0.0.1:8080, data in .flowker, until Ctrl-C."""

import asyncio
import ipaddress
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from flowker.settings import Settings

if TYPE_CHECKING:
    from flowker_local.server import Home

UNUSABLE = 2
ADMIN = "admin@localhost"
"""The first admin, if the environment names none."""


@dataclass
class Options:
    """What was said on the command line; `_complete` adds what the environment says."""

    host: str
    port: int
    data_dir: Path
    profile: Literal["local", "moto"]
    api_key: str | None
    no_auth: bool
    no_sample: bool
    allow_private_destinations: bool
    cors_origin: Sequence[str]
    fault_injection: bool
    accounts: Settings = field(default_factory=Settings)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port to listen on."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=Path(".flowker"),
    show_default=True,
    help="Where data is kept.",
)
@click.option(
    "--profile",
    type=click.Choice(["local", "moto"]),
    default="local",
    show_default=True,
    help="Home to run.",
)
@click.option(
    "--api-key",
    metavar="API_KEY",
    help="Key that callers must send (default: $FLOWKER_API_KEY, or one that is made and kept in the data dir).",
)
@click.option("--no-auth", is_flag=True, help="Let everybody on this machine in.")
@click.option("--no-sample", is_flag=True, help="Do not set up and run the sample workflow.")
@click.option(
    "--allow-private-destinations",
    is_flag=True,
    help="Let workflows call providers on private and loopback addresses (or $FLOWKER_SSRF_ALLOW_PRIVATE).",
)
@click.option(
    "--cors-origin",
    multiple=True,
    metavar="ORIGIN",
    help="Let web pages of this origin call the API; repeat it for more, or * for all (or $FLOWKER_CORS_ORIGINS).",
)
@click.option(
    "--fault-injection",
    is_flag=True,
    help="Let requests ask to fail, by the header X-Test-Fault-Injection: timeout | unavailable "
    "(or $FLOWKER_FAULT_INJECTION).",
)
def dev(**said: Any) -> None:
    """Run Flowker on this machine: http://127.0.0.1:8080, data in .flowker, until Ctrl-C."""
    if said["api_key"] and said["no_auth"]:
        raise click.UsageError("--no-auth is not allowed with --api-key")
    click.get_current_context().exit(run(Options(**said)))


def run(options: Options) -> int:
    """Serve until a signal. Returns 0, or 2 with one line on stderr if it cannot start."""
    # What a server needs is not installed where only the other verbs are used.
    from flowker_local.data_dir import DataDir, UnusableDataDir
    from flowker_local.server import PortBusy, listen, serve

    try:
        _complete(options, os.environ)
    except ValueError as error:
        return _refuse(str(error))
    if options.no_auth and not _loopback(options.host):
        return _refuse("--no-auth is for loopback addresses only; use --api-key")
    try:
        listener = listen(options.host, options.port)
    except PortBusy as error:
        return _refuse(str(error))
    os.umask(0o077)  # whatever is made from here on is in the data dir, and nobody else's business
    try:
        folder = DataDir.open(options.data_dir, options.profile)
    except UnusableDataDir as error:
        listener.close()
        return _refuse(str(error))
    try:
        key = None if options.no_auth else options.api_key or _kept_key(folder.path)
        settings = replace(
            options.accounts,
            api_keys={"cli": sha256(key.encode()).hexdigest()} if key else {},
            authenticate=key is not None,
            allow_private_destinations=options.allow_private_destinations,
            cors_origins=tuple(options.cors_origin),
            fault_injection=options.fault_injection,
        )
        home = _home(options.profile, folder.path, settings)
        url = f"http://{_shown(options.host)}:{listener.getsockname()[1]}"
        _run_loop(serve(home, listener, _greeting(options, url, key)))
    except ValueError as error:
        return _refuse(str(error))
    finally:
        listener.close()
        folder.close()
    return 0


def _complete(options: Options, env: Mapping[str, str]) -> None:
    """Take from the environment what was not said. Raises `ValueError`."""
    given = Settings.from_env(env)
    options.api_key = options.api_key or env.get("FLOWKER_API_KEY")
    options.allow_private_destinations |= given.allow_private_destinations
    options.cors_origin = options.cors_origin or given.cors_origins
    options.fault_injection |= given.fault_injection
    options.accounts = Settings(
        token_hours=given.token_hours,
        jwt_keys=given.jwt_keys,
        admin_email=given.admin_email,
        admin_password=given.admin_password,
    )


def _home(profile: str, folder: Path, settings: Settings) -> "Home":
    if profile == "moto":
        from flowker_local.moto_home import MotoHome

        return MotoHome(settings)
    from flowker_local.local import LocalHome

    return LocalHome(folder, settings)


def _run_loop(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def _greeting(options: Options, url: str, key: str | None) -> Callable[[], Awaitable[None]]:
    async def greet() -> None:
        print(
            f"Flowker is ready at {url} (profile {options.profile}, data in {options.data_dir})", flush=True
        )
        if options.profile == "moto":
            print(
                "  the moto profile emulates AWS in memory: it forgets everything when it stops", flush=True
            )
        print(await asyncio.to_thread(_welcome, options), end="", flush=True)
        if key is None:
            print("  WARNING: authentication is off; everybody on this machine can use it", flush=True)
        if not options.no_sample:
            from flowker_local.sample import present

            await present(url, key, allowed=options.allow_private_destinations)

    return greet


def _welcome(options: Options) -> str:
    """Make the first admin, if there has never been one; whose password nobody chose has to be told it."""
    from flowker.model.account import FirstAdmin
    from flowker.wiring.accounts import accounts

    chosen = options.accounts.admin_password
    made = FirstAdmin(options.accounts.admin_email or ADMIN, chosen or secrets.token_urlsafe(12))
    if not accounts().create_first(made):
        return ""
    told = "" if chosen else f", password {made.password} (it is not shown again)"
    return f"  first admin: {made.email}{told}\n"


def _kept_key(folder: Path) -> str:
    """The key of this data dir, made on first use."""
    path = folder / "api-key"
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"flowker-{secrets.token_urlsafe(24)}\n")  # never like an option
    return path.read_text().strip()


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refuse(reason: str) -> int:
    print(f"flowker: {reason}", file=sys.stderr)
    return UNUSABLE

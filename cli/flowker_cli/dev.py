"""Run Flowker on this machine: http://127.0.0.1:8080, data in .flowker, until Ctrl-C."""

import argparse
import asyncio
import ipaddress
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowker.settings import Settings

if TYPE_CHECKING:
    from flowker_local.server import Home

UNUSABLE = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `flowker dev`."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--data-dir", type=Path, default=Path(".flowker"), help="where data is kept (default: %(default)s)"
    )
    parser.add_argument(
        "--profile", choices=("local", "moto"), default="local", help="home to run (default: %(default)s)"
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--api-key",
        help="key that callers must send (default: $FLOWKER_API_KEY, or one that is made and kept in the data dir)",
    )
    key.add_argument("--no-auth", action="store_true", help="let everybody on this machine in")
    parser.add_argument("--no-sample", action="store_true", help="do not set up and run the sample workflow")
    parser.add_argument(
        "--allow-private-destinations",
        action="store_true",
        help="let workflows call providers on private and loopback addresses (or $FLOWKER_SSRF_ALLOW_PRIVATE)",
    )
    parser.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="let web pages of this origin call the API; repeat it for more, or * for all (or $FLOWKER_CORS_ORIGINS)",
    )
    parser.add_argument(
        "--fault-injection",
        action="store_true",
        help="let requests ask to fail, by the header X-Test-Fault-Injection: timeout | unavailable "
        "(or $FLOWKER_FAULT_INJECTION)",
    )


def run(options: argparse.Namespace) -> int:
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
    try:
        folder = DataDir.open(options.data_dir, options.profile)
    except UnusableDataDir as error:
        listener.close()
        return _refuse(str(error))
    try:
        key = None if options.no_auth else options.api_key or _kept_key(folder.path)
        settings = Settings(
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


def _complete(options: argparse.Namespace, env: Mapping[str, str]) -> None:
    """Take from the environment what was not said. Raises `ValueError`."""
    given = Settings.from_env(env)
    options.api_key = options.api_key or env.get("FLOWKER_API_KEY")
    options.allow_private_destinations |= given.allow_private_destinations
    options.cors_origin = options.cors_origin or given.cors_origins
    options.fault_injection |= given.fault_injection


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


def _greeting(options: argparse.Namespace, url: str, key: str | None) -> Callable[[], Awaitable[None]]:
    async def greet() -> None:
        print(
            f"Flowker is ready at {url} (profile {options.profile}, data in {options.data_dir})", flush=True
        )
        if options.profile == "moto":
            print(
                "  the moto profile emulates AWS in memory: it forgets everything when it stops", flush=True
            )
        if key is None:
            print("  WARNING: authentication is off; everybody on this machine can use it", flush=True)
        if not options.no_sample:
            from flowker_local.sample import present

            await present(url, key, allowed=options.allow_private_destinations)

    return greet


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

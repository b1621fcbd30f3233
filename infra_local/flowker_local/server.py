"""Serve a home over HTTP until a signal comes, then drain."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import uvicorn

from flowker_local.gateway import Gateway
from flowker_local.pool import Answer, Event


class Home(Protocol):
    """A profile: `local` or `moto`."""

    async def start(self) -> None: ...

    async def invoke(self, function: str, event: Event) -> Answer: ...

    async def close(self) -> None: ...


class PortBusy(Exception):
    """The message is one line for the person at the terminal."""


class _Server(uvicorn.Server):
    """Uvicorn, but signals are ours: a drained server exits with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `PortBusy`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortBusy(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


async def serve(
    home: Home, listener: socket.socket, ready: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Run until SIGINT or SIGTERM. `ready` runs once requests are answered."""
    await home.start()
    config = uvicorn.Config(
        Gateway(home.invoke),
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, setattr, server, "should_exit", True)
    greeting: asyncio.Task[None] | None = None
    try:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        if ready is not None:
            greeting = asyncio.create_task(_when_started(server, ready))
        await serving
    finally:
        if greeting is not None:
            greeting.cancel()
        await home.close()


async def _when_started(server: uvicorn.Server, ready: Callable[[], Awaitable[None]]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    await ready()

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
from flowker_local.sockets import LocalSockets

PING_SECONDS = 30.0
"""How often sockets are asked whether somebody is there, and how long an answer may take."""
MOST_SENT_BY_CLIENTS = 4096
"""Bytes of a message; all that clients have to say is that they are there."""
FAREWELL_SECONDS = 2.0


class Home(Protocol):
    """A profile: `local` or `moto`."""

    async def start(self) -> None: ...

    @property
    def sockets(self) -> LocalSockets:
        """Once it has started."""
        ...

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
        Gateway(home.invoke, home.sockets),
        ws="websockets-sansio",
        ws_max_size=MOST_SENT_BY_CLIENTS,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,  # it would cost more than it saves, on one machine
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    server, stopping = _Server(config), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    greeting: asyncio.Task[None] | None = None
    farewell = asyncio.create_task(_stop(server, stopping, home.sockets))
    try:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        if ready is not None:
            greeting = asyncio.create_task(_when_started(server, ready))
        await serving
    finally:
        farewell.cancel()
        if greeting is not None:
            greeting.cancel()
        await home.close()


async def _stop(server: uvicorn.Server, stopping: asyncio.Event, sockets: LocalSockets) -> None:
    """Sockets are told that the server goes away, which uvicorn would not do; then it drains."""
    await stopping.wait()
    await sockets.close_all(FAREWELL_SECONDS)
    server.should_exit = True


async def _when_started(server: uvicorn.Server, ready: Callable[[], Awaitable[None]]) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    await ready()

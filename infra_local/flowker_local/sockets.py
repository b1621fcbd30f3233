"""Sockets that this process holds: what is to be sent to them waits here, in order and within bounds."""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from threading import Lock
from typing import Any

from flowker.ports.sockets import Posted

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_WAITING = 512
MOST_CHARACTERS = 1_000_000
"""Of what waits for one connection, unless a single delivery is larger."""
PATIENCE = 5.0
"""Seconds that a connection may be full without taking anything. Then it is closed; its client comes back with `since`."""

NORMAL = 1000
GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013


class _Socket:
    """What waits for one connection; for whoever holds the lock of `LocalSockets`."""

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.news = asyncio.Event()
        self.over = asyncio.Event()
        self._waiting: deque[str] = deque()
        self._characters = 0
        self._full_since: float | None = None
        self._code: int | None = None

    @property
    def closing(self) -> bool:
        return self._code is not None

    def offer(self, texts: Sequence[str]) -> bool:
        """Take all or nothing."""
        more = sum(map(len, texts))
        full = len(self._waiting) + len(texts) > MOST_WAITING or self._characters + more > MOST_CHARACTERS
        if self._waiting and full:
            self._full_since = self._full_since or time.monotonic()
            return False
        self._waiting.extend(texts)
        self._characters += more
        return True

    @property
    def stuck(self) -> bool:
        return self._full_since is not None and time.monotonic() - self._full_since > PATIENCE

    def close(self, code: int, *, drop: bool = False) -> None:
        """After what waits, or with `drop` instead of it."""
        self._code = self._code or code
        if drop:
            self._waiting.clear()

    def take(self) -> tuple[str | None, int | None]:
        """What is to be sent next: a message, or the code to close with, or neither yet."""
        if self._waiting:
            text = self._waiting.popleft()
            self._characters -= len(text)
            self._full_since = None
            return text, None
        return None, self._code


class LocalSockets:
    """`ports.sockets.Sockets` of this process, from any of its threads. `open`, `send` and `forget` are for its event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = Lock()
        self._sockets: dict[str, _Socket] = {}
        self._followers: Counter[str] = Counter()
        self._closed = False

    def post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        gone, late, taken = set(), set(), []
        with self._lock:
            for name, texts in messages.items():
                socket = self._sockets.get(name)
                if socket is None or socket.closing:
                    gone.add(name)
                elif socket.offer(texts):
                    taken.append(socket)
                elif socket.stuck:
                    socket.close(TRY_AGAIN_LATER, drop=True)
                    taken.append(socket)
                    gone.add(name)
                else:
                    late.add(name)
        self._ring(taken)
        return Posted(frozenset(gone), frozenset(late))

    def close(self, connection_ids: Collection[str]) -> None:
        self._close(connection_ids, NORMAL)

    def follows(self, execution_id: str) -> bool:
        """Whether any connection is to this run."""
        with self._lock:
            return self._followers[execution_id] > 0

    def open(self, connection_id: str, execution_id: str) -> None:
        """From now on messages are taken; they wait for `send`."""
        socket = _Socket(execution_id)
        with self._lock:
            self._sockets[connection_id] = socket
            self._followers[execution_id] += 1
            if self._closed:
                socket.close(GOING_AWAY)

    def forget(self, connection_id: str) -> None:
        """The connection is no more."""
        with self._lock:
            socket = self._sockets.pop(connection_id)
            self._followers -= Counter([socket.execution_id])
        socket.over.set()

    async def send(self, connection_id: str, send: Send) -> None:
        """Send whatever comes, until the connection is to be closed."""
        with self._lock:
            socket = self._sockets[connection_id]
        while True:
            with self._lock:
                text, code = socket.take()
            if text is not None:
                await send({"type": "websocket.send", "text": text})
            elif code is not None:
                await send({"type": "websocket.close", "code": code})
                return
            else:
                await socket.news.wait()
                socket.news.clear()

    async def close_all(self, seconds: float) -> None:
        """The server stops: let clients know after what waits for them, and wait so long until they do."""
        with self._lock:
            self._closed = True
            names, over = list(self._sockets), [socket.over.wait() for socket in self._sockets.values()]
        self._close(names, GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*over)

    def _close(self, connection_ids: Collection[str], code: int) -> None:
        with self._lock:
            found = [self._sockets[name] for name in connection_ids if name in self._sockets]
            for socket in found:
                socket.close(code)
        self._ring(found)

    def _ring(self, sockets: Sequence[_Socket]) -> None:
        if sockets:
            self._loop.call_soon_threadsafe(_set, [socket.news for socket in sockets])


def _set(events: Sequence[asyncio.Event]) -> None:
    for event in events:
        event.set()

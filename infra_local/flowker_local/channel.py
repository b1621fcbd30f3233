"""Messages between the main process and its worker processes: pickled values, each behind its length.

Both ends are forks of one program over a private socket pair, so unpickling is safe here and nowhere else.
"""

import asyncio
import pickle
import socket
import struct
from collections import deque
from threading import Lock
from typing import Any, cast

_LENGTH = struct.Struct("!I")


def _packed(message: object) -> bytes:
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(content)) + content


def failure(error: Exception) -> tuple[bool, object]:
    """The reply that makes `WorkerEnd.call` raise this. Pickle would call the class with `args`, which is not what every
    class takes."""
    return False, (type(error), error.args, vars(error))


def _raised(kind: type[Exception], arguments: tuple[object, ...], state: dict[str, object]) -> Exception:
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(state)
    return error


class WorkerEnd:
    """The worker's side: blocking, one call at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._lock = Lock()
        self._told = b""

    def send(self, message: object) -> None:
        """Send what was told before and this, in one go: waking the other process is what costs."""
        told, self._told = self._told, b""
        self._connection.sendall(told + _packed(message))

    def receive(self) -> Any:
        """The next message. Raises `EOFError` when the main process is gone."""
        header = self._reader.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            raise EOFError
        content = self._reader.read(_LENGTH.unpack(header)[0])
        return pickle.loads(content)  # noqa: S301 - see the module's docstring

    def tell(self, operation: str, *arguments: object) -> None:
        """As `call`, without an answer and together with the next message; what goes wrong there is logged there."""
        with self._lock:
            self._told += _packed(("tell", operation, arguments))

    def call(self, operation: str, *arguments: object) -> Any:
        """Let the main process do something; raises what it raised."""
        with self._lock:
            self.send(("call", operation, arguments))
            succeeded, value = self.receive()
        if not succeeded:
            raise _raised(*value)
        return value


class MainEnd(asyncio.Protocol):
    """The main process's side of one worker, in the event loop; one reader at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._messages: deque[Any] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._lost = False

    @staticmethod
    async def over(connection: socket.socket) -> "MainEnd":
        _, end = await asyncio.get_running_loop().create_connection(MainEnd, sock=connection)
        return end

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                break
            self._messages.append(pickle.loads(self._buffer[_LENGTH.size : end]))  # noqa: S301 - see above
            del self._buffer[:end]
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._wake()

    def send(self, message: object) -> None:
        self._transport.write(_packed(message))

    async def receive(self) -> Any:
        """The next message. Raises `ConnectionResetError` when the worker is gone."""
        while not self._messages:
            if self._lost:
                raise ConnectionResetError("the worker process is gone")
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        return self._messages.popleft()

    def close(self) -> None:
        self._transport.close()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

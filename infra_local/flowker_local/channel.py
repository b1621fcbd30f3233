"""Messages between the main process and its worker processes: pickled values, each behind its length.

Both ends are forks of one program over a private socket pair, so unpickling is safe here and nowhere else.
"""

import asyncio
import pickle
import socket
import struct
from threading import Lock
from typing import Any

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

    def send(self, message: object) -> None:
        self._connection.sendall(_packed(message))

    def receive(self) -> Any:
        """The next message. Raises `EOFError` when the main process is gone."""
        header = self._reader.read(_LENGTH.size)
        if len(header) < _LENGTH.size:
            raise EOFError
        content = self._reader.read(_LENGTH.unpack(header)[0])
        return pickle.loads(content)  # noqa: S301 - see the module's docstring

    def call(self, operation: str, *arguments: object) -> Any:
        """Let the main process do something; raises what it raised."""
        with self._lock:
            self.send(("call", operation, arguments))
            succeeded, value = self.receive()
        if not succeeded:
            raise _raised(*value)
        return value


class MainEnd:
    """The main process's side of one worker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @staticmethod
    async def over(connection: socket.socket) -> "MainEnd":
        reader, writer = await asyncio.open_connection(sock=connection, limit=2**20)
        return MainEnd(reader, writer)

    async def send(self, message: object) -> None:
        self._writer.write(_packed(message))
        await self._writer.drain()

    async def receive(self) -> Any:
        """The next message. Raises `asyncio.IncompleteReadError` when the worker is gone."""
        header = await self._reader.readexactly(_LENGTH.size)
        content = await self._reader.readexactly(_LENGTH.unpack(header)[0])
        return pickle.loads(content)  # noqa: S301 - see the module's docstring

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

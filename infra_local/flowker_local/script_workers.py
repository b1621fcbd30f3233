"""Processes that run the scripts of flows: forked for nothing else, so a script that hangs or breaks the engine ends one of
them and no more. What they say is JSON, never a pickle: nothing that a script could do becomes code in the main process.
"""

import json
import logging
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore, Lock
from typing import Any

from flowker.expressions.scripts.limits import HARD_SECONDS
from flowker_local.functions import Context, handler

logger = logging.getLogger(__name__)

FUNCTION = "run_script"
MOST = 8
"""Scripts that run at the same time; they wait for nothing, so more would only share the processors."""
_LENGTH = struct.Struct("!I")
_STOPPED = "the script was stopped: it did not come to an end"


class ScriptWorkers:
    """The `Scripts` of a machine. `spawn` returns a connection to a new process that runs `serve_scripts`."""

    def __init__(self, spawn: Callable[[], socket.socket], most: int = MOST) -> None:
        self._spawn = spawn
        self._slots = BoundedSemaphore(most)
        self._lock = Lock()
        self._idle: list[socket.socket] = []
        self._closed = False

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """In any thread. A process that dies or hangs is an answer with an error."""
        with self._slots:
            worker = self._take()
            try:
                _send(worker, request)
                answer: Mapping[str, Any] = _receive(worker)
            except (OSError, EOFError) as error:
                worker.close()
                logger.warning("a process that runs scripts was lost: %s", error)
                return _lost(request)
            self._give_back(worker)
        return answer

    def close(self) -> None:
        """Let the idle processes go; busy ones follow when they have answered."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def _take(self) -> socket.socket:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        worker = self._spawn()
        worker.settimeout(2 * HARD_SECONDS)
        return worker

    def _give_back(self, worker: socket.socket) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.close()


def _lost(request: Mapping[str, Any]) -> Mapping[str, Any]:
    if "check" in request:
        return {"problems": [{"item": 0, "message": _STOPPED}]}
    return {"values": [], "logs": [], "error": {"item": 0, "message": _STOPPED, "line": None}}


def serve_scripts(connection: socket.socket) -> None:
    """The process's side: one request at a time, until the main process is gone. Requests that take too long end it."""
    from flowker.expressions.scripts import quickjs_engine

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        while True:
            quickjs_engine.prepare()
            request = _receive(connection)
            signal.setitimer(signal.ITIMER_REAL, HARD_SECONDS)
            answer = handler(FUNCTION)(request, Context(FUNCTION, ""))
            signal.setitimer(signal.ITIMER_REAL, 0)
            _send(connection, answer)
    except (EOFError, ConnectionError):
        return


def _send(connection: socket.socket, message: Mapping[str, Any]) -> None:
    content = json.dumps(message).encode()
    connection.sendall(_LENGTH.pack(len(content)) + content)


def _receive(connection: socket.socket) -> Any:
    """The next message. Raises `EOFError` when the other end is gone."""
    return json.loads(_exactly(connection, _LENGTH.unpack(_exactly(connection, _LENGTH.size))[0]))


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        some = connection.recv(min(size - len(content), 1 << 20))
        if not some:
            raise EOFError("the connection ended")
        content += some
    return bytes(content)

"""Worker processes: the HTTP functions, one event at a time each, as on Lambda (architecture §1).

The zygote is forked before the main process has threads. It imports every function once and forks a ready worker on
request, so a worker costs milliseconds and shares its memory with the others. Everybody leaves when the other end of the
socket closes, so nothing outlives the main process, however it ends.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Write
from flowker.adapters.scheduler import NoTimer
from flowker.compiler.compile import content_name
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.model.workflow import MachineType
from flowker.ports import Http
from flowker.ports.sockets import Posted
from flowker.settings import Settings
from flowker_local.channel import WorkerEnd
from flowker_local.functions import Context, handler
from flowker_local.key_file import KeyFileCipher
from flowker_local.sqlite_blobs import read_blob
from flowker_local.sqlite_file import SqliteReaders
from flowker_local.sqlite_table import SqliteReads

Serve = Callable[[socket.socket], None]

MOST_DESCRIPTORS = 1024
"""No descriptor of a process that has only just started is above this."""


class WorkerTable(SqliteReads):
    """A worker reads the file itself and lets the main process write, so that writes share their commits."""

    def __init__(self, file: SqliteReaders, channel: WorkerEnd) -> None:
        super().__init__(file)
        self._call = channel.call

    def write(self, writes: Sequence[Write]) -> None:
        self._call("write", writes)


class RemoteEngine:
    """The orchestrator of a worker, in the main process."""

    def __init__(self, channel: WorkerEnd) -> None:
        self._call = channel.call
        self._tell = channel.tell

    def reference(self, definition: Json, kind: MachineType) -> str:
        return content_name(kind, definition)

    def publish(self, definition: Json, kind: MachineType) -> str:
        return str(self._call("publish", definition, kind))

    def delete(self, reference: str) -> None:
        self._call("delete", reference)

    def start(self, execution: Execution) -> bool:
        """Not waited for: the execution is accepted, and what does not start now is started by the reconciler."""
        self._tell("start", execution)
        return False

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        """Waited for: nobody would notice that it was not done."""
        self._call("resume", execution, at, leg)

    def answer(self, token: str, output: Json) -> bool:
        return bool(self._call("answer", token, output))

    def stop(self, execution: Execution) -> None:
        """Waited for: the run has stopped when this returns."""
        self._call("stop", execution)

    def wait(self, execution_id: str, seconds: float) -> None:
        self._call("wait", execution_id, seconds)

    def probe(self) -> None:
        """Raises unless the main process answers."""
        self._call("probe")


class RemoteSockets:
    """The sockets and the pusher, which the main process has."""

    def __init__(self, channel: WorkerEnd) -> None:
        self._call = channel.call
        self._tell = channel.tell

    def post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        posted: Posted = self._call("post", messages)
        return posted

    def close(self, connection_ids: Collection[str]) -> None:
        self._call("close_sockets", connection_ids)

    def wake(self, execution_id: str) -> None:
        self._tell("wake", execution_id)


class RemoteScripts:
    """Scripts run in processes of their own, which the main process has."""

    def __init__(self, channel: WorkerEnd) -> None:
        self._call = channel.call

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._call("script", request)
        return answer


class WorkerBlobs:
    """As with the table: read here, written by the main process."""

    def __init__(self, file: SqliteReaders, channel: WorkerEnd) -> None:
        self._file = file
        self._call = channel.call

    def put(self, key: str, content: bytes) -> None:
        self._call("put_blob", key, content)

    def get(self, key: str) -> bytes:
        return read_blob(self._file, key)

    def delete(self, start: str) -> None:
        self._call("delete_blobs", start)


class Zygote:
    """The main process's handle on the process that forks workers. Create it before any thread exists.

    `functions` are loaded before the first fork; `serve` is what a worker does with its connection, until that ends.
    """

    def __init__(self, serve: Serve, functions: Sequence[str]) -> None:
        self._control, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            # Locks and listening sockets must not outlive the main process in its children.
            os.closerange(3, theirs.fileno())
            os.closerange(theirs.fileno() + 1, MOST_DESCRIPTORS)
            _zygote(theirs, serve, functions)
            _leave()
        theirs.close()

    def spawn(self) -> socket.socket:
        """A connection to a new worker; its messages wait until it is ready."""
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"spawn"], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """Let the zygote go and wait for it."""
        self._control.close()
        os.waitpid(self._pid, 0)


def _leave() -> None:
    """End a forked process without running the parent's exit handlers."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _zygote(control: socket.socket, serve: Serve, functions: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for name in functions:
        handler(name)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            serve(socket.socket(fileno=descriptors[0]))
            _leave()
        os.close(descriptors[0])


def serve_http(settings: Settings, cipher: KeyFileCipher, database: Path, connection: socket.socket) -> None:
    """A worker that runs the HTTP functions."""
    channel = WorkerEnd(connection)
    file = SqliteReaders(database)
    table = WorkerTable(file, channel)
    engine = RemoteEngine(channel)
    sockets = RemoteSockets(channel)
    scripts = RemoteScripts(channel)
    wiring.use(
        wiring.Home(
            settings=settings,
            table=table,
            blobs=WorkerBlobs(file, channel),
            cipher=cipher,
            machines=engine,
            completions=engine,
            http=partial(_outbound_http, settings),
            probes={"dynamodb": lambda: _read_nothing(table), "stepfunctions": engine.probe},
            scripts=lambda: scripts,
            sockets=lambda: sockets,
            pusher=lambda: sockets,
            timer=NoTimer,
        )
    )
    try:
        while True:
            name, event = channel.receive()
            context = Context(name, event["requestContext"]["requestId"])
            result: dict[str, Any] = handler(name)(event, context)
            channel.send(("result", result))
    except (EOFError, ConnectionError):
        return


def _read_nothing(table: WorkerTable) -> None:
    table.get([keys.workflow("probe")])


def _outbound_http(settings: Settings) -> Http:
    """Made by the workers that test connections, and no earlier: it takes a while to import."""
    from flowker.adapters.aws import outbound_http

    return outbound_http(settings)

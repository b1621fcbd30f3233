"""Worker processes: the HTTP functions, one event at a time each, as on Lambda (architecture §1).

The zygote is forked before the main process has threads. It imports every function once and forks a ready worker on
request, so a worker costs milliseconds and shares its memory with the others. Everybody leaves when the other end of the
socket closes, so nothing outlives the main process, however it ends.
"""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

from flowker import wiring
from flowker.adapters.items import Item, Key, Query, Write
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.ports import Http
from flowker.settings import Settings
from flowker_local.channel import WorkerEnd
from flowker_local.functions import HTTP_FUNCTIONS, Context, handler
from flowker_local.key_file import KeyFileCipher

MOST_DESCRIPTORS = 1024
"""No descriptor of a process that has only just started is above this."""


class RemoteHome:
    """The ports of a worker, each call answered by the main process."""

    def __init__(self, channel: WorkerEnd) -> None:
        self._call = channel.call

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        found: list[Item | None] = self._call("get", keys)
        return found

    def query(self, query: Query) -> list[Item]:
        found: list[Item] = self._call("query", query)
        return found

    def write(self, writes: Sequence[Write]) -> None:
        self._call("write", writes)

    def publish(self, name: str, definition: Json) -> str:
        return str(self._call("publish", name, definition))

    def start(self, execution: Execution) -> None:
        self._call("start", execution)

    def wait(self, execution_id: str, seconds: float) -> None:
        self._call("wait", execution_id, seconds)

    def probe_store(self) -> None:
        self._call("probe_store")

    def probe_engine(self) -> None:
        self._call("probe_engine")


class RemoteBlobs:
    """The blobs of a worker."""

    def __init__(self, channel: WorkerEnd) -> None:
        self._call = channel.call

    def put(self, key: str, content: bytes) -> None:
        self._call("put_blob", key, content)

    def get(self, key: str) -> bytes:
        content: bytes = self._call("get_blob", key)
        return content


class Zygote:
    """The main process's handle on the process that forks workers. Create it before any thread exists."""

    def __init__(self, settings: Settings, cipher: KeyFileCipher) -> None:
        self._control, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            # Locks and listening sockets must not outlive the main process in its children.
            os.closerange(3, theirs.fileno())
            os.closerange(theirs.fileno() + 1, MOST_DESCRIPTORS)
            _zygote(theirs, settings, cipher)
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


def _zygote(control: socket.socket, settings: Settings, cipher: KeyFileCipher) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for name in HTTP_FUNCTIONS:
        handler(name)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return
        if os.fork() == 0:
            control.close()
            _serve(socket.socket(fileno=descriptors[0]), settings, cipher)
            _leave()
        os.close(descriptors[0])


def _serve(connection: socket.socket, settings: Settings, cipher: KeyFileCipher) -> None:
    channel = WorkerEnd(connection)
    remote = RemoteHome(channel)
    wiring.use(
        wiring.Home(
            settings=settings,
            table=remote,
            blobs=RemoteBlobs(channel),
            cipher=cipher,
            machines=remote,
            completions=remote,
            http=_no_calls,
            probes={"dynamodb": remote.probe_store, "stepfunctions": remote.probe_engine},
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


def _no_calls() -> Http:
    raise RuntimeError("the HTTP functions do not call providers")

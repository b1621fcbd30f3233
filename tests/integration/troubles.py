"""A DynamoDB in front of another one, which refuses, forgets to answer or breaks off as it is told."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

_PREFIX = "com.amazonaws.dynamodb.v20120810#"


@dataclass(frozen=True)
class Refusal:
    """An error that DynamoDB answers instead of doing anything. `reasons` are those of a cancelled transaction."""

    code: str
    status: int = 400
    reasons: Sequence[str] = ()

    @property
    def body(self) -> bytes:
        document: dict[str, Any] = {"__type": f"{_PREFIX}{self.code}", "message": f"told by {_PREFIX}"}
        if self.reasons:
            document["CancellationReasons"] = [{"Code": reason, "Message": None} for reason in self.reasons]
        return json.dumps(document).encode()

    def __str__(self) -> str:
        return self.reasons[-1] if self.reasons else self.code


class Break(Enum):
    """What goes wrong on the way: before the request arrives, or with its answer."""

    BEFORE = "before"
    ANSWER_LOST = "answer lost"
    ANSWER_CUT = "answer cut"
    ANSWER_GARBLED = "answer garbled"

    def __str__(self) -> str:
        return self.value


Trouble = Refusal | Break | None


@dataclass
class Endpoint:
    """`plan` says what happens to each request; None is no trouble. `operations` counts the requests."""

    url: str
    plan: Iterator[Trouble] = field(default_factory=lambda: repeat(None))
    operations: Counter[str] = field(default_factory=Counter)


@contextmanager
def endpoint(backend: str | None = None) -> Iterator[Endpoint]:
    """Serve on a free loopback port, until the end of the `with` block, one request at a time."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    running = Endpoint(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"running": running, "backend": backend})
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    running: Endpoint
    backend: str | None
    protocol_version = "HTTP/1.1"
    wbufsize = (
        -1
    )  # an answer leaves in one piece: in two, the second would wait for the first to be acknowledged

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.running.operations[self.headers["X-Amz-Target"].rpartition(".")[2]] += 1
        trouble = next(self.running.plan)
        if isinstance(trouble, Refusal):
            self._answer(trouble.status, trouble.body)
        elif trouble is Break.BEFORE:
            self.close_connection = True
        else:
            self._pass_on(body, trouble)

    def _pass_on(self, body: bytes, trouble: Trouble) -> None:
        status, content = self._ask(body)
        match trouble:
            case None:
                self._answer(status, content)
            case Break.ANSWER_LOST:
                self.close_connection = True
            case Break.ANSWER_CUT:
                self._answer(status, content, content[: len(content) // 2])
                self.close_connection = True
            case Break.ANSWER_GARBLED:
                self._answer(status, content, content[:-1] + b"]")

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        assert self.backend is not None, "nobody is behind this endpoint"
        connection = HTTPConnection(urlsplit(self.backend).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        try:
            connection.request("POST", "/", body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _answer(self, status: int, content: bytes, sent: bytes | None = None) -> None:
        """Announce the content, and send it or something else."""
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Amz-Crc32", str(crc32(content)))
        self.end_headers()
        self.wfile.write(content if sent is None else sent)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - what it overrides calls it so
        """Nobody reads it."""

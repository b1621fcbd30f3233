"""An HTTP service on loopback, made of a function from requests to answers; each connection has a thread."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from flowker.model import exact_json


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived. `target` is path and query as they were sent; names of headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def json(self) -> Any:
        """The body, with exact numbers; None where it is empty. Raises `ValueError` where it is no JSON."""
        return exact_json.loads(self.content) if self.content else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What to say, as JSON unless the headers say otherwise."""

    status: int
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, document: Any, **headers: str) -> Answer:
    """An answer with this document. In names of headers `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, exact_json.dumps(document).encode(), named)


def refusal(status: int, code: str, message: str) -> Answer:
    """An error, `{code, message}`."""
    return json_answer(status, {"code": code, "message": message})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body leave in two writes; the second must not wait
    answer: Callable[[Request], Answer]

    def _serve(self) -> None:
        """Answer a request that arrived whole; one whose caller died while sending it is none."""
        length = int(self.headers.get("Content-Length", 0))
        content = self.rfile.read(length)
        if len(content) < length:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._say(type(self).answer(Request(self.command, self.path, headers, content)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names are inherited

    def _say(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        try:
            self.wfile.write(answer.content)
        except OSError:
            self.close_connection = True  # the caller has given up, as it may

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers may hang up, or be killed, while they wait."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def service(answer: Callable[[Request], Answer]) -> Iterator[str]:
    """The base URL of a service that answers like this, on a free port, for as long as the block runs."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A provider on this machine that answers as it is told, well-behaved or not."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from threading import Event, Lock, Thread


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Message
    body: bytes


class Call(BaseHTTPRequestHandler):
    """One connection; what happens on it is decided by the behaviour registered for the path."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "ProviderServer"

    def answer(self, status: int = 200, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def redirect(self, location: str, status: int = 302) -> None:
        self.answer(status, b"moved", {"Location": location})

    def raw(self, data: bytes) -> None:
        """Send these bytes and hang up afterwards."""
        self.close_connection = True
        self.wfile.write(data)
        self.wfile.flush()

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Send byte by byte until the client gives up."""
        for byte in data:
            self.raw(bytes([byte]))
            if self.server.stopping.wait(pause):
                return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Nothing: tests look at `received`."""

    def _serve(self) -> None:
        path = self.path.partition("?")[0]
        behaviour = self.server.behaviours.get(path, echo)
        if behaviour not in (never_reads, sips):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with self.server.lock:
                self.server.received.append(Received(self.command, self.path, self.headers, body))
            self.body = body
        behaviour(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve  # noqa: N815


Behaviour = Callable[[Call], None]


def echo(call: Call) -> None:
    """Answer with what was received."""
    seen = {
        "method": call.command,
        "target": call.path,
        "headers": {name.lower(): value for name, value in call.headers.items()},
        "body": call.body.decode(),
    }
    call.answer(200, json.dumps(seen).encode(), {"Content-Type": "application/json"})


def never_reads(call: Call) -> None:
    """Leave the request's body where it is."""
    call.close_connection = True
    call.server.stopping.wait(10)


def sips(call: Call) -> None:
    """Read the request's body a little at a time."""
    call.close_connection = True
    while call.connection.recv(65536) and not call.server.stopping.wait(0.005):
        pass


class ProviderServer(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, tls: SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.tls = tls
        self.behaviours: dict[str, Behaviour] = {}
        self.received: list[Received] = []
        self.connections = 0
        self.stopping = Event()
        self.lock = Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def url(self, path: str = "", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    def finish_request(self, request: object, client_address: object) -> None:
        with self.lock:
            self.connections += 1
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)  # type: ignore[arg-type]
        try:
            super().finish_request(request, client_address)  # type: ignore[arg-type]
        finally:
            request.close()  # type: ignore[attr-defined]

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: clients that hang up are what is tested."""


@contextmanager
def provider_server(tls: SSLContext | None = None) -> Iterator[ProviderServer]:
    server = ProviderServer(tls)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()

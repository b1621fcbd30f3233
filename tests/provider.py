"""A provider on loopback that behaves as each request asks: `POST /<behaviour>` with optional numbers in the path."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Call:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""
    at: float = field(default_factory=time.monotonic)


@dataclass
class Provider:
    """What arrived, and what to answer. Behaviours by first path segment:

    `/score` and anything unknown: 200 with `{"score": <amount/100>, "echo": body}`; `/status/<code>`: that status;
    `/flaky/<n>/<code>`: the code for the first n calls of that path, then 200; `/flaky/<n>/<code>/<seconds>`: likewise,
    with these as `Retry-After`; `/slow/<seconds>`; `/big/<bytes>`;
    `/redirect?to=<url>`; `/text`: plain text; `/empty`: 204; `/echo`: what was sent, byte by byte;
    `/decision/<word>`: 200 with `{"decision": <word>, "echo": body}`.
    """

    url: str
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, path: str) -> list[Call]:
        """The calls whose path begins so."""
        with self.lock:
            return [call for call in self.calls if call.path.startswith(path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    provider: Provider

    def _serve(self) -> None:
        """Answer a request that arrived whole; one whose caller died while sending it is no call."""
        length = int(self.headers.get("Content-Length", 0))
        raw = self.rfile.read(length)
        if len(raw) == length:
            self._behave(raw)
        else:
            self.close_connection = True

    def _recorded(self, raw: bytes) -> tuple[Any, int]:
        """The body, and how many calls of this path there were with this one."""
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode()
        call = Call(
            self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body, raw
        )
        with self.provider.lock:
            self.provider.calls.append(call)
            return body, sum(other.path == self.path for other in self.provider.calls)

    def _behave(self, raw: bytes) -> None:
        body, count = self._recorded(raw)
        words = self.path.split("?")[0].strip("/").split("/")
        if words[0] == "slow":
            time.sleep(float(words[1]))
        if words[0] == "status":
            self._answer(int(words[1]), b'{"error":"as asked"}')
        elif words[0] == "flaky" and count <= int(words[1]):
            self._answer(int(words[2]), b'{"error":"not yet"}', _retry_after(words[3:]))
        elif words[0] == "big":
            self._answer(200, b'"' + b"x" * int(words[1]) + b'"')
        elif words[0] == "redirect":
            self._answer(302, b"", {"Location": self.path.split("to=")[1]})
        elif words[0] == "decision":
            self._answer(200, json.dumps({"decision": words[1], "echo": body}).encode())
        elif words[0] == "text":
            self._answer(200, b"plain", {"Content-Type": "text/plain"})
        elif words[0] == "empty":
            self._answer(204, b"")
        elif words[0] == "echo":
            self._answer(200, raw)
        else:
            amount = body.get("amount", 0) if isinstance(body, dict) else 0
            self._answer(200, json.dumps({"score": int(float(amount) / 100), "echo": body}).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the names are inherited

    def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the caller has given up, as it may

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Quiet."""


def _retry_after(words: list[str]) -> dict[str, str]:
    return {"Retry-After": words[0]} if words and words[0].isdigit() else {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers may be killed while they wait."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider for as long as the block runs."""
    provider = Provider("")
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

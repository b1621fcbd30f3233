"""An OpenID Connect server on loopback: opaque tokens, both ways of client authentication, and faults on demand."""

import json
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus
from uuid import uuid4

DISCOVERY = "/.well-known/openid-configuration"
Answer = tuple[int, bytes, dict[str, str]]


@dataclass(frozen=True)
class TokenRequest:
    """One request to `/token`. `basic` is the decoded pair of the header, None without one."""

    form: dict[str, str]
    headers: dict[str, str]
    basic: tuple[str, str] | None


@dataclass
class OidcServer:
    """Knows one client and one user. Change the fields to change what it does."""

    url: str = ""
    client: tuple[str, str] = ("client-1", "s3cr3t-client")
    user: tuple[str, str] = ("ana", "s3cr3t-user")
    public_clients: bool = False
    lifetime: Any = 3600
    """`expires_in` of the tokens; None leaves it out."""
    token_type: str | None = "Bearer"
    rotates: bool = True
    """Whether a refresh brings a new refresh token and ends the old one."""
    delay: float = 0.0
    scripted: list[Answer] = field(default_factory=list)
    """Answers to the next requests to `/token`, in place of tokens."""
    discovery: dict[str, Any] | None = None
    """The discovery document, where it is not the usual one."""
    discovery_status: int = 200

    token_requests: list[TokenRequest] = field(default_factory=list)
    discoveries: int = 0
    access_tokens: set[str] = field(default_factory=set)
    """Those that are valid; every one there ever was is in `issued`, with the refresh tokens."""
    refresh_tokens: set[str] = field(default_factory=set)
    issued: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    @property
    def grants(self) -> list[str]:
        with self.lock:
            return [request.form["grant_type"] for request in self.token_requests]

    def accepts(self, authorization: str | None) -> bool:
        """Whether a provider that trusts this server would let the caller in."""
        scheme, _, token = (authorization or "").partition(" ")
        with self.lock:
            return scheme == "Bearer" and token in self.access_tokens

    def revoke(self) -> None:
        """Make all tokens invalid, refresh tokens included."""
        with self.lock:
            self.access_tokens.clear()
            self.refresh_tokens.clear()

    def refuse(self, status: int, document: Any = None, **headers: str) -> None:
        """Answer the next request for a token like that."""
        body = b"" if document is None else json.dumps(document).encode()
        self.scripted.append((status, body, {"Content-Type": "application/json", **headers}))

    def redirect(self, location: str, status: int = 307) -> None:
        self.refuse(status, Location=location)

    def secrets(self) -> list[str]:
        """All that must never be seen."""
        with self.lock:
            return [self.client[1], self.user[1], *self.issued]

    def answer(self, request: TokenRequest) -> Answer:
        """What the token endpoint says."""
        with self.lock:
            self.token_requests.append(request)
            if self.scripted:
                return self.scripted.pop(0)
            error = self._refusal(request)
            if error:
                # A description that repeats what was sent: real servers do.
                document = {"error": error, "error_description": json.dumps(request.form)}
                return 401 if error == "invalid_client" else 400, json.dumps(document).encode(), {}
            return 200, json.dumps(self._issue(request.form)).encode(), {}

    def _refusal(self, request: TokenRequest) -> str | None:
        form = request.form
        secret = form.get("client_secret")
        presented = request.basic or (form.get("client_id"), secret)
        public = self.public_clients and request.basic is None and secret is None
        if presented != self.client and not (public and form.get("client_id") == self.client[0]):
            return "invalid_client"
        match form["grant_type"]:
            case "client_credentials":
                return None
            case "password":
                return None if (form.get("username"), form.get("password")) == self.user else "invalid_grant"
            case "refresh_token":
                return None if form.get("refresh_token") in self.refresh_tokens else "invalid_grant"
            case _:
                return "unsupported_grant_type"

    def _issue(self, form: dict[str, str]) -> dict[str, Any]:
        access = f"access-{uuid4()}"
        self.access_tokens.add(access)
        self.issued.append(access)
        document = {
            "access_token": access,
            "token_type": self.token_type,
            "expires_in": self.lifetime,
            "scope": form.get("scope", ""),
        }
        if form["grant_type"] == "password" or (form["grant_type"] == "refresh_token" and self.rotates):
            refresh = f"refresh-{uuid4()}"
            self.refresh_tokens.discard(form.get("refresh_token", ""))
            self.refresh_tokens.add(refresh)
            self.issued.append(refresh)
            document["refresh_token"] = refresh
        return {name: value for name, value in document.items() if value is not None}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    oidc: OidcServer

    def do_GET(self) -> None:
        if self.path != DISCOVERY:
            self._send(404, b"", {})
            return
        with self.oidc.lock:
            self.oidc.discoveries += 1
        usual = {"issuer": "https://somewhere.else", "token_endpoint": self.oidc.token_url}
        document = usual if self.oidc.discovery is None else self.oidc.discovery
        self._send(self.oidc.discovery_status, json.dumps(document).encode(), {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        basic = None
        if scheme == "Basic":
            client_id, _, secret = b64decode(encoded).decode().partition(":")
            basic = unquote_plus(client_id), unquote_plus(secret)
        if self.oidc.delay:
            time.sleep(self.oidc.delay)
        self._send(*self.oidc.answer(TokenRequest(form, headers, basic)))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the caller has given up, as it may

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers may hang up while they wait."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running_oidc_server() -> Iterator[OidcServer]:
    """An OpenID Connect server for as long as the block runs."""
    oidc = OidcServer()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"oidc": oidc}))
    oidc.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield oidc
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

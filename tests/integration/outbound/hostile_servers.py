"""Servers that mean harm, and the nodes that go to them (FlowRunner spec c.3, d)."""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail import NetworkMail
from flowker.adapters.outbound_http import OutboundHttp
from flowker.adapters.postgres import PostgresServers
from flowker.nodes.flow.base import FlowFailure
from tests.flow_nodes import World

HOST = "mail.example.test"
"""Of the certificate, and where everybody listens."""
SECRET = "s3cret/of a tenant+é"

Talk = Callable[[socket.socket, Event], None]
"""What a server does with a connection; the event tells that the test is over."""


@dataclass(frozen=True)
class Integration:
    """`opening` is how its server begins; `tls` how it is encrypted: as the `url` says, `at once`, `later`, or not."""

    name: str
    kind: str
    params: Mapping[str, Any]
    opening: bytes
    tls: str | None = "url"

    def at(
        self, port: int, *, encrypted: bool = False, host: str = HOST, timeout: float = 0.4
    ) -> dict[str, Any]:
        place = {"PORT": str(port), "HOST": host, "SCHEME": "https" if encrypted else "http"}

        def filled(text: str) -> str:
            for name, value in place.items():
                text = text.replace(name, value)
            return text

        given: dict[str, Any] = {
            name: filled(value) if isinstance(value, str) else value for name, value in self.params.items()
        }
        for name in ("smtp_port", "imap_port", "port"):
            if name in given:
                given[name] = port
        return {**given, "timeout": f"{int(timeout * 1000)}ms"}


_URL = "SCHEME://HOST:PORT/x"
_HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LLM = {"api_key": SECRET, "model": "m", "prompt": "hello", "base_url": _URL}
_AWS = {"access_key": "AKIDEXAMPLE", "secret_key": SECRET}
_LETTER = {"from": "a@example.com", "to": "b@example.com", "subject": "s", "body": "b"}
_SMTP = {"smtp_host": "HOST", "smtp_port": 0, "username": "desk", "password": SECRET, **_LETTER}
_IMAP = {"imap_host": "HOST", "imap_port": 0, "username": "desk", "password": SECRET}
_SQL = {
    "operation": "execute",
    "query": "SELECT 1",
    "host": "HOST",
    "port": 0,
    "user": "u",
    "password": SECRET,
}

OVER_HTTP = (
    Integration("http.request", "http.request", {"url": _URL, "bearer_token": "t0ken-of-tenant"}, _HTTP),
    Integration("webhook", "webhook", {"url": _URL, "body": {}, "secret": SECRET}, _HTTP),
    Integration("llm openai", "llm", {**_LLM, "api_key": "s3cret-key"}, _HTTP),
    Integration("llm anthropic", "llm", {**_LLM, "api_key": "s3cret-key", "provider": "anthropic"}, _HTTP),
    Integration("llm generic", "llm", {**_LLM, "api_key": "s3cret-key", "provider": "mine"}, _HTTP),
    Integration("agent", "agent", {**_LLM, "api_key": "s3cret-key"}, _HTTP),
    Integration(
        "mcp", "mcp", {"url": _URL, "operation": "listTools", "headers": {"X-Key": "${secrets.KEY}"}}, _HTTP
    ),
    Integration("email.send ses", "email.send", {"ses": True, "base_url": _URL, **_AWS, **_LETTER}, _HTTP),
    Integration("dynamodb", "dynamodb", {"operation": "list", "endpoint": _URL, **_AWS}, _HTTP),
)
OTHERS = (
    Integration("email.send 587", "email.send", _SMTP, b"220 hi\r\n", "later"),
    Integration("email.send 465", "email.send", {**_SMTP, "tls": "implicit"}, b"220 hi\r\n", "at once"),
    Integration("email.receive 143", "email.receive", _IMAP, b"* OK hi\r\n", "later"),
    Integration(
        "email.receive 993", "email.receive", {**_IMAP, "tls": "implicit"}, b"* OK hi\r\n", "at once"
    ),
    Integration("postgres", "postgres", _SQL, b"S", "later"),
    Integration(
        "postgres in clear", "postgres", {**_SQL, "sslmode": "disable"}, b"R\0\0\0\x08\0\0\0\0", None
    ),
)
INTEGRATIONS = (*OVER_HTTP, *OTHERS)


@contextmanager
def hostile(talk: Talk, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port of a server that talks so to everybody who comes; with `tls` it begins with a handshake."""
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        talking: list[Thread] = []
        connections: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            try:
                with connection if tls is None else tls.wrap_socket(connection, server_side=True) as here:
                    here.settimeout(5)
                    talk(here, over)
            except OSError:
                pass  # the other side went away
            finally:
                connection.close()

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                talking.append(Thread(target=one, args=[connection]))
                talking[-1].start()

        server = Thread(target=serve)
        server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            server.join(10)
            for connection in connections:
                with suppress(OSError):  # closed already
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in talking:
                thread.join(10)


def resolve(host: str, port: int) -> Sequence[str]:
    if host != HOST:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return ["127.0.0.1"]


@contextmanager
def world(trust: ssl.SSLContext, *, allow_private: bool = True) -> Iterator[World]:
    """A node's surroundings with the clients that are used in earnest."""
    destinations = Destinations(allow_private, resolve)
    http = OutboundHttp(destinations, tls=lambda: trust)
    try:
        yield World(
            input={},
            send=http.send,
            mail=NetworkMail(destinations, lambda: trust),
            sql=PostgresServers(destinations, lambda: trust),
        )
    finally:
        http.close()


def told(failure: FlowFailure) -> str:
    """All that a failure says."""
    return f"{failure.message} {failure.details!r}"

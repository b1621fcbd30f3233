"""Mail servers with TLS, the client that trusts them, and a server that says what it is told to, right or wrong."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

from cryptography.hazmat.primitives import serialization

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail import NetworkMail
from tests.integration.outbound.test_outbound_tls import certificate

HOST = "mail.example.test"


@dataclass(frozen=True)
class Certificates:
    """A server's, and the trust of a client that knows its authority."""

    server: ssl.SSLContext
    trust: ssl.SSLContext


def certificates(folder: Path) -> Certificates:
    authority = certificate("Test Authority", None, is_ca=True)
    leaf, key = certificate(HOST, authority, is_ca=False)
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(authority[0].public_bytes(pem))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(pem) + secret)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "leaf.pem")
    return Certificates(server, ssl.create_default_context(cafile=folder / "ca.pem"))


def mail(trust: ssl.SSLContext, *, allow_private: bool = True, resolved: str = "127.0.0.1") -> NetworkMail:
    """A client for which every host name is this address."""
    return NetworkMail(Destinations(allow_private, lambda host, port: [resolved]), lambda: trust)


@contextmanager
def scripted(*answers: bytes, hold: float = 0.0) -> Iterator[tuple[int, list[bytes]]]:
    """The port of a server that says the first answer at once and each other one after a line from the client; what it was
    told. At the end it closes, or is silent for `hold` seconds."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    told: list[bytes] = []
    over = Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.settimeout(5)
            try:
                for number, answer in enumerate(answers):
                    if number:
                        told.append(lines.readline())
                    connection.sendall(answer.replace(b"TAG", told[-1].split(b" ")[0] if told else b""))
            except OSError:
                return  # the client went away
            over.wait(hold)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], told
    finally:
        over.set()
        thread.join(10)
        listener.close()


def at(day: int) -> datetime:
    return datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day - 1)

"""Mail servers in this process: aiosmtpd, pymap, and one that says what it is told to, right or wrong."""

import asyncio
import socket
import ssl
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography.hazmat.primitives import serialization
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Login
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Flag
from pymap.user import Passwords, UserMetadata

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail import NetworkMail
from tests.integration.outbound.test_outbound_tls import certificate

HOST = "mail.example.test"
USER, PASSWORD = "desk@example.com", "hunter22-é"


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


@dataclass
class Received:
    """`encrypted` tells how each message came."""

    envelopes: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    """Replies to recipients."""

    @property
    def messages(self) -> list[EmailMessage]:
        found = [
            message_from_bytes(self.content(number), policy=default) for number in range(len(self.envelopes))
        ]
        return [message for message in found if isinstance(message, EmailMessage)]

    def content(self, number: int) -> bytes:
        content = self.envelopes[number].content
        assert isinstance(content, bytes)
        return content

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.encrypted.append(session.ssl is not None or (isinstance(server.transport, asyncio.Transport)
                              and server.transport.get_extra_info("ssl_object") is not None))  # fmt: skip
        return "250 taken"


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    assert isinstance(data, LoginPassword)
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def smtp_server(
    *, starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None
) -> Iterator[Received]:
    received, later = Received(), starttls is not None
    controller = Controller(
        received,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=implicit,
        tls_context=starttls,
        require_starttls=later,
        authenticator=_authenticated,
        auth_required=later,
        auth_require_tls=later,
        data_size_limit=20 * 1024 * 1024,
    )
    controller.start()
    try:
        received.port = controller.port
        yield received
    finally:
        controller.stop()


@dataclass(frozen=True)
class Stored:
    """A mail of a mailbox."""

    content: bytes
    arrived: datetime
    flags: Sequence[bytes] = ()


@dataclass
class Mailbox:
    port: int
    flags_of: Callable[[int], set[str]]
    """By position, counted from 0."""


@contextmanager
def imap_server(
    mails: Sequence[Stored], tls: ssl.SSLContext | None = None, *, implicit: bool = False
) -> Iterator[Mailbox]:
    """pymap with one user; without `tls` it speaks in clear."""
    started, loop = Event(), asyncio.new_event_loop()
    found: dict[str, Any] = {}

    async def serve() -> None:
        config = Config(
            Namespace(passlib_cfg=None, proxy_protocol=None, inherited_sockets=None),
            host=None,
            port=0,
            debug=False,
            demo_data=False,
            demo_user=USER,
            demo_password=PASSWORD,
            tls_enabled=tls is not None and not implicit,
            ssl_context=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        )
        config.apply_context()
        login = Login(config)
        hashed = await Passwords(config).hash_password(PASSWORD)
        await login.demo_user_identity.set(UserMetadata(config, USER, password=hashed))
        async with login.demo_user_identity.new_session() as session:
            box = await session.mailbox_set.get_mailbox("INBOX")
            for each in mails:
                flags = frozenset(Flag(flag) for flag in each.flags)
                await box.append(AppendMessage(each.content, each.arrived, flags), recent=True)
        answer = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(IMAPServer(login, config))
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls if implicit else None)
        found.update(port=server.sockets[0].getsockname()[1], box=box, stop=asyncio.Event())
        started.set()
        async with server:
            await found["stop"].wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def flags() -> list[set[str]]:
        return [{str(flag) for flag in message.permanent_flags} async for message in found["box"].messages()]

    def flags_of(position: int) -> set[str]:
        return asyncio.run_coroutine_threadsafe(flags(), loop).result(5)[position]

    thread = Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        assert started.wait(10)
        yield Mailbox(found["port"], flags_of)
    finally:
        loop.call_soon_threadsafe(found["stop"].set)
        thread.join(10)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


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


def free_port() -> int:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port

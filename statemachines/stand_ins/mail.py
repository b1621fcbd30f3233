"""Mail servers in this process: aiosmtpd takes mail, pymap keeps a mailbox. Both know one user."""

import asyncio
import ssl
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from threading import Event, Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Login
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Flag
from pymap.user import Passwords, UserMetadata

from statemachines.stand_ins.ports import free_port

USER, PASSWORD = "desk@example.com", "hunter22-é"


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
        if not isinstance(content, bytes):
            raise TypeError("the content was decoded")
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


def _authenticator(password: str) -> Callable[[SMTP, Session, Envelope, str, Any], AuthResult]:
    known = (USER.encode(), password.encode())

    def judge(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == known
        return AuthResult(success=right, handled=False)

    return judge


@contextmanager
def smtp_server(
    *,
    starttls: ssl.SSLContext | None = None,
    implicit: ssl.SSLContext | None = None,
    received: Received | None = None,
    password: str = PASSWORD,
) -> Iterator[Received]:
    """aiosmtpd with one user; without TLS it takes mail in clear, logged in or not."""
    received, later = received or Received(), starttls is not None
    controller = Controller(
        received,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=implicit,
        tls_context=starttls,
        require_starttls=later,
        authenticator=_authenticator(password),
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
    deliver: Callable[[Stored], None]


@contextmanager
def imap_server(
    mails: Sequence[Stored],
    tls: ssl.SSLContext | None = None,
    *,
    implicit: bool = False,
    password: str = PASSWORD,
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
            demo_password=password,
            tls_enabled=tls is not None and not implicit,
            ssl_context=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
        )
        config.apply_context()
        login = Login(config)
        hashed = await Passwords(config).hash_password(password)
        await login.demo_user_identity.set(UserMetadata(config, USER, password=hashed))
        async with login.demo_user_identity.new_session() as session:
            box = await session.mailbox_set.get_mailbox("INBOX")
        for each in mails:
            await append(box, each)
        answer = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(IMAPServer(login, config))
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls if implicit else None)
        found.update(port=server.sockets[0].getsockname()[1], box=box, stop=asyncio.Event())
        started.set()
        async with server:
            await found["stop"].wait()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def append(box: Any, each: Stored) -> None:
        flags = frozenset(Flag(flag) for flag in each.flags)
        await box.append(AppendMessage(each.content, each.arrived, flags), recent=True)

    def deliver(each: Stored) -> None:
        asyncio.run_coroutine_threadsafe(append(found["box"], each), loop).result(5)

    async def flags() -> list[set[str]]:
        return [{str(flag) for flag in message.permanent_flags} async for message in found["box"].messages()]

    def flags_of(position: int) -> set[str]:
        return asyncio.run_coroutine_threadsafe(flags(), loop).result(5)[position]

    thread = Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        if not started.wait(10):
            raise TimeoutError("the mailbox did not open")
        yield Mailbox(found["port"], flags_of, deliver)
    finally:
        loop.call_soon_threadsafe(found["stop"].set)
        thread.join(10)
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

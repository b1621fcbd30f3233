"""Mail is submitted over SMTP, with TLS and credentials (RFC 6409; FlowRunner spec d.9)."""

import smtplib
import socket
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from flowker.adapters.destinations import Destinations
from flowker.adapters.mail_connection import (
    CLEAR,
    AnswerTooLarge,
    Link,
    Tls,
    ended,
    link,
    name_of,
    said,
    timed_out,
)
from flowker.model.mail import Envelope, MailRefused, MailServer, RefusedRecipient
from flowker.model.outbound import CallFailed

_MOST_LINE = 8 * 1024
_MOST_ANSWER = 256 * 1024
"""Bytes of all replies of a session."""
_OWN_NAME = "[127.0.0.1]"
"""What a client without a public name calls itself."""
_READY, _ACCEPTED = 220, 235
_FOR_NOW = range(400, 500)


def submit(
    destinations: Destinations, tls: Tls, message: bytes, envelope: Envelope, server: MailServer
) -> Sequence[RefusedRecipient]:
    """As of the port `Mail`."""
    with link(destinations, tls, server) as open_link:
        try:
            return _submitted(open_link, tls, message, envelope)
        except smtplib.SMTPException as error:
            raise _failure(open_link, error) from None


def _submitted(open_link: Link, tls: Tls, message: bytes, envelope: Envelope) -> list[RefusedRecipient]:
    session = _Session(open_link)
    try:
        _secure(session, open_link, tls)
        _log_in(session, open_link.server)
        refused = session.sendmail(envelope.sender, list(envelope.recipients), message)
        _leave(session)
    finally:
        session.close()
    return [RefusedRecipient(address, code) for address, (code, _) in refused.items()]


class _Session(smtplib.SMTP):
    """A session over a connection that is there, with replies of bounded length."""

    def __init__(self, open_link: Link) -> None:
        self._socket = open_link.socket
        try:
            super().__init__(name_of(open_link.server), open_link.server.port, local_hostname=_OWN_NAME)
        except AnswerTooLarge:
            self.close()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return self._socket

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Bounded(self.sock.makefile("rb"))
        return super().getreply()


class _Bounded:
    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = _MOST_ANSWER

    def readline(self, limit: int) -> bytes:
        line: bytes = self._file.readline(limit)
        self._left -= len(line)
        if len(line) > _MOST_LINE or self._left < 0:
            raise AnswerTooLarge
        return line

    def close(self) -> None:
        self._file.close()


def _secure(session: _Session, open_link: Link, tls: Tls) -> None:
    session.ehlo_or_helo_if_needed()
    if open_link.server.implicit_tls:
        return
    if session.has_extn("starttls"):
        code, reply = session.starttls(context=tls())
        if code != _READY:
            raise smtplib.SMTPResponseException(code, reply)
        session.ehlo()
    elif not open_link.loopback:
        raise CallFailed(f"mail failed: {CLEAR}")


def _log_in(session: _Session, server: MailServer) -> None:
    if "PLAIN" not in session.esmtp_features.get("auth", "").upper().split():
        _log_in_otherwise(session, server)
        return
    # Not left to smtplib, which knows ASCII only.
    pair = b64encode(f"\0{server.username}\0{server.password}".encode()).decode()
    code, reply = session.docmd("AUTH", f"PLAIN {pair}")
    if code != _ACCEPTED:
        raise smtplib.SMTPAuthenticationError(code, reply)


def _log_in_otherwise(session: _Session, server: MailServer) -> None:
    try:
        session.login(server.username, server.password)
    except UnicodeEncodeError:
        raise CallFailed("mail failed: the server takes no credentials beyond ASCII") from None
    except ValueError:  # a challenge that is not base64
        raise smtplib.SMTPServerDisconnected from None


def _leave(session: _Session) -> None:
    try:
        session.quit()
    except (smtplib.SMTPException, OSError, AnswerTooLarge):
        return  # the message is accepted: how the server takes leave does not matter


def _failure(open_link: Link, error: smtplib.SMTPException) -> CallFailed:
    server = open_link.server
    if open_link.late.is_set():
        return timed_out(server)
    match error:
        case smtplib.SMTPServerDisconnected():
            return ended(open_link.late, server, "SMTP")
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in error.recipients.values()]
            for_now = all(code in _FOR_NOW for code in codes)
            return MailRefused(
                f"mail refused: all recipients, with status {codes[0]}", codes[0], for_now=for_now
            )
        case smtplib.SMTPResponseException():
            return _refusal(open_link, error)
        case _:
            return CallFailed("mail failed: the server offers no way to log in that is known here")


def _refusal(open_link: Link, error: smtplib.SMTPResponseException) -> CallFailed:
    code = error.smtp_code
    if code < 0:
        return ended(open_link.late, open_link.server, "SMTP")
    for_now = code in _FOR_NOW
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return MailRefused(f"mail refused: the credentials, with status {code}", code, for_now=for_now)
    words = said(open_link.server, error.smtp_error)
    return MailRefused(f"mail refused: status {code}: {words}", code, for_now=for_now)

"""Connections to mail servers: only to addresses that were judged, and never beyond the deadline of the call.

The clients of the standard library wait anew with every operation, so that a server which sends a byte now and then is never
too late. Here a timer shuts the connection down when the time is up, whatever it is doing, a handshake of TLS included.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Event, Timer

from flowker.adapters.deadline import Deadline
from flowker.adapters.destinations import Destinations
from flowker.model.mail import MailServer
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut
from flowker.model.redaction import Redactor

Tls = Callable[[], ssl.SSLContext]

CLEAR = "the mail server offers no TLS, and credentials are not sent in clear"
_GRACE = 5.0
"""Seconds by which the timer comes before the socket's own timeout, whose errors the clients disguise."""
_MOST_SAID = 200
"""Characters of a server's own words in a failure."""


class AnswerTooLarge(Exception):
    """A server sent more than it may."""


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection. `socket` speaks TLS already where that begins at once."""

    socket: socket.socket
    server: MailServer
    loopback: bool
    """Nobody can listen in. Only reached where private destinations are allowed."""
    late: Event


@contextmanager
def link(destinations: Destinations, tls: Tls, server: MailServer) -> Iterator[Link]:
    """Raises `CallFailed`, `CallFailedForNow`, `CallTimedOut`, also for what goes wrong with the connection inside."""
    deadline, late = Deadline.after(server.timeout), Event()
    try:
        with _connected(destinations, server, deadline) as plain, _until(deadline, plain, late):
            loopback = ip_address(plain.getpeername()[0]).is_loopback
            if not server.implicit_tls:
                yield Link(plain, server, loopback, late)
                return
            with tls().wrap_socket(plain, server_hostname=name_of(server)) as secure:
                yield Link(secure, server, loopback, late)
    except AnswerTooLarge:
        raise CallFailed("mail failed: the server's answer is too large") from None
    except TimeoutError:
        raise timed_out(server) from None
    except OSError as error:
        if late.is_set():
            raise timed_out(server) from None
        raise CallFailedForNow(f"mail failed: {_reason(error)}") from None


def name_of(server: MailServer) -> str:
    """As certificates write it: without the dot that marks a name as complete."""
    return server.host.strip().rstrip(".")


def timed_out(server: MailServer) -> CallTimedOut:
    return CallTimedOut(f"mail failed: timed out after {server.timeout:g} s")


def ended(late: Event, server: MailServer, protocol: str) -> CallFailedForNow:
    """A connection that ended too early, or an answer that cannot be understood."""
    if late.is_set():
        return timed_out(server)
    return CallFailedForNow(f"mail failed: the server's answer is not valid {protocol} or ended early")


def said(server: MailServer, words: bytes | str) -> str:
    """A server's own words, without what it was told in confidence. They may show secrets that are not known here, and half of
    one would not be recognized later: so many words are not cut but left out."""
    text = words.decode(errors="replace") if isinstance(words, bytes) else words
    if len(text) > _MOST_SAID:
        return "for a reason too long to be repeated"
    text = Redactor([server.password]).text(text)
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def _connected(destinations: Destinations, server: MailServer, deadline: Deadline) -> socket.socket:
    addresses = destinations.addresses(server.host, server.port, deadline.left)
    failure: OSError = TimeoutError()
    for position, address in enumerate(addresses):
        share = deadline.left / (len(addresses) - position)
        if share <= 0:
            raise TimeoutError
        try:
            connected = socket.create_connection((address, server.port), share)
        except OSError as error:
            failure = error
            continue
        connected.settimeout(deadline.left + _GRACE)
        return connected
    raise failure


@contextmanager
def _until(deadline: Deadline, connected: socket.socket, late: Event) -> Iterator[None]:
    # A second handle, because TLS takes the first one away while it begins.
    held = connected.dup()

    def shut() -> None:
        late.set()
        try:
            held.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was faster

    timer = Timer(deadline.left, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        held.close()


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'the handshake failed'}"
    return error.strerror or "the connection broke"

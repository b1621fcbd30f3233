"""The connection to a PostgreSQL server: to a judged address, encrypted, with one deadline and bounded answers.

The driver reads and writes it like a socket's file. What it raises are failures of the call, which the driver passes on; after
one it says nothing more, because the driver takes leave of a connection that is lost as well.
"""

import socket
import ssl
from ipaddress import ip_address

from flowker.adapters.deadline import Deadline
from flowker.adapters.destinations import Destinations
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut
from flowker.model.sql import SqlServer

MAX_MESSAGE = 2 * 1024 * 1024
"""Bytes of one message, which is a row or a notice."""
MAX_ANSWER = 64 * 1024 * 1024
"""Bytes that are read for one call, whether they are kept or not."""

_TLS_REQUEST = bytes.fromhex("0000000804d2162f")
_AT_ONCE = 64 * 1024


class Wire:
    """A socket and its file in one, as far as the driver uses them."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._received = bytearray()
        self._pending = bytearray()
        self._total = 0
        self._lost = False

    @staticmethod
    def to(
        server: SqlServer, destinations: Destinations, tls: ssl.SSLContext | None, end: Deadline
    ) -> "Wire":
        """Raises `CallFailed`, `CallFailedForNow`, `CallTimedOut`."""
        try:
            addresses = destinations.addresses(server.host, server.port, end.left)
        except TimeoutError:
            raise _late(end) from None
        if tls is None and not all(ip_address(address).is_loopback for address in addresses):
            raise CallFailed(
                "connection failed: without TLS only this machine's own addresses may be reached"
            )
        connected = _connected(addresses, server.port, end)
        try:
            return Wire(connected if tls is None else _encrypted(connected, tls, server.host, end), end)
        except BaseException:
            connected.close()
            raise

    def makefile(self, mode: str) -> "Wire":
        return self

    def read(self, size: int) -> bytes:
        """So many bytes."""
        if not 0 <= size <= MAX_MESSAGE:
            self._lost = True
            raise CallFailed(f"the answer is too large: a row has more than {MAX_MESSAGE} bytes")
        while len(self._received) < size:
            self._receive()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def write(self, data: bytes) -> None:
        self._pending += data

    def flush(self) -> None:
        rest = memoryview(bytes(self._pending))
        self._pending.clear()
        try:
            while rest and not self._lost:
                self._socket.settimeout(self._left())
                rest = rest[self._socket.send(rest) :]
        except TimeoutError:
            raise self._timed_out() from None
        except OSError as error:
            raise self._broken(error) from None

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        try:
            self._socket.settimeout(self._left())
            part = self._socket.recv(_AT_ONCE)
        except TimeoutError:
            raise self._timed_out() from None
        except OSError as error:
            raise self._broken(error) from None
        self._total += len(part)
        if not part:
            raise self._broken(None)
        if self._total > MAX_ANSWER:
            self._lost = True
            raise CallFailed(f"the answer is too large: more than {MAX_ANSWER} bytes")
        self._received += part

    def _left(self) -> float:
        if self._deadline.passed:
            raise TimeoutError
        return max(self._deadline.left, 0.001)

    def _timed_out(self) -> CallTimedOut:
        self._lost = True
        return _late(self._deadline)

    def _broken(self, error: OSError | None) -> CallFailedForNow:
        self._lost = True
        return CallFailedForNow(f"connection lost: {_reason(error) if error else 'the server closed it'}")


def _connected(addresses: list[str], port: int, deadline: Deadline) -> socket.socket:
    """To the first address that answers; each one gets its share of the time."""
    failure: CallFailed = CallFailedForNow("connection failed: no address")
    for position, address in enumerate(addresses):
        if deadline.passed:
            raise _late(deadline)
        try:
            return socket.create_connection((address, port), deadline.left / (len(addresses) - position))
        except TimeoutError:
            failure = _late(deadline)
        except OSError as error:
            failure = CallFailedForNow(f"connection failed: {_reason(error)}")
    raise failure


def _encrypted(plain: socket.socket, tls: ssl.SSLContext, host: str, deadline: Deadline) -> socket.socket:
    try:
        plain.settimeout(max(deadline.left, 0.001))
        plain.sendall(_TLS_REQUEST)
        answer = plain.recv(1)
        if not answer:
            raise CallFailedForNow("connection lost: the server closed it")
        if answer != b"S":
            raise CallFailed("connection failed: the server does not offer TLS")
        plain.settimeout(max(deadline.left, 0.001))
        return tls.wrap_socket(plain, server_hostname=host.rstrip("."))
    except TimeoutError:
        raise _late(deadline) from None
    except ssl.SSLCertVerificationError as error:
        raise CallFailed(f"connection failed: the certificate is not valid: {error.verify_message}") from None
    except OSError as error:
        raise CallFailedForNow(f"connection failed: {_reason(error)}") from None
    except ValueError:
        raise CallFailed("connection failed: the host name is not valid") from None


def _late(deadline: Deadline) -> CallTimedOut:
    return CallTimedOut(f"timed out after {deadline.seconds:g} s")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    return error.strerror or type(error).__name__

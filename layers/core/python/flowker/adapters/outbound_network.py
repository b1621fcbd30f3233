"""Connections of outbound calls: only to addresses that were judged, and never beyond the deadline of the call.

httpcore hands every operation the timeout of the request and starts counting anew with each one, so that a server
which sends a byte now and then is never too late. Here the timeouts of a request are *points in time* on the
monotonic clock, and every operation gets what is left. The pool connects by host name through this backend: that is
why a connection's name, address and certificate always belong together, and a reused connection needs no lookup.
"""

import ssl
from collections.abc import Iterable
from time import monotonic
from typing import Any

import httpcore

from flowker.adapters.destinations import Destinations


class JudgedNetwork(httpcore.NetworkBackend):
    """Opens connections to allowed destinations. Raises what `Destinations` raises, and httpcore's errors."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._destinations.addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        failure: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError("no address")
        for position, address in enumerate(addresses):
            left = _left(timeout, httpcore.ConnectTimeout)
            share = None if left is None else left / (len(addresses) - position)
            try:
                return _Stream(self._sockets.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream
        self._socket = stream.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Not left to the wrapped stream: it would grant the full time again after every partial write.
        rest = memoryview(buffer)
        try:
            while rest:
                self._socket.settimeout(_left(timeout, httpcore.WriteTimeout))
                rest = rest[self._socket.send(rest) :]
        except TimeoutError:
            raise httpcore.WriteTimeout from None
        except OSError as error:
            raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        # Certificates name hosts without the trailing dot that marks a name as complete.
        name = server_hostname.rstrip(".") if server_hostname else None
        return _Stream(self._stream.start_tls(ssl_context, name, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    if until is None:
        return None
    left = until - monotonic()
    if left <= 0:
        raise late
    return left

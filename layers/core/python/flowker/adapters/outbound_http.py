"""Calls to providers (Flowker spec c.3, d.7, g.5, h): judged destinations, one deadline, bounded answers, no leaks.

Built on httpcore, the engine of httpx: it lets us supply the network (so that name, judged address and certificate
belong together and the deadline holds for every byte), keeps no cookies, and costs a third of httpx at a cold start.
Nothing is logged here.
"""

import logging
import re
import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from threading import Lock
from time import monotonic

import certifi
import httpcore

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_auth import authenticate
from flowker.adapters.outbound_network import JudgedNetwork
from flowker.adapters.outbound_url import Url
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse

MAX_BODY = 1024 * 1024
MAX_REDIRECTS = 10
_IDLE_CONNECTIONS = 32
_IDLE_SECONDS = 4.0
"""Shorter than the 5 s that common servers grant, lest one closes the connection while a request is on its way."""
_INFLATED_AT_ONCE = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_CREDENTIAL = re.compile("auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
"""Names of headers that stay with the origin they were meant for; the idempotency key is one of them."""
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"}
    | {"te", "trailer", "upgrade", "expect"}
)
"""Headers that frame the message: a caller who could set them could smuggle a second request."""

# At DEBUG httpcore logs the headers of answers, and with them cookies.
logging.getLogger("httpcore").setLevel(logging.INFO)


def trusted_certificates() -> ssl.SSLContext:
    """Mozilla's authorities and those of the machine. Takes some 50 ms."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context


class OutboundHttp:
    """Implements `flowker.ports.Http`; many threads may send at once. `tls` is called once, when first needed."""

    def __init__(
        self,
        destinations: Destinations,
        *,
        max_body: int = MAX_BODY,
        user_agent: str = "flowker",
        tls: Callable[[], ssl.SSLContext] = trusted_certificates,
    ) -> None:
        self._network = JudgedNetwork(destinations)
        self._max_body = max_body
        self._user_agent = user_agent
        self._tls = tls
        self._pools: dict[str, httpcore.ConnectionPool] = {}
        self._opening = Lock()

    def send(self, request: OutboundRequest) -> OutboundResponse:
        """One exchange, redirects included, in `request.timeout` seconds. Raises `CallFailed`, `CallFailedForNow`."""
        deadline = monotonic() + request.timeout
        with _failures_fit_for_users(request.timeout):
            hop = _first_hop(request, self._user_agent)
            for _ in range(MAX_REDIRECTS + 1):
                response = self._pool(hop.url.scheme).handle_request(hop.on_the_wire(deadline))
                try:
                    location = _location(response)
                    if location is None:
                        return _answer(response, hop.url, _body(response, self._max_body, deadline))
                finally:
                    response.close()
                hop = hop.redirected(response.status, location)
        raise CallFailed(f"request failed: stopped after {MAX_REDIRECTS} redirects")

    def close(self) -> None:
        """Close the idle connections."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, scheme: str) -> httpcore.ConnectionPool:
        pool = self._pools.get(scheme)
        if pool is None:
            with self._opening:
                pool = self._pools.get(scheme) or self._pools.setdefault(scheme, self._new_pool(scheme))
        return pool

    def _new_pool(self, scheme: str) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls() if scheme == "https" else None,
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._network,
        )


@dataclass(frozen=True, slots=True)
class _Hop:
    """One request on the way to the answer. `url` is without `credentials`, the query parameters of authentication;
    `headers` by lower-case name; `private` are the lower-case names of headers that authentication added."""

    method: str
    url: Url
    headers: Mapping[str, tuple[str, str]]
    body: bytes | None
    credentials: Mapping[str, str]
    private: frozenset[str]

    def on_the_wire(self, deadline: float) -> httpcore.Request:
        url = self.url.with_query(self.credentials)
        headers = [(b"Host", url.authority.encode())]
        headers += [(name.encode(), value.encode()) for name, value in self.headers.values()]
        if self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            headers.append((b"Content-Length", str(len(self.body or b"")).encode()))
        return httpcore.Request(
            method=self.method.encode(),
            url=httpcore.URL(
                scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
            ),
            headers=headers,
            content=self.body,
            # Points in time, not durations: see `outbound_network`.
            extensions={"timeout": {"connect": deadline, "read": deadline, "write": deadline}},
        )

    def redirected(self, status: int, location: str) -> "_Hop":
        """The request that follows. What identifies the caller does not leave the origin."""
        url = self.url.join(location).without(self.credentials.items())
        hop = replace(self, url=url)
        if url.origin != self.url.origin:
            kept = {
                name: header
                for name, header in self.headers.items()
                if name not in self.private and not _CREDENTIAL.search(name)
            }
            hop = replace(hop, headers=kept, credentials={}, private=frozenset())
        if (status == 303 and self.method != "HEAD") or (status in (301, 302) and self.method == "POST"):
            kept = {name: header for name, header in hop.headers.items() if name != "content-type"}
            hop = replace(hop, method="GET", body=None, headers=kept)
        return hop


def _first_hop(request: OutboundRequest, user_agent: str) -> _Hop:
    if request.method.upper() == "CONNECT":
        raise CallFailed("unsupported method CONNECT")
    added = authenticate(replace(request, headers={}, query={}))
    headers = {"user-agent": ("User-Agent", user_agent), "accept-encoding": ("Accept-Encoding", "gzip")}
    if request.body is not None:
        headers["content-type"] = ("Content-Type", "application/json")
    for name, value in (*request.headers.items(), *added.headers.items()):
        headers[name.lower()] = (name, value)
    return _Hop(
        method=request.method.upper(),
        url=Url.parse(request.url).with_query(request.query).without(added.query.items()),
        headers={name: header for name, header in headers.items() if name not in _OURS},
        body=request.body,
        credentials=added.query,
        private=frozenset(name.lower() for name in added.headers),
    )


def _location(response: httpcore.Response) -> str | None:
    if response.status not in _REDIRECTS:
        return None
    return next((_text(value) for name, value in response.headers if name.lower() == b"location"), None)


def _answer(response: httpcore.Response, url: Url, body: bytes) -> OutboundResponse:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers:
        name, value = _canonical(raw_name), _text(raw_value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if headers.get("Content-Encoding", "").lower() in _COMPRESSED:
        del headers["Content-Encoding"]  # the body is plain now, and longer
        headers.pop("Content-Length", None)
    reason = response.extensions["reason_phrase"].decode("latin-1") or _usual_reason(response.status)
    return OutboundResponse(response.status, reason, str(url), headers, body)


def _body(response: httpcore.Response, limit: int, deadline: float) -> bytes:
    """The body, decompressed. Raises `CallFailed` beyond `limit` bytes, without having held many more."""
    codings = [
        _text(value).lower() for name, value in response.headers if name.lower() == b"content-encoding"
    ]
    coding = ", ".join(codings) or "identity"
    pieces: Iterable[bytes] = response.iter_stream()
    if coding in _COMPRESSED:
        pieces = _inflated(pieces)
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise CallFailed(f"response too large: more than {limit} bytes")
        if monotonic() > deadline:
            raise httpcore.ReadTimeout
    if body and coding not in _COMPRESSED and coding != "identity":
        raise CallFailed("request failed: the answer is compressed in a way that was not asked for")
    return bytes(body)


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A little at a time, since a kilobyte may become a megabyte. Raises `zlib.error`."""
    inflater = None
    for piece in pieces:
        rest = piece
        while rest:
            inflater = inflater or zlib.decompressobj(
                wbits=zlib.MAX_WBITS | 32
            )  # gzip or zlib, as the header says
            yield inflater.decompress(rest, _INFLATED_AT_ONCE)
            rest = inflater.unconsumed_tail
            if inflater.eof:  # what follows is another gzip member
                rest, inflater = inflater.unused_data, None
    if inflater is not None:
        yield inflater.flush()
        if not inflater.eof:
            raise zlib.error("incomplete")


@contextmanager
def _failures_fit_for_users(timeout: float) -> Iterator[None]:
    """Translate, once. Texts of protocol errors are replaced: they quote headers, ours and the server's."""
    try:
        yield
    except httpcore.TimeoutException:
        raise CallFailedForNow(f"request failed: timed out after {timeout:g} s") from None
    except httpcore.NetworkError as error:
        raise CallFailedForNow(f"request failed: {error}") from None
    except httpcore.LocalProtocolError:
        raise CallFailed(
            "request failed: the method or a header contains a character that is not allowed"
        ) from None
    except httpcore.RemoteProtocolError:
        raise CallFailedForNow("request failed: the answer is not valid HTTP or ended early") from None
    except zlib.error:
        raise CallFailedForNow("request failed: the compressed answer is damaged") from None
    except UnicodeError:
        raise CallFailed("request failed: the url or a header contains text that is not Unicode") from None


@lru_cache(maxsize=1024)
def _canonical(name: bytes) -> str:
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _usual_reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

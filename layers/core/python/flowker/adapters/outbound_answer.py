"""Reading the answer to a call: never more than the limit, never longer than the deadline (Flowker spec g.5)."""

import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus

import httpcore

from flowker.adapters.deadline import Deadline
from flowker.adapters.outbound_url import Url
from flowker.model.outbound import CallFailed, OutboundResponse

_INFLATED_AT_ONCE = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})


def redirection(response: httpcore.Response) -> str | None:
    """Where the answer sends the caller."""
    if response.status not in _REDIRECTS:
        return None
    return next((_text(value) for name, value in response.headers if name.lower() == b"location"), None)


def read_answer(
    response: httpcore.Response, url: Url, limit: int, deadline: Deadline, *, cut: bool = False
) -> OutboundResponse:
    """The whole answer of `url`, decompressed. Beyond `limit` bytes it is cut, or `CallFailed` is raised; raises httpcore's
    errors and `zlib.error`."""
    body = _body(response, limit, deadline, cut)
    values: dict[str, list[str]] = {}
    for raw_name, raw_value in response.headers:
        values.setdefault(_canonical(raw_name), []).append(_text(raw_value))
    headers = {name: ", ".join(given) for name, given in values.items()}
    if headers.get("Content-Encoding", "").lower() in _COMPRESSED:
        del headers["Content-Encoding"]  # the body is plain now, and longer
        headers.pop("Content-Length", None)
    reason = response.extensions["reason_phrase"].decode("latin-1") or _usual_reason(response.status)
    repeated = {name: given for name, given in values.items() if len(given) > 1}
    return OutboundResponse(
        response.status, reason, str(url), headers, body[:limit], repeated, cut=len(body) > limit
    )


def _body(response: httpcore.Response, limit: int, deadline: Deadline, cut: bool) -> bytes:
    """Never many more bytes than `limit`. Raises `CallFailed` where there are more and it is not to be `cut`."""
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
            if cut:
                break
            raise CallFailed(f"response too large: more than {limit} bytes")
        if deadline.passed:
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

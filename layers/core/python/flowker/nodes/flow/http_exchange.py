"""What `http.request` and `webhook` share: the request that is sent, and what its answer means (FlowRunner spec d.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import (
    CallFailed,
    CallFailedForNow,
    CallTimedOut,
    OutboundRequest,
    OutboundResponse,
    idempotency,
    transient,
)
from flowker.nodes.flow.base import Circumstances, FlowFailure
from flowker.nodes.flow.charsets import decoded
from flowker.nodes.flow.params import Kind, Param, wrong

DEFAULT_TIMEOUT = "30s"
LONGEST_TIMEOUT = 300
"""Seconds, as for nodes of workflows."""
_FORM = "application/x-www-form-urlencoded"
_SUCCESS = range(200, 300)
_LENGTH = re.compile("[0-9]{1,15}")

URL = Param("url", Kind.TEXT, "Where to; `http` or `https`", required=True, least=1)
HEADERS = Param("headers", Kind.MAP, "Header names to values; what is no text is written as one")
TIMEOUT = Param(
    "timeout",
    Kind.SECONDS,
    "How long all of it may take; never longer than the node's own `timeout`",
    default=DEFAULT_TIMEOUT,
    most=LONGEST_TIMEOUT,
)

RESULTS = {
    "status_code": "integer",
    "headers": "map of names to lists of texts",
    "body": "parsed where the media type is JSON or ends with `+json`; else the text",
    "raw_body": "the text, at most 1 MiB",
    "truncated": "true where the answer was longer; else not there",
    "success": "whether the status is 2xx",
    "timing_ms": "integer",
    "metadata": "`{content_type, content_length, request_url, request_method, timing, timing_ms}`",
}
HANDLES = {
    "client_error": "the status is 4xx; the error object holds the whole result",
    "server_error": "the status is 5xx; the error object holds the whole result",
    "timeout": "no answer in time",
}


@dataclass(frozen=True, slots=True)
class Message:
    """What to send, without what identifies the caller."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    media_type: str | None
    """Said where `headers` do not say it."""


def exchanged(
    around: Circumstances,
    message: Message,
    timeout: float,
    *,
    auth: Mapping[str, Any] | None = None,
    follow_redirects: bool = True,
) -> dict[str, Json]:
    """The result of spec d.1, whatever its status. Raises `FlowFailure` where there is no answer."""
    given = {name.lower() for name in message.headers}
    added = idempotency(message.method, around.idempotency_key)
    if message.content is not None and message.media_type:
        added["Content-Type"] = message.media_type
    kept = {name: value for name, value in added.items() if name.lower() not in given}
    request = OutboundRequest(
        method=message.method,
        url=message.url,
        headers={**kept, **message.headers},
        body=message.content,
        auth=auth,
        timeout=min(timeout, around.timeout),
        follow_redirects=follow_redirects,
        cut=True,
    )
    began = perf_counter()
    try:
        response = around.send(request)
    except CallTimedOut as error:
        raise FlowFailure(str(error), handle="timeout") from error
    except CallFailed as error:
        raise FlowFailure(str(error), retryable=isinstance(error, CallFailedForNow)) from error
    text = _text(response.body, response.headers.get("Content-Type", ""))
    if response.cut:
        text = around.redactor.beginning(text)  # half a secret at its end would not be recognized later
    return _result(request, response, text, round((perf_counter() - began) * 1000))


def status_failure(result: Mapping[str, Json]) -> FlowFailure:
    """The failure of an answer whose status is an error."""
    status = result["status_code"]
    return FlowFailure(
        f"HTTP request failed with status {status}",
        handle=status_handle(status),
        details=result,
        retryable=transient(status),
    )


def status_handle(status: int) -> str | None:
    return {4: "client_error", 5: "server_error"}.get(status // 100)


def content_of(body: Json) -> tuple[bytes | None, str | None]:
    """A body and its media type: a text as it is, anything else as JSON, nothing for null."""
    if body is None:
        return None, None
    if not isinstance(body, str):
        return exact_json.dumps(body).encode(), "application/json"
    return utf8(body, "body"), "application/json" if body[:1] in ("{", "[") else "text/plain; charset=utf-8"


def form_of(fields: Mapping[str, Json]) -> tuple[bytes, str]:
    try:
        return urlencode(_pairs(fields)).encode(), _FORM
    except UnicodeEncodeError:
        raise wrong("form_data", "must be Unicode text") from None


def with_query(url: str, parameters: Mapping[str, Json]) -> str:
    """The URL with these parameters behind its own; a list stands for several of the same name."""
    pairs = _pairs(parameters)
    if not pairs:
        return url
    try:
        parts = urlsplit(url.strip())
        query = "&".join(filter(None, [parts.query, urlencode(pairs)]))
        return urlunsplit(parts._replace(query=query))
    except ValueError:
        raise wrong("url", "or query_params cannot be parsed") from None


def header_texts(headers: Mapping[str, Json]) -> dict[str, str]:
    """Raises `FlowFailure` for what could forge a second header."""
    texts = {str(name): text_of(value) for name, value in headers.items() if value is not None}
    if any(sign in text for pair in texts.items() for text in pair for sign in "\r\n\0"):
        raise wrong("headers", "must not contain line breaks")
    return texts


def text_of(value: Json) -> str:
    """As embedded in a text: texts as they are, null as nothing, others as JSON (spec e.3)."""
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.readable(value)


def utf8(text: str, name: str) -> bytes:
    """Raises `FlowFailure` for half characters, which JSON can write."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise wrong(name, "must be Unicode text") from None


def _pairs(fields: Mapping[str, Json]) -> list[tuple[str, str]]:
    return [
        (name, text_of(element))
        for name, value in fields.items()
        for element in (value if isinstance(value, list) else [value])
    ]


def _result(
    request: OutboundRequest, response: OutboundResponse, text: str, milliseconds: int
) -> dict[str, Json]:
    media_type = response.headers.get("Content-Type", "")
    length = response.headers.get("Content-Length", "")
    result: dict[str, Json] = {
        "status_code": response.status,
        "headers": {
            name: list(response.repeated.get(name, (value,))) for name, value in response.headers.items()
        },
        "body": _parsed(text, media_type),
        "raw_body": text,
        "success": response.status in _SUCCESS,
        "timing_ms": milliseconds,
        "metadata": {
            "content_type": media_type,
            "content_length": int(length) if _LENGTH.fullmatch(length) else len(response.body),
            "request_url": request.url,
            "request_method": request.method,
            "timing": f"{milliseconds}ms",
            "timing_ms": milliseconds,
        },
    }
    return {**result, "truncated": True} if response.cut else result


def _text(body: bytes, media_type: str) -> str:
    """In the answer's own character set if it names one that is known. What is not text becomes replacement characters."""
    _, _, charset = media_type.lower().partition("charset=")
    return decoded(body, charset.split(";")[0].strip(" \"'"))


def _parsed(text: str, media_type: str) -> Json:
    kind = media_type.split(";")[0].strip().lower()
    if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
        return text
    try:
        return exact_json.received(text)
    except ValueError:
        return text

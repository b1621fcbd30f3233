"""API Gateway for one machine: HTTP requests become payload 2.0 events, and the functions' answers become responses."""

import base64
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from flowker.http.requests import MOST_BYTES
from flowker.http.routes import function_for
from flowker_local.pool import Answer, Event, WorkerLost
from flowker_local.socket_gateway import SocketGateway
from flowker_local.sockets import LocalSockets

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Invoke = Callable[[str, Event], Awaitable[Answer]]

_LOST = {
    "statusCode": 502,
    "headers": {"content-type": "application/json"},
    "body": '{"code":"FLK-9999","title":"Bad Gateway","message":"the function did not answer"}',
}


class Gateway:
    """The ASGI application. Without `sockets` there are none."""

    def __init__(self, invoke: Invoke, sockets: LocalSockets | None = None) -> None:
        self._invoke = invoke
        self._sockets = None if sockets is None else SocketGateway(invoke, sockets)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if self._sockets is None:
                await send(
                    {"type": "websocket.close", "code": 1000}
                )  # before it is accepted, this refuses it
            else:
                await self._sockets(scope, receive, send)
            return
        body = await _body(receive)
        event = _event(scope, body)
        try:
            answer = await self._invoke(function_for(event["rawPath"]), event)
        except WorkerLost:
            answer = _LOST
        await _respond(answer, send)


async def _body(receive: Receive) -> bytes:
    """The request's body, but never more than a byte above what any route accepts: that byte makes it refuse."""
    parts: list[bytes] = []
    left = MOST_BYTES + 1
    while True:
        message = await receive()
        part = message.get("body", b"")[:left]
        left -= len(part)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _event(scope: Scope, body: bytes) -> Event:
    headers = _joined(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
    )
    path = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    text, encoded = _text(body)
    now = time.time()
    request_id = str(uuid.uuid4())
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": headers.get("host", "localhost"),
            "domainPrefix": "local",
            "http": {
                "method": scope["method"],
                "path": path,
                "protocol": f"HTTP/{scope['http_version']}",
                "sourceIp": scope["client"][0] if scope.get("client") else "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": encoded,
    }
    if query:
        event["queryStringParameters"] = _joined(parse_qsl(query, keep_blank_values=True))
    if body:
        event["body"] = text
    return event


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Several values of one name become one, with commas, as API Gateway does."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _text(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


async def _respond(answer: Mapping[str, Any], send: Send) -> None:
    text = answer.get("body") or ""
    content = base64.b64decode(text) if answer.get("isBase64Encoded") else text.encode()
    headers = {name.lower(): str(value) for name, value in (answer.get("headers") or {}).items()}
    for name, values in (answer.get("multiValueHeaders") or {}).items():
        headers[name.lower()] = ",".join(values)
    if answer["statusCode"] == 204:
        headers.pop("content-type", None)
    else:
        headers["content-length"] = str(len(content))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer["statusCode"], "headers": raw})
    await send({"type": "http.response.body", "body": content})

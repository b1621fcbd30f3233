"""API Gateway's WebSocket API for one machine: handshakes, messages and closes become events for the function `websocket`."""

import asyncio
import contextlib
import re
import time
import uuid
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from secrets import token_bytes
from typing import Any
from urllib.parse import parse_qsl, unquote

from flowker_local.pool import Answer, Event, WorkerLost
from flowker_local.sockets import LocalSockets, Send

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Invoke = Callable[[str, Event], Awaitable[Answer]]

FUNCTION = "websocket"
_PATH = re.compile(r"/ws/executions/([^/]+)/?")
_QUERY_FORM = ("/", "/ws")
"""Where the execution is a parameter, as behind CloudFront."""


class SocketGateway:
    """Serves one socket per call, from handshake to close."""

    def __init__(self, invoke: Invoke, sockets: LocalSockets) -> None:
        self._invoke = invoke
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the handshake
        query = _query(scope)
        if query is None:
            await _refuse({"statusCode": 404}, receive, send)
            return
        socket = _Conversation(scope, query, self._invoke)
        self._sockets.open(socket.id, query.get("execution_id", ""))
        try:
            answer = await socket.report("$connect")
            if answer["statusCode"] != 200:
                await _refuse(answer, receive, send)
                return
            try:
                await self._converse(socket, answer, receive, send)
            finally:
                await socket.report("$disconnect")
        finally:
            self._sockets.forget(socket.id)

    async def _converse(self, socket: "_Conversation", answer: Answer, receive: Receive, send: Send) -> None:
        """Accept it, then both directions, until either ends."""
        protocol = (answer.get("headers") or {}).get("Sec-WebSocket-Protocol")
        with contextlib.suppress(OSError):  # the client has left meanwhile
            await send({"type": "websocket.accept", "subprotocol": protocol})
        sending = asyncio.create_task(self._sockets.send(socket.id, send))
        reading = asyncio.create_task(self._read(socket, receive))
        await asyncio.wait({sending, reading}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, reading):
            task.cancel()
        for result in await asyncio.gather(sending, reading, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result

    async def _read(self, socket: "_Conversation", receive: Receive) -> None:
        while (message := await receive())["type"] == "websocket.receive":
            # Not given up with the socket: that would cost the worker its life.
            answer = await asyncio.shield(socket.report("$default", message.get("text") or ""))
            if answer.get("body"):
                self._sockets.post({socket.id: [answer["body"]]})


class _Conversation:
    """One socket, as the function sees it."""

    def __init__(self, scope: Scope, query: dict[str, str], invoke: Invoke) -> None:
        self.id = b64encode(token_bytes(10)).decode()
        self._query = query
        self._invoke = invoke
        self._source = scope["client"][0] if scope.get("client") else "127.0.0.1"
        self._headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            self._headers[name] = f"{self._headers[name]},{value}" if name in self._headers else value

    async def report(self, route: str, body: str | None = None) -> Answer:
        """Let the function know, and return what it answers."""
        try:
            return await self._invoke(FUNCTION, self._event(route, body))
        except WorkerLost:
            return {"statusCode": 502}

    def _event(self, route: str, body: str | None) -> Event:
        event: Event = {
            "requestContext": {
                "routeKey": route,
                "eventType": {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}.get(route, "MESSAGE"),
                "connectionId": self.id,
                "requestId": str(uuid.uuid4()),
                "requestTimeEpoch": int(time.time() * 1000),
                "identity": {"sourceIp": self._source},
                "apiId": "local",
                "stage": "local",
            },
            "isBase64Encoded": False,
        }
        if route == "$connect":
            event |= {"headers": self._headers, "queryStringParameters": self._query}
        if body is not None:
            event["body"] = body
        return event


def _query(scope: Scope) -> dict[str, str] | None:
    """The parameters; with the execution of the path, which CloudFront moves there. None for a path without sockets."""
    given = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    path = scope["raw_path"].decode("latin-1")
    found = _PATH.fullmatch(path)
    if found is not None:
        return {**given, "execution_id": unquote(found[1])}
    return given if path in _QUERY_FORM else None


async def _refuse(answer: Answer, receive: Receive, send: Send) -> None:
    """Answer the handshake with a status of HTTP."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in (answer.get("headers") or {}).items()
    ]
    start = {"type": "websocket.http.response.start", "status": answer["statusCode"], "headers": headers}
    with contextlib.suppress(OSError):
        await send(start)
        await send({"type": "websocket.http.response.body", "body": (answer.get("body") or "").encode()})
        await (
            receive()
        )  # that it is refused, and that it is over: uvicorn would complain about leaving earlier
        await receive()

"""A session with an MCP server over streamable HTTP, from the handshake to its end (FlowRunner spec d.12).

Of the protocol only what one request needs: a JSON-RPC message goes out by POST, and its answer is JSON or the stream of events
that ends with it. Nothing is offered to the server (no sampling, no roots), so what it asks or tells on the way is passed over.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import transient
from flowker.model.redaction import Redactor
from flowker.nodes.flow.base import Circumstances, FlowFailure
from flowker.nodes.flow.http_exchange import Message, exchanged, status_handle

PROTOCOL = "2025-11-25"
"""The newest protocol that begins with a handshake."""
_SPOKEN = ("2024-11-05", "2025-03-26", "2025-06-18", PROTOCOL)
_CLIENT = {"name": "flowker", "version": "1"}
_ACCEPT = "application/json, text/event-stream"
_OURS = frozenset({"accept", "content-type", "mcp-session-id", "mcp-protocol-version"})
_GOODBYE_SECONDS = 5.0
_LEAST_SECONDS = 0.05
_FOR_GOOD = frozenset({-32602, -32601, -32600})
"""JSON-RPC: bad params, unknown method, bad request."""
_MOST_SAID = 500
_SHORTEST_WORD = 8
"""Of a header's value, what may be a credential."""
_MOST_PAGES = 50
MOST_LISTED = 4 * 1024 * 1024
"""Bytes of all pages of a list, as JSON."""
_CODES = range(-(2**31), 2**31)


class McpSession:
    """`timeout` in seconds is for everything together. All methods raise `FlowFailure`, in whose text no header shows."""

    def __init__(
        self,
        around: Circumstances,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._around = around
        self._url = url
        self._headers = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        self._headers["Accept"] = _ACCEPT
        words = [word for value in headers.values() for word in (value, *value.split())]
        self._redactor = Redactor([word for word in words if len(word) >= _SHORTEST_WORD])
        self._clock = clock
        self._until = clock() + min(timeout, around.timeout)
        self._requests = 0

    def open(self) -> None:
        """The handshake."""
        params = {"protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": _CLIENT}
        result = self.request("initialize", params)
        version = result.get("protocolVersion")
        if version not in _SPOKEN:
            said = self.quoted(str(version))
            raise FlowFailure(f"MCP error: the server speaks protocol {said}", retryable=False)
        self._headers["MCP-Protocol-Version"] = str(version)
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"}, "initialized")

    def request(self, method: str, params: Mapping[str, Json]) -> Mapping[str, Any]:
        """The result of a request."""
        self._requests += 1
        number = self._requests
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        answer = self._post(message, f"{method}/{number}")
        found = next((each for each in _messages(answer) if _answers(each, number)), None)
        if found is None:
            raise FlowFailure("MCP error: the answer is no answer in JSON-RPC")
        if "error" in found:
            raise self._refusal(found["error"])
        return found["result"] if isinstance(found["result"], Mapping) else {"value": found["result"]}

    def pages(self, method: str, member: str) -> dict[str, Json]:
        """The result of a request for a list, with `member` of all pages together."""
        result: dict[str, Json] = dict(self.request(method, {}))
        listed = _listed(result, member)
        for _ in range(_MOST_PAGES):
            cursor = result.pop("nextCursor", None)
            if cursor is None:
                return {**result, member: listed}
            result = dict(self.request(method, {"cursor": cursor}))
            listed += _listed(result, member)
            if len(exact_json.dumps(listed)) > MOST_LISTED:
                raise FlowFailure(f"MCP error: the list has more than {MOST_LISTED} bytes", retryable=False)
        raise FlowFailure(f"MCP error: the list has more than {_MOST_PAGES} pages", retryable=False)

    def quoted(self, text: str) -> str:
        """What the server says, as a failure repeats it. Half a secret would not be recognized, so it is cut last."""
        return self._around.redactor.text(self._redactor.text(text))[:_MOST_SAID]

    def close(self) -> None:
        """Tell the server that the session is over. What is asked for is there already, so its answer does not matter."""
        if "Mcp-Session-Id" not in self._headers:
            return
        try:
            self._exchanged(
                Message("DELETE", self._url, self._headers, None, None), "close", _GOODBYE_SECONDS
            )
        except FlowFailure:
            return

    def _post(self, message: Mapping[str, Json], what: str) -> Mapping[str, Any]:
        content = exact_json.dumps(message).encode()
        answer = self._exchanged(Message("POST", self._url, self._headers, content, "application/json"), what)
        if not answer["success"]:
            raise self._rejection(answer)
        if answer.get("truncated"):
            raise FlowFailure("MCP error: the answer is larger than 1 MiB")
        if session := answer["headers"].get("Mcp-Session-Id"):
            self._headers["Mcp-Session-Id"] = session[0]
        return answer

    def _exchanged(self, message: Message, what: str, most: float | None = None) -> Mapping[str, Any]:
        left = max(self._until - self._clock(), _LEAST_SECONDS)
        key = str(uuid5(NAMESPACE_OID, f"{self._around.idempotency_key}/{what}"))
        around = replace(self._around, idempotency_key=key)
        return exchanged(around, message, left if most is None else min(left, most))

    def _rejection(self, answer: Mapping[str, Any]) -> FlowFailure:
        status, body = answer["status_code"], answer["body"]
        said = self.quoted(_said(body.get("error") if isinstance(body, Mapping) else None))
        return FlowFailure(
            self._redactor.text(f"MCP error: status {status}" + (f": {said}" if said else "")),
            handle=status_handle(status),
            details=self._redactor.json({"status_code": status, "body": body}),
            retryable=transient(status),
        )

    def _refusal(self, error: Json) -> FlowFailure:
        known = error if isinstance(error, Mapping) else {}
        code = known.get("code")
        code = code if isinstance(code, int) and code in _CODES else None
        return FlowFailure(
            "MCP error" + ("" if code is None else f" {code}") + f": {self.quoted(_said(error))}",
            details=self._redactor.json({"code": code, "data": known.get("data")} if known else {}),
            retryable=code not in _FOR_GOOD,
        )


def _answers(message: Json, number: int) -> bool:
    return (
        isinstance(message, Mapping)
        and message.get("id") == number
        and ("result" in message or "error" in message)
    )


def _messages(answer: Mapping[str, Any]) -> Iterator[Json]:
    """All JSON-RPC messages of an answer, which may be one, a list, or events."""
    kind = answer["metadata"]["content_type"].split(";")[0].strip().lower()
    texts = events(answer["raw_body"]) if kind == "text/event-stream" else [answer["raw_body"]]
    for text in texts:
        try:
            found = exact_json.received(text)
        except ValueError:
            continue  # what is not JSON, or too deep to be handed on, is no message
        yield from found if isinstance(found, list) else [found]


def events(stream: str) -> Iterator[str]:
    """The data of server-sent events. One that the end of the stream cuts off does not count."""
    data: list[str] = []
    for line in stream.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        name, _, value = line.partition(":")
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))


def _listed(result: Mapping[str, Any], member: str) -> list[Json]:
    """Raises `FlowFailure`."""
    found = result.get(member)
    if found is not None and not isinstance(found, list):
        raise FlowFailure("MCP error: the answer has no list")
    return list(found or ())


def _said(error: Json) -> str:
    message = error.get("message") if isinstance(error, Mapping) else None
    return message if isinstance(message, str) else ""

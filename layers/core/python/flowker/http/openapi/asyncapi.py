"""The socket of a run as an AsyncAPI 3.0 document (FlowRunner spec i). `model/run_message.py` writes these messages."""

from collections.abc import Mapping
from typing import Any

from flowker.catalog.entries import ANYTHING, OBJECT, STRING, Schema, integer, one_of
from flowker.http.openapi.operation import INSTANT, described
from flowker.model.run import EventKind, Level, RunStatus
from flowker.settings import product_version

ASYNCAPI = "asyncapi.json"

_ABOUT = """\
Tells what happens in one execution of a flow, live, from its beginning or from where you left off, however late you connect.

- Say who you are with `Authorization: Bearer <token>`. Browsers, which cannot send that: offer the subprotocols `bearer` and \
your token, or append `?ticket=` with what `POST /api/v1/executions/{id}/ws-ticket` gives, or `?token=`.
- A handshake is refused with 401 (token or ticket), 404 (no such execution of yours) or 400 (`since`).
- Messages come in the order of their `sequence`, which counts from 1, each at least once: pass over those that you have seen.
- After the last message (`execution_completed`, `execution_failed`, or `execution_update` with `cancelled`) the socket is \
closed with 1000. If it ends otherwise, connect again with `?since=<sequence>` of the last message that you have seen: a \
gateway ends every connection after two hours, and a client that reads too slowly is sent away with 1013.
- In a long silence the latest `execution_update` is repeated, with its own `sequence` and `keep_alive`; pass over it. You may \
send `ping` yourself. Everything else that you send is ignored.
"""

_NODE: Mapping[str, Schema] = {
    "node_id": described(STRING, "The node's name in the definition."),
    "node_type": STRING,
}
_TRUNCATED: Schema = {"const": True}

FIELDS: Mapping[EventKind, tuple[str, Mapping[str, Schema], frozenset[str]]] = {
    EventKind.UPDATE: (
        "A node starts, or the execution was cancelled.",
        {
            "status": one_of(RunStatus.RUNNING, RunStatus.CANCELLED),
            **_NODE,
            "keep_alive": described({"const": True}, "This is the repetition of an earlier message."),
        },
        frozenset({"status"}),
    ),
    EventKind.NODE_COMPLETED: (
        "A node succeeded.",
        {
            **_NODE,
            "result": ANYTHING,
            "result_truncated": described(_TRUNCATED, "The result is too long for a message; it is cut."),
        },
        frozenset({"node_id", "node_type", "result"}),
    ),
    EventKind.LOG: (
        "An entry of the execution's log.",
        {
            "level": one_of(*Level),
            "message": STRING,
            **_NODE,
            "data": OBJECT,
            "data_truncated": described(_TRUNCATED, "The data are too long for a message; they are cut."),
        },
        frozenset({"level", "message"}),
    ),
    EventKind.COMPLETED: (
        "The execution has ended well.",
        {
            "status": {"const": RunStatus.COMPLETED.value},
            "result": OBJECT,
            "result_truncated": described(_TRUNCATED, "The result is too long for a message; it is cut."),
        },
        frozenset({"status", "result"}),
    ),
    EventKind.FAILED: (
        "The execution has failed.",
        {
            "status": {"const": RunStatus.FAILED.value},
            "error": described(STRING, "Why, for people."),
            **_NODE,
        },
        frozenset({"status", "error"}),
    ),
}
"""By type: what it means, its own fields, and those of them that are always there."""


def document() -> dict[str, Any]:
    """A new value each time."""
    told = [kind.value for kind in EventKind]
    messages = {name: {"$ref": f"#/components/messages/{name}"} for name in [*told, "ping", "pong"]}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Flowker: executions, live",
            "version": product_version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {"host": "localhost:8080", "protocol": "ws", "security": _securities()},
        },
        "channels": {
            "execution": {
                "address": "/ws/executions/{execution_id}",
                "parameters": {"execution_id": {"description": "The `execution_id` of a run."}},
                "messages": messages,
                "bindings": {"ws": {"method": "GET", "query": _QUERY}},
            }
        },
        "operations": {
            "follow": _operation("send", "Messages to you.", [*told, "pong"]),
            "ask": _operation("receive", "Messages from you.", ["ping"]),
        },
        "components": {"messages": _messages(), "securitySchemes": _SECURITY},
    }


_QUERY: Schema = {
    "type": "object",
    "properties": {
        "since": described(integer(0, default=0), "The last `sequence` that you have seen."),
        "token": described(STRING, "Your token, if there is no other way. Addresses end up in logs."),
        "ticket": described(STRING, "Opens one socket, within a minute, instead of the token."),
    },
}
_SECURITY: Mapping[str, Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "ticket": {"type": "httpApiKey", "in": "query", "name": "ticket"},
    "token": {"type": "httpApiKey", "in": "query", "name": "token"},
}


def _securities() -> list[Schema]:
    return [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY]


def _operation(action: str, summary: str, names: list[str]) -> Schema:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": "#/channels/execution"},
        "messages": [{"$ref": f"#/channels/execution/messages/{name}"} for name in names],
    }


def _messages() -> dict[str, Schema]:
    told = {
        kind.value: _message(kind.value, summary, fields, always)
        for kind, (summary, fields, always) in FIELDS.items()
    }
    pong = _schema("pong", {"timestamp": INSTANT}, ["timestamp"])
    return {
        **told,
        "ping": {"summary": "Asks for a `pong`.", "payload": _schema("ping", {}, [], closed=False)},
        "pong": {"summary": "Answers a `ping`.", "payload": pong},
    }


def _message(kind: str, summary: str, fields: Mapping[str, Schema], always: frozenset[str]) -> Schema:
    frame = {
        "execution_id": STRING,
        "sequence": described(integer(1), "Its place among all messages about this execution."),
        "timestamp": INSTANT,
    }
    required = [*frame, *(name for name in fields if name in always)]
    return {"summary": summary, "payload": _schema(kind, {**frame, **fields}, required)}


def _schema(kind: str, fields: Mapping[str, Schema], required: list[str], *, closed: bool = True) -> Schema:
    return {
        "type": "object",
        "properties": {"type": {"const": kind}, **fields},
        "required": ["type", *required],
        "additionalProperties": not closed,
    }

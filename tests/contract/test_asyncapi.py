"""The description of the socket and what is really sent are the same (FlowRunner spec i.2)."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from flowker.events.websocket import handle
from flowker.http.openapi.asyncapi import FIELDS, document
from flowker.model.run import EventKind, Level, NumberedEvent, RunStatus
from flowker.model.run_message import run_message
from tests.harness import Bench

AT = "2026-03-01T10:00:00.123Z"
NODE = {"node_id": "start", "node_type": "http.request"}
LONG = "x" * 300_000


def event(kind: EventKind, **values: Any) -> NumberedEvent:
    return NumberedEvent.model_validate({"kind": kind, "at": AT, "sequence": 7, **values})


EVERYTHING = {
    EventKind.UPDATE: run_message(
        "exec-1", event(EventKind.UPDATE, status=RunStatus.RUNNING, **NODE), repeated=True
    ),
    EventKind.NODE_COMPLETED: run_message("exec-1", event(EventKind.NODE_COMPLETED, **NODE), LONG),
    EventKind.LOG: run_message(
        "exec-1", event(EventKind.LOG, level=Level.WARN, message="m", data={"a": LONG}, **NODE)
    ),
    EventKind.COMPLETED: run_message(
        "exec-1", event(EventKind.COMPLETED, status=RunStatus.COMPLETED), {"a": LONG}
    ),
    EventKind.FAILED: run_message(
        "exec-1", event(EventKind.FAILED, status=RunStatus.FAILED, error="e", **NODE)
    ),
}
"""Of each type, a message with everything that it can hold."""
LEAST = {
    EventKind.UPDATE: run_message("exec-1", event(EventKind.UPDATE, status=RunStatus.CANCELLED)),
    EventKind.NODE_COMPLETED: run_message("exec-1", event(EventKind.NODE_COMPLETED, **NODE)),
    EventKind.LOG: run_message("exec-1", event(EventKind.LOG, level=Level.DEBUG, message="")),
    EventKind.COMPLETED: run_message("exec-1", event(EventKind.COMPLETED, status=RunStatus.COMPLETED)),
    EventKind.FAILED: run_message("exec-1", event(EventKind.FAILED, status=RunStatus.FAILED, error="e")),
}
"""And one with no more than it must."""


def payload(name: str) -> Any:
    return document()["components"]["messages"][name]["payload"]


@pytest.mark.parametrize("kind", EventKind)
def test_what_is_sent_is_what_is_described(kind: EventKind) -> None:
    for text in (EVERYTHING[kind], LEAST[kind]):
        jsonschema.validate(json.loads(text), payload(kind.value))
    assert set(payload(kind.value)["properties"]) == set(json.loads(EVERYTHING[kind]))
    assert set(payload(kind.value)["required"]) == set(json.loads(LEAST[kind]))


def test_every_type_is_described() -> None:
    assert set(FIELDS) == set(EventKind)


def test_a_ping_is_answered_as_described() -> None:
    Bench()
    request = {"routeKey": "$default", "connectionId": "c"}
    ping = json.dumps({"type": "ping"})
    jsonschema.validate(json.loads(ping), payload("ping"))
    answer = handle({"requestContext": request, "body": ping}, None)
    jsonschema.validate(json.loads(answer["body"]), payload("pong"))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_all_references_lead_somewhere() -> None:
    whole = document()
    for reference in references(whole):
        found = whole
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]

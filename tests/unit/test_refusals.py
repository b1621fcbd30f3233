"""Attempts to change something that failed are in the audit trail, with who tried and what was answered (spec j.2 [R])."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from flowker import wiring
from flowker.errors import StoreUnavailable
from flowker.http.refusals import CHANGES, LONGEST
from flowker.http.routes import ROUTES
from flowker.model.audit import NOTHING, AuditEvent, EventType, Result
from flowker.settings import Settings
from tests.fakes import MemoryTable
from tests.functions import ADDRESS, Answered, call
from tests.trails import trail, use

UNKNOWN = "0f8fad5b-d9cb-469f-a165-70867728950e"
WORKFLOW, PROVIDER, EXECUTOR = (
    f"/v1/{noun}/{UNKNOWN}" for noun in ("workflows", "provider-configurations", "executors")
)
READING = {"GET"}
CHANGES_NOTHING = {
    "/v1/catalog/executors/{executor_id}/validate",
    "/v1/catalog/templates/{template_id}/validate",
    "/api/v1/flows/validate",
    "/api/v1/flows/search",
    "/api/v1/executions/{execution_id}/ws-ticket",
}
"""Routes that only look at what they are sent, or change nothing that the trail keeps."""


@pytest.fixture
def table() -> MemoryTable:
    table = MemoryTable()
    use(table)
    keys = {"auditor": sha256(b"secret").hexdigest(), "bank": sha256(b"other").hexdigest()}
    wiring.use(replace(wiring.home(), settings=Settings(api_keys=keys)))
    return table


def send(method: str, path: str, body: Any = None, key: str = "other") -> Answered:
    return call(method, path, body, {"x-api-key": key, "idempotency-key": "k"})


def recorded(table: MemoryTable) -> list[AuditEvent]:
    wiring.audit_trail().append_pending()
    return [entry.event for entry in trail(table)]


def test_every_route_that_changes_something_says_what_it_would_have_caused() -> None:
    changing = {
        (method, route.path)
        for route in ROUTES
        for method in route.methods
        if method not in READING and route.path not in CHANGES_NOTHING and route.function != "webhooks"
    }
    assert changing == set(CHANGES)


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "code", "resource"),
    [
        ("POST", "/v1/workflows", {}, "WORKFLOW_CREATED", "FLK-0110", NOTHING),
        ("POST", "/v1/workflows", "{", "WORKFLOW_CREATED", "FLK-0001", NOTHING),
        ("POST", "/v1/workflows/from-template", {"templateId": "x"}, "WORKFLOW_CREATED", None, NOTHING),
        ("POST", f"{WORKFLOW}/clone", {"name": "x"}, "WORKFLOW_CREATED", "FLK-0100", UNKNOWN),
        ("PUT", WORKFLOW, {"name": "x"}, "WORKFLOW_UPDATED", "FLK-0100", UNKNOWN),
        ("DELETE", WORKFLOW, None, "WORKFLOW_DELETED", "FLK-0100", UNKNOWN),
        ("POST", f"{WORKFLOW}/activate", None, "WORKFLOW_ACTIVATED", "FLK-0100", UNKNOWN),
        ("POST", f"{WORKFLOW}/deactivate", None, "WORKFLOW_DEACTIVATED", "FLK-0100", UNKNOWN),
        ("POST", f"{WORKFLOW}/draft", None, "WORKFLOW_DRAFTED", "FLK-0100", UNKNOWN),
        ("POST", f"{WORKFLOW}/executions", {"inputData": {}}, "EXECUTION_STARTED", "FLK-0100", NOTHING),
        ("POST", f"/v1/executions/{UNKNOWN}/cancel", None, "EXECUTION_CANCELLED", "FLK-0500", UNKNOWN),
        ("POST", "/v1/webhooks/some/where", {}, "EXECUTION_STARTED", "FLK-0361", NOTHING),
        ("PATCH", "/v1/webhooks/some/where", {}, "EXECUTION_STARTED", "FLK-0361", NOTHING),
        ("POST", "/v1/provider-configurations", {}, "PROVIDER_CONFIG_CREATED", None, NOTHING),
        ("PATCH", PROVIDER, {"name": "x"}, "PROVIDER_CONFIG_UPDATED", "FLK-0290", UNKNOWN),
        ("DELETE", PROVIDER, None, "PROVIDER_CONFIG_DELETED", "FLK-0290", UNKNOWN),
        ("POST", f"{PROVIDER}/disable", None, "PROVIDER_CONFIG_UPDATED", "FLK-0290", UNKNOWN),
        ("POST", f"{PROVIDER}/enable", None, "PROVIDER_CONFIG_UPDATED", "FLK-0290", UNKNOWN),
        ("POST", "/v1/executors", {}, "EXECUTOR_CONFIG_CREATED", None, NOTHING),
        ("DELETE", EXECUTOR, None, "EXECUTOR_CONFIG_DELETED", "FLK-0250", UNKNOWN),
        ("POST", f"{EXECUTOR}/enable", None, "EXECUTOR_CONFIG_UPDATED", "FLK-0250", UNKNOWN),
        ("DELETE", "/v1/workflows/not-an-id", None, "WORKFLOW_DELETED", "FLK-0002", NOTHING),
    ],
)
def test_a_refused_change_is_recorded(
    table: MemoryTable, method: str, path: str, body: Any, kind: str, code: str | None, resource: str
) -> None:
    answer = send(method, path, body)
    (event,) = recorded(table)
    assert (event.type, event.result, event.resource_id) == (EventType(kind), Result.FAILED, resource)
    assert (event.action, event.resource_type) == (event.type.action, event.type.resource_type)
    assert (event.actor.type, event.actor.id, event.actor.ip_address) == ("api_key", "bank", ADDRESS)
    assert event.context == {"request.id": "request-1"}
    expected = {
        "error": code or answer.json["code"],
        "http.status": answer.status,
        "http.request": f"{method} {path}",
    }
    if path.endswith("/executions"):
        expected["workflow.id"] = UNKNOWN
    assert event.metadata == expected
    assert answer.status >= 400


def test_what_was_only_looked_at_is_not_recorded(table: MemoryTable) -> None:
    assert send("GET", WORKFLOW).status == 404
    assert send("GET", "/v1/workflows?limit=x").status in (200, 404)
    assert send("POST", "/v1/catalog/executors/http/validate", {"config": 7}).status >= 400
    assert send("DELETE", "/v1/workflows").status == 405
    assert send("POST", "/v1/nowhere", {}).status == 404
    assert recorded(table) == []


def test_who_is_not_let_in_leaves_no_entry(table: MemoryTable) -> None:
    """Else anybody could fill the trail."""
    assert send("POST", "/v1/workflows", {}, key="wrong").status == 401
    assert recorded(table) == []


def test_a_success_is_recorded_once_by_its_actor(table: MemoryTable) -> None:
    workflow = send("POST", "/v1/workflows", {"name": "one"}, key="secret").ok(201)
    (event,) = recorded(table)
    assert (event.type, event.result) == (EventType.WORKFLOW_CREATED, Result.SUCCESS)
    assert (event.resource_id, event.actor.id) == (workflow["workflowId"], "auditor")


def test_a_long_path_is_cut(table: MemoryTable) -> None:
    send("POST", f"/v1/webhooks/{'x' * 900}", {})
    (event,) = recorded(table)
    assert len(str(event.metadata["http.request"])) == LONGEST


class Unwritable(MemoryTable):
    """A table that cannot be written to at the moment."""

    def write(self, writes: Any) -> None:
        raise StoreUnavailable("The store cannot be used. Try again.")


def test_an_answer_stands_even_if_it_cannot_be_recorded() -> None:
    use(Unwritable())
    call("POST", "/v1/workflows", {}).refused(400, "FLK-0110")


@pytest.mark.parametrize("name", ["a|b", ""])
def test_an_id_of_a_key_that_no_entry_could_hold_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match="the id of an API key"):
        Settings(api_keys={name: "ab" * 32})
    with pytest.raises(ValueError, match="the id of an API key"):
        Settings.from_env({"FLOWKER_API_KEYS": f"{name}={'ab' * 32}"})

"""Which requests start which workflow, and what they leave in the input, over the real stores (Flowker spec, section i)."""

from typing import Any
from urllib.parse import quote, unquote
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import IdempotencyKeyReused, WebhookRouteNotFound, WebhookTokenInvalid
from flowker.model.graph import Graph, Node
from flowker.model.workflow import WorkflowStatus
from flowker.usecases.executions import Executions
from flowker.usecases.webhooks import (
    HIDDEN_HEADERS,
    Delivery,
    Webhooks,
    declared,
    normalised,
    routes_of,
    token_digest,
)
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    ScriptedCompletions,
)
from tests.integration.samples import launch, workflow
from tests.samples import trigger


class World:
    """A store with one active workflow behind `POST /orders/paid`, guarded by a token."""

    def __init__(self) -> None:
        table = MemoryTable()
        self.workflows = ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())
        self.store = ItemExecutionStore(table, MemoryBlobs())
        executions = Executions(
            self.store,
            self.workflows,
            RecordingMachines(),
            ScriptedCompletions(),
            ManualClock(),
            CountingIds(),
        )
        self.webhooks = Webhooks(self.workflows, executions)
        node = trigger(path="orders/paid/", method="POST", verify_token="sesame")
        graph = Graph.model_validate({"nodes": [node]})
        self.draft = workflow(graph=graph)
        self.launch = launch(self.draft.id)
        self.active = self.draft.model_copy(
            update={"status": WorkflowStatus.ACTIVE, "launch": self.launch, "version": 2}
        )
        self.workflows.add(self.draft)
        self.workflows.replace(self.draft, self.active, routes_of(graph, {"start": self.launch}))

    def deliver(self, **values: Any) -> Any:
        given = {
            "method": "post",
            "path": "orders/paid",
            "headers": {},
            "query": {},
            "remote_ip": "192.0.2.7",
            "data": {},
        }
        route = self.webhooks.find("POST", "orders/paid", "sesame")
        return self.webhooks.deliver(route, Delivery(**(given | values)))

    def input_of(self, started: Any) -> Any:
        return self.store.history(started.execution.id).input


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    "path", ["orders/paid", "/orders/paid/", "orders%2Fpaid", "orders/paid///", "orders%2fpaid%2F"]
)
def test_a_route_is_found_however_its_slashes_are_written(world: World, path: str) -> None:
    assert world.webhooks.find("post", path, "sesame").launch == world.launch


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "orders/paid"), ("POST", "Orders/paid"), ("POST", "orders"), ("POST", "")]
)
def test_other_requests_find_nothing(world: World, method: str, path: str) -> None:
    with pytest.raises(WebhookRouteNotFound):
        world.webhooks.find(method, path, "sesame")


@pytest.mark.parametrize("token", [None, "", "sesam", "sesame ", "Sesame"])
def test_the_token_must_be_exactly_right(world: World, token: str | None) -> None:
    with pytest.raises(WebhookTokenInvalid):
        world.webhooks.find("POST", "orders/paid", token)


def test_the_token_is_not_stored_in_the_route(world: World) -> None:
    route = world.workflows.route("POST", "/orders/paid")
    assert route is not None
    assert route.token_digest == token_digest("sesame")
    assert "sesame" not in str(route)


def test_the_input_is_the_body_with_the_request_beside_it(world: World) -> None:
    started = world.deliver(
        headers={"content-type": "application/json", "X-REQUEST-id": "7", "etag": "x"},
        query={"a": "1"},
        data={"amount": 5, "_webhook": "forged"},
    )
    assert not started.replayed
    assert world.input_of(started) == {
        "amount": 5,
        "_webhook": {
            "method": "POST",
            "path": "orders/paid",
            "headers": {"Content-Type": "application/json", "X-Request-Id": "7", "Etag": "x"},
            "query": {"a": "1"},
            "remote_ip": "192.0.2.7",
        },
    }


def test_headers_that_identify_the_sender_are_dropped_in_any_letter_case(world: World) -> None:
    sent = {name.upper(): "secret" for name in HIDDEN_HEADERS} | dict.fromkeys(HIDDEN_HEADERS, "secret")
    assert world.input_of(world.deliver(headers=sent))["_webhook"]["headers"] == {}


def test_a_repeated_delivery_is_the_same_whatever_its_headers(world: World) -> None:
    first = world.deliver(data={"n": 1}, key="key", headers={"Date": "today"})
    again = world.deliver(data={"n": 1}, key="key", headers={"Date": "tomorrow"})
    assert (again.replayed, again.execution.id) == (True, first.execution.id)
    with pytest.raises(IdempotencyKeyReused):
        world.deliver(data={"n": 2}, key="key")
    assert world.deliver(data={"n": 1}).execution.id != first.execution.id


def test_deactivation_removes_the_route(world: World) -> None:
    inactive = world.active.model_copy(
        update={"status": WorkflowStatus.INACTIVE, "launch": None, "version": 3}
    )
    world.workflows.replace(world.active, inactive)
    with pytest.raises(WebhookRouteNotFound):
        world.webhooks.find("POST", "orders/paid", "sesame")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"triggerType": "webhook", "path": "a/b/", "method": "POST"}, ("POST", "/a/b")),
        ({"triggerId": "webhook", "path": "/a", "method": "get"}, ("GET", "/a")),
        ({"triggerType": "webhook", "path": "a%2Fb", "method": "POST"}, ("POST", "/a/b")),
        ({"triggerType": "webhook", "path": "a"}, None),
        ({"triggerType": "webhook", "method": "POST"}, None),
        ({"triggerType": "webhook"}, None),
        ({"triggerType": "schedule", "path": "a", "method": "POST"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_triggers_with_method_and_path_ask_for_a_route(data: Any, expected: Any) -> None:
    assert declared(Node.model_validate({"id": "start", "type": "trigger", "data": data})) == expected


def test_nodes_that_are_no_triggers_ask_for_nothing() -> None:
    data = {"triggerType": "webhook", "path": "a", "method": "POST"}
    assert declared(Node.model_validate({"id": "x", "type": "action", "data": data})) is None


def test_each_trigger_launches_at_itself() -> None:
    one, two = launch(str(uuid4())), launch(str(uuid4())).model_copy(update={"entry": "two"})
    nodes = [
        trigger("one", path="1", method="POST"),
        trigger("two", path="2", method="GET"),
        trigger("three"),
    ]
    routes = routes_of(Graph.model_validate({"nodes": nodes}), {"one": one, "two": two, "three": one})
    assert [(route.method, route.path, route.launch.entry) for route in routes] == [
        ("POST", "/1", "start"),
        ("GET", "/2", "two"),
    ]
    assert all(route.token_digest is None for route in routes)


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(path: str) -> None:
    once = normalised(path)
    assert normalised(once) == once
    assert once == "" or (once.startswith("/") and not once.endswith("/"))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_what_is_registered_is_found_when_it_is_sent_percent_encoded(path: str) -> None:
    registered = normalised(unquote(path))
    assert normalised(unquote(quote(registered, safe=""))) == registered

"""Webhook routes come and go with the activation of their workflow, on every home's table (Flowker spec, section i)."""

from uuid import uuid4

import pytest

from flowker.adapters.items import Table
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import (
    InvalidTriggerConfig,
    WebhookRouteTaken,
)
from flowker.model.workflow import MOST_ROUTES, Workflow, WorkflowStatus
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    WatchedTable,
    instant,
    launch,
    route,
    workflow,
)


def over(table: Table, blobs: MemoryBlobs | None = None) -> ItemWorkflowStore:
    return ItemWorkflowStore(table, blobs or MemoryBlobs(), PlainCipher())


@pytest.fixture
def store(table: Table) -> ItemWorkflowStore:
    return over(table)


def changed(before: Workflow, **values: object) -> Workflow:
    return before.model_copy(update={"version": before.version + 1, "updated_at": instant(1), **values})


def activated(before: Workflow) -> Workflow:
    return changed(before, status=WorkflowStatus.ACTIVE, launch=launch(before.id))


def fresh_path() -> str:
    return f"/{uuid4()}"


def test_an_activation_brings_its_routes_and_a_deactivation_takes_them(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    one, two = route(draft.id, fresh_path()), route(draft.id, fresh_path(), token_digest=None)
    active = activated(draft)
    store.replace(draft, active, [one, two])
    assert store.route("POST", one.path) == one
    assert store.route("POST", two.path) == two
    assert store.route("GET", one.path) is None
    inactive = changed(active, status=WorkflowStatus.INACTIVE, launch=None)
    store.replace(active, inactive)
    assert store.route("POST", one.path) is None
    assert store.route("POST", two.path) is None
    assert store.get(draft.id) == inactive


def test_a_webhook_start_reads_one_item(table: Table) -> None:
    draft = workflow()
    over(table).add(draft)
    held = route(draft.id, fresh_path())
    over(table).replace(draft, activated(draft), [held])
    watched = WatchedTable(table)
    assert over(watched).route("POST", held.path) == held
    assert (watched.gets, watched.requests) == ([1], (1, 0, 0))


def test_a_route_of_any_length_is_kept(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    long = route(draft.id, fresh_path() + "/ü" * 2000)
    store.replace(draft, activated(draft), [long])
    assert store.route("POST", long.path) == long


def test_a_route_that_another_workflow_holds_is_refused_and_nothing_is_registered(
    store: ItemWorkflowStore,
) -> None:
    first, second = workflow(), workflow()
    store.add(first)
    store.add(second)
    contested, free = fresh_path(), fresh_path()
    store.replace(first, activated(first), [route(first.id, contested)])
    with pytest.raises(WebhookRouteTaken):
        store.replace(second, activated(second), [route(second.id, free), route(second.id, contested)])
    assert store.route("POST", free) is None
    assert store.get(second.id) == second
    found = store.route("POST", contested)
    assert found is not None
    assert found.launch.workflow_id == first.id
    store.replace(second, activated(second), [route(second.id, contested, method="PUT")])


def test_the_same_route_twice_in_one_workflow_is_refused(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    path = fresh_path()
    with pytest.raises(WebhookRouteTaken):
        store.replace(
            draft, activated(draft), [route(draft.id, path), route(draft.id, path, token_digest="ab")]
        )
    assert store.route("POST", path) is None


def test_of_two_activations_at_a_time_one_gets_the_route(table: Table) -> None:
    store, path = over(table), fresh_path()
    first, second = workflow(), workflow()
    store.add(first)
    store.add(second)

    def overtake() -> None:
        store.replace(second, activated(second), [route(second.id, path)])

    slower = over(InterruptedTable(table, before_write=[overtake]))
    with pytest.raises(WebhookRouteTaken):
        slower.replace(first, activated(first), [route(first.id, path)])
    assert store.get(first.id) == first


def test_a_workflow_may_keep_a_route_drop_one_and_get_one(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    kept, dropped, new = fresh_path(), fresh_path(), fresh_path()
    active = activated(draft)
    store.replace(draft, active, [route(draft.id, kept), route(draft.id, dropped)])
    again = changed(active)
    store.replace(active, again, [route(draft.id, kept, token_digest="other"), route(draft.id, new)])
    found = store.route("POST", kept)
    assert found is not None
    assert found.token_digest == "other"
    assert store.route("POST", dropped) is None
    assert store.route("POST", new) is not None
    store.delete(again)
    assert [store.route("POST", path) for path in (kept, new)] == [None, None]


def test_as_many_routes_as_fit_are_stored_and_deleted_and_more_are_refused(table: Table) -> None:
    watched = WatchedTable(table)
    store = over(watched)
    draft = workflow()
    store.add(draft)
    routes = [route(draft.id, fresh_path()) for _ in range(MOST_ROUTES + 1)]
    with pytest.raises(InvalidTriggerConfig):
        store.replace(draft, activated(draft), routes)
    active = activated(draft).model_copy(update={"name": f"renamed {draft.id}"})
    store.replace(draft, active, routes[1:])
    assert store.route("POST", routes[-1].path) == routes[-1]
    store.delete(active)
    assert store.route("POST", routes[-1].path) is None
    assert max(watched.writes) <= 100

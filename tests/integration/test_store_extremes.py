"""The longest names, ids, keys and texts that the API lets through, and longer ones, on every home's table."""

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Query, Table
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.adapters.table_rules import MOST_BYTES, size_of
from flowker.catalog.webhook import LONGEST_PATH
from flowker.errors import ExecutionNotFound, InvalidBody, WorkflowNameTaken
from flowker.http.v1.executions import LONGEST_KEY
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.execution import Execution, ExecutionStatus, Outcome, StepStatus
from flowker.model.page import PageQuery
from flowker.model.workflow import MOST_ROUTES, WorkflowStatus
from flowker.nodes.base import LONGEST_MESSAGE
from flowker.usecases.drafts import LABEL_LENGTH, NAME_LENGTH
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    claim,
    configuration,
    execution,
    executor_configuration,
    instant,
    launch,
    listed,
    pages,
    route,
    step,
    workflow,
)
from tests.trails import START, outbox, trail

WIDE = "🎈"
"""Four bytes, and twelve as an escape in JSON."""
BEYOND = "x" * (MOST_BYTES + 1)


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def workflows(table: Table, blobs: MemoryBlobs) -> ItemWorkflowStore:
    return ItemWorkflowStore(table, blobs, PlainCipher())


@pytest.fixture
def store(table: Table, blobs: MemoryBlobs) -> ItemExecutionStore:
    return ItemExecutionStore(table, blobs)


@pytest.fixture
def runs(table: Table, blobs: MemoryBlobs) -> ItemNodeRunStore:
    return ItemNodeRunStore(table, blobs, PlainCipher())


@pytest.fixture
def started(store: ItemExecutionStore) -> Execution:
    new = execution()
    store.add(new, {}, None)
    return new


def event(number: int, resource: str) -> AuditEvent:
    metadata = {
        "workflow.name": WIDE * NAME_LENGTH,
        "node.id": WIDE * LABEL_LENGTH,
        "attempt": number,
        "executor.id": "tracer.validate-transaction",
        "error": "FLK-0504",
    }
    return happened(
        EventType.PROVIDER_CALL_COMPLETED, resource, id=f"event-{number}", at=START, metadata=metadata
    )


# --- names -----------------------------------------------------------------------------------------------------------


def test_the_longest_names_are_kept_unique_sorted_and_walked(
    table: Table, blobs: MemoryBlobs, workflows: ItemWorkflowStore
) -> None:
    names = [f"{WIDE * (NAME_LENGTH - 1)}{last}" for last in "cab"]
    for name in names:
        workflows.add(workflow(name=name))
        ItemProviderConfigurationStore(table, blobs, PlainCipher()).add(configuration(name=name))
        ItemExecutorConfigurationStore(table, blobs, PlainCipher()).add(executor_configuration(name=name))
    with pytest.raises(WorkflowNameTaken):
        workflows.add(workflow(name=names[0]))
    by_name = PageQuery(1, "name", ascending=True)
    walked = [page.items[0].name for page in pages(workflows.list, by_name)]
    assert walked == sorted(names)


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["x", WIDE])
def test_the_longest_idempotency_key_holds(store: ItemExecutionStore, character: str) -> None:
    key = character * LONGEST_KEY
    new = execution()
    store.add(new, {}, claim(new, key))
    assert store.claim(key) == claim(new, key)


def test_a_key_that_no_home_can_hold_starts_nothing(store: ItemExecutionStore) -> None:
    new = execution()
    key = "x" * 2048
    with pytest.raises(InvalidBody):
        store.add(new, {}, claim(new, key))
    with pytest.raises(ExecutionNotFound):
        store.get(new.id)
    assert listed(store.list, PageQuery(10, "startedAt")) == []
    assert store.claim(key) is None


def test_steps_of_the_longest_node_ids_are_found(
    store: ItemExecutionStore, runs: ItemNodeRunStore, started: Execution
) -> None:
    ids = [f"{WIDE * (LABEL_LENGTH - 2)}{number:02d}" for number in range(98)]
    runs.record(started, [step(node_id, name=WIDE * LABEL_LENGTH) for node_id in ids], 98, None)
    assert set(store.history(started.id).steps) == set(ids)
    assert set(runs.load(started.id, ids, None).history.steps) == set(ids)


# --- transactions ----------------------------------------------------------------------------------------------------


def test_the_largest_write_of_a_task_fits_into_a_transaction(
    table: Table, store: ItemExecutionStore, runs: ItemNodeRunStore, started: Execution
) -> None:
    """Its outputs move to blobs as far as they must."""
    steps = [step(f"n{number}", output=WIDE * 2700) for number in range(97)]
    failed = step(
        "failed", status=StepStatus.FAILED, error_message=WIDE * LONGEST_MESSAGE, name=WIDE * LABEL_LENGTH
    )
    events = [event(number, started.id) for number in range(40)]
    message = WIDE * (LONGEST_MESSAGE + 2 * LABEL_LENGTH)
    outcome = Outcome(at=instant(9), error_message=message, error_code="FLK-0504", failed_node_id="failed")
    runs.record(started, [*steps, failed], 98, outcome, events)
    history = store.history(started.id)
    assert len(history.steps) == 98
    assert history.steps["n96"].output == WIDE * 2700
    assert history.execution.outcome == outcome
    assert all(size_of(notice) < MOST_BYTES / 2 for notice in outbox(table))
    ItemAuditChain(table).append_pending()
    assert [entry.event.id for entry in trail(table)] == [each.id for each in events]


def test_as_many_webhooks_as_allowed_with_the_longest_paths_are_activated(
    workflows: ItemWorkflowStore,
) -> None:
    draft = workflow(name=WIDE * NAME_LENGTH)
    workflows.add(draft)
    active = draft.model_copy(
        update={"version": 2, "status": WorkflowStatus.ACTIVE, "launch": launch(draft.id)}
    )
    paths = [f"/{WIDE * (LONGEST_PATH - 3)}{number:02d}" for number in range(MOST_ROUTES)]
    workflows.replace(draft, active, [route(draft.id, path) for path in paths])
    assert [workflows.route("POST", path) is not None for path in paths] == [True] * MOST_ROUTES
    workflows.delete(active)
    assert [workflows.route("POST", path) for path in paths] == [None] * MOST_ROUTES


@pytest.mark.parametrize(
    "paths", [["/fits", f"/{BEYOND}"], [f"/{number}{'x' * 60_000}" for number in range(80)]]
)
def test_webhooks_that_no_home_can_hold_are_refused_and_nothing_is_registered(
    workflows: ItemWorkflowStore, paths: list[str]
) -> None:
    draft = workflow()
    workflows.add(draft)
    active = draft.model_copy(
        update={"version": 2, "status": WorkflowStatus.ACTIVE, "launch": launch(draft.id)}
    )
    with pytest.raises(InvalidBody, match="too large"):
        workflows.replace(draft, active, [route(draft.id, path) for path in paths])
    assert workflows.get(draft.id) == draft
    assert [workflows.route("POST", path) for path in paths] == [None] * len(paths)


# --- texts -----------------------------------------------------------------------------------------------------------


def test_a_message_that_no_home_can_hold_is_refused_and_nothing_is_recorded(
    table: Table, store: ItemExecutionStore, runs: ItemNodeRunStore, started: Execution
) -> None:
    waiting = outbox(table)
    too_long = Outcome(at=instant(9), error_message=BEYOND, error_code="FLK-0504")
    for steps, outcome in ([step("a", error_message=BEYOND)], None), ([step("a")], too_long):
        with pytest.raises(InvalidBody, match="too large"):
            runs.record(started, steps, 1, outcome, [event(1, started.id)])
    with pytest.raises(InvalidBody, match="too large"):
        store.finish(started.id, too_long, [event(1, started.id)])
    history = store.history(started.id)
    assert (history.steps, history.execution.status) == ({}, ExecutionStatus.PENDING)
    assert outbox(table) == waiting
    assert len(table.query(Query(keys.EXECUTIONS, keys.execution(started.id).pk))) == 2

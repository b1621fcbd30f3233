"""The contracts of `ports.ExecutionStore` and `ports.NodeRunStore`, over every home's table (Flowker spec d.4, d.9)."""

from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import ConditionFailed, Put, Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.errors import ExecutionNotFound, UnknownSchema
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.workflow import MachineType
from flowker.ports import IdempotencyKeyTaken
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    WatchedTable,
    claim,
    execution,
    failure,
    instant,
    launch,
    step,
)


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def store(table: Table, blobs: MemoryBlobs) -> ItemExecutionStore:
    return ItemExecutionStore(table, blobs)


@pytest.fixture
def runs(table: Table, blobs: MemoryBlobs) -> ItemNodeRunStore:
    return ItemNodeRunStore(table, blobs, PlainCipher())


@pytest.fixture
def started(store: ItemExecutionStore) -> Execution:
    new = execution()
    store.add(new, {"amount": 12}, None)
    return new


# --- starting --------------------------------------------------------------------------------------------------------


def test_what_was_added_is_read_back_whole(store: ItemExecutionStore) -> None:
    new = execution()
    data = {"amount": Decimal("10.10"), "big": 2**80, "none": None, "list": [1, "ü"]}
    store.add(new, data, claim(new))
    assert store.get(new.id) == new
    history = store.history(new.id)
    assert (history.execution, history.input, history.steps) == (new, data, {})
    assert str(history.input["amount"]) == "10.10"


def test_adding_costs_one_write_with_a_claim_or_without(table: Table, blobs: MemoryBlobs) -> None:
    watched = WatchedTable(table)
    new, other = execution(), execution()
    ItemExecutionStore(watched, blobs).add(new, {}, claim(new))
    ItemExecutionStore(watched, blobs).add(other, {}, None)
    assert watched.requests == (0, 0, 2)


@pytest.mark.parametrize("size", [64 * 1024 - 2, 64 * 1024 - 1, 1024 * 1024])
def test_input_of_any_size_is_kept(
    size: int, table: Table, blobs: MemoryBlobs, store: ItemExecutionStore
) -> None:
    new, data = execution(), "x" * size
    store.add(new, data, None)
    assert store.history(new.id).input == data
    (stored,) = table.get([keys.execution_input(new.id)])
    assert stored is not None
    assert ("body_blob" in stored) == (size > 64 * 1024 - 2)
    assert len(str(stored)) < 70_000


def test_a_claim_is_found_by_its_key(store: ItemExecutionStore) -> None:
    new = execution()
    claimed = claim(new)
    assert store.claim(claimed.key) is None
    store.add(new, {}, claimed)
    assert store.claim(claimed.key) == claimed


def test_a_key_starts_one_execution_and_the_second_leaves_nothing_behind(store: ItemExecutionStore) -> None:
    first, second = execution(), execution()
    claimed = claim(first, "ü" * 255 + str(uuid4()))
    store.add(first, {}, claimed)
    with pytest.raises(IdempotencyKeyTaken) as taken:
        store.add(second, {}, claim(second, claimed.key))
    assert taken.value.claim == claimed
    with pytest.raises(ExecutionNotFound):
        store.get(second.id)


def test_of_two_starts_at_a_time_with_one_key_one_wins(table: Table, store: ItemExecutionStore) -> None:
    first, second = execution(), execution()
    claimed = claim(first)
    faster = [lambda: store.add(first, {}, claimed)]
    slower = ItemExecutionStore(InterruptedTable(table, before_write=faster), MemoryBlobs())
    with pytest.raises(IdempotencyKeyTaken) as taken:
        slower.add(second, {}, claim(second, claimed.key))
    assert taken.value.claim == claimed


def test_repeating_a_write_whose_answer_was_lost_succeeds(store: ItemExecutionStore) -> None:
    with_key, without = execution(), execution()
    for _ in range(2):
        store.add(with_key, {}, claim(with_key, f"key {with_key.id}"))
        store.add(without, {}, None)
    assert store.get(with_key.id) == with_key
    assert store.get(without.id) == without


def test_another_execution_under_the_same_id_is_not_taken_for_a_repetition(store: ItemExecutionStore) -> None:
    first = execution()
    store.add(first, {}, None)
    with pytest.raises(ConditionFailed):
        store.add(first.model_copy(update={"started_at": instant(1)}), {}, None)
    with pytest.raises(ConditionFailed):
        store.add(first, {}, claim(first))


def test_an_unknown_execution_is_not_found(store: ItemExecutionStore, runs: ItemNodeRunStore) -> None:
    calls: list[Callable[[str], object]] = [
        store.get,
        store.history,
        lambda unknown: store.finish(unknown, failure()),
        lambda unknown: runs.load(unknown, ["a"], None),
        lambda unknown: runs.load(unknown, None, None),
        lambda unknown: runs.record(execution(id=unknown), [step("a")], 1, None),
    ]
    for call in calls:
        with pytest.raises(ExecutionNotFound):
            call(str(uuid4()))


# --- ending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [failure(), Outcome(at=instant(9))])
def test_an_execution_ends_once_and_keeps_its_outcome(
    outcome: Outcome, store: ItemExecutionStore, started: Execution
) -> None:
    assert store.finish(started.id, outcome) is True
    ended = store.get(started.id)
    assert ended == started.model_copy(update={"status": outcome.status, "outcome": outcome})
    assert store.finish(started.id, Outcome(at=instant(10), error_message="late")) is False
    assert store.get(started.id) == ended


def test_of_two_ends_at_a_time_one_counts(
    table: Table, store: ItemExecutionStore, started: Execution
) -> None:
    def overtake() -> None:
        assert store.finish(started.id, Outcome(at=instant(8)))

    slower = ItemExecutionStore(InterruptedTable(table, before_write=[overtake]), MemoryBlobs())
    assert slower.finish(started.id, failure()) is False
    assert store.get(started.id).status is ExecutionStatus.COMPLETED


def test_an_end_that_was_stored_at_once_is_read_back(store: ItemExecutionStore) -> None:
    ended = execution(status=ExecutionStatus.FAILED, outcome=failure(), recorded=2)
    store.add(ended, None, None)
    assert store.get(ended.id) == ended


# --- at rest ---------------------------------------------------------------------------------------------------------


def test_an_item_of_an_unknown_schema_is_refused(
    table: Table, store: ItemExecutionStore, started: Execution
) -> None:
    (stored,) = table.get([keys.execution_input(started.id)])
    assert stored is not None
    table.write([Put(keys.EXECUTIONS, {**stored, "schema": 2}, when=None)])
    with pytest.raises(UnknownSchema):
        store.history(started.id)


def test_the_execution_remembers_what_it_was_launched_with(store: ItemExecutionStore) -> None:
    workflow_id = str(uuid4())
    new = execution(workflow_id)
    store.add(new, {}, None)
    assert store.get(new.id).launch == launch(workflow_id)


def test_an_execution_that_was_launched_before_machines_had_types_is_on_a_standard_one(
    table: Table, store: ItemExecutionStore, started: Execution
) -> None:
    (stored,) = table.get([keys.execution(started.id)])
    assert stored is not None
    table.write([Put(keys.EXECUTIONS, {name: stored[name] for name in stored if name != "type"}, when=None)])
    assert store.get(started.id) == started
    assert started.launch.type is MachineType.STANDARD


def test_the_type_of_its_machine_is_remembered(store: ItemExecutionStore) -> None:
    workflow_id = str(uuid4())
    on_express = launch(workflow_id).model_copy(update={"type": MachineType.EXPRESS})
    new = execution(workflow_id, launch=on_express)
    store.add(new, {}, None)
    assert store.get(new.id).launch == on_express


# --- handing over ----------------------------------------------------------------------------------------------------


def test_who_has_taken_it_is_noted_while_it_is_pending(store: ItemExecutionStore, started: Execution) -> None:
    assert started.handed_over is None
    store.hand_over(started.id, instant(3))
    assert store.get(started.id) == started.model_copy(update={"handed_over": instant(3)})
    store.finish(started.id, Outcome(at=instant(4)))
    store.hand_over(started.id, instant(5))
    assert store.get(started.id).handed_over == instant(3)


def test_it_is_not_noted_for_what_has_ended_or_is_unknown(
    store: ItemExecutionStore, started: Execution
) -> None:
    store.finish(started.id, Outcome(at=instant(4)))
    for execution_id in (started.id, str(uuid4())):
        store.hand_over(execution_id, instant(5))
    assert store.get(started.id).handed_over is None

"""The contract of `ports.NodeRunStore`, over every home's table (Flowker spec d.4, d.8, d.11)."""

from decimal import Decimal
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Query, Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.model.breaker import Breaker
from flowker.model.execution import Execution, ExecutionStatus, Outcome, StepStatus
from flowker.ports import AlreadyRecorded, ExecutionEnded
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    WatchedTable,
    configuration,
    execution,
    executor_configuration,
    failure,
    instant,
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


def test_a_task_reads_all_it_needs_in_one_request(
    table: Table, blobs: MemoryBlobs, started: Execution, runs: ItemNodeRunStore
) -> None:
    provider = configuration()
    ItemProviderConfigurationStore(table, blobs, PlainCipher()).add(provider)
    state = Breaker().after_failure(1000)
    assert runs.save_breaker(provider.id, state)
    runs.record(started, [step("a"), step("b")], 2, None)
    watched = WatchedTable(table)
    loaded = ItemNodeRunStore(watched, blobs, PlainCipher()).load(
        started.id, ["b", "absent", "b"], provider.id
    )
    assert watched.gets == [6]
    assert watched.requests == (1, 0, 0)
    assert loaded.provider == provider
    assert loaded.breaker == state
    assert loaded.history.input == {"amount": 12}
    assert loaded.history.steps == {"b": step("b")}
    assert loaded.history.execution.recorded == 2


@pytest.mark.parametrize("node_ids", [["a"], None])
def test_an_executor_configuration_is_read_along_without_a_request_of_its_own(
    table: Table, blobs: MemoryBlobs, started: Execution, node_ids: list[str] | None
) -> None:
    provider, executor = configuration(), executor_configuration()
    ItemProviderConfigurationStore(table, blobs, PlainCipher()).add(provider)
    ItemExecutorConfigurationStore(table, blobs, PlainCipher()).add(executor)
    watched = WatchedTable(table)
    runs = ItemNodeRunStore(watched, blobs, PlainCipher())
    loaded = runs.load(started.id, node_ids, provider.id, executor.id)
    assert len(watched.gets) == 1
    assert (loaded.provider, loaded.executor) == (provider, executor)
    assert runs.load(started.id, node_ids, provider.id, str(uuid4())).executor is None
    assert runs.load(started.id, node_ids, provider.id).executor is None
    assert runs.load(started.id, node_ids, None, executor.id).executor == executor


def test_all_steps_are_read_by_one_query_and_one_read(
    table: Table, blobs: MemoryBlobs, started: Execution, runs: ItemNodeRunStore
) -> None:
    runs.record(started, [step("a"), step("b#1"), step("ü")], 3, None)
    watched = WatchedTable(table)
    loaded = ItemNodeRunStore(watched, blobs, PlainCipher()).load(started.id, None, str(uuid4()))
    assert watched.requests == (1, 1, 0)
    assert set(loaded.history.steps) == {"a", "b#1", "ü"}
    assert (loaded.provider, loaded.breaker) == (None, Breaker())
    loaded = ItemNodeRunStore(watched, blobs, PlainCipher()).load(started.id, None, None)
    assert watched.requests == (1, 2, 0)
    assert (loaded.provider, loaded.breaker) == (None, Breaker())


def test_steps_of_more_nodes_than_one_request_can_name_are_read(
    table: Table, started: Execution, runs: ItemNodeRunStore
) -> None:
    names = [f"n{number}" for number in range(98)]
    runs.record(started, [step(name) for name in names], len(names), None)
    watched = WatchedTable(table)
    loaded = ItemNodeRunStore(watched, MemoryBlobs(), PlainCipher()).load(started.id, names, str(uuid4()))
    assert set(loaded.history.steps) == set(names)
    assert max(watched.gets) <= 100


def test_a_step_is_read_back_whole(
    store: ItemExecutionStore, started: Execution, runs: ItemNodeRunStore
) -> None:
    whole = step(
        "a",
        status=StepStatus.FAILED,
        output={"score": Decimal("0.10"), "body": None},
        error_message="executor error",
        attempts=5,
        status_code=503,
        route=("e1", "e2"),
    )
    runs.record(started, [whole, step("b", output=[]), step("c", output=False)], 3, None)
    steps = store.history(started.id).steps
    assert steps == {"a": whole, "b": step("b", output=[]), "c": step("c", output=False)}
    assert str(steps["a"].output["score"]) == "0.10"


def test_recording_costs_one_write_counts_visible_steps_and_makes_it_run(
    table: Table, blobs: MemoryBlobs, store: ItemExecutionStore, started: Execution
) -> None:
    watched = WatchedTable(table)
    runs = ItemNodeRunStore(watched, blobs, PlainCipher())
    runs.record(started, [step("start"), step("a")], 1, None)
    runs.record(store.get(started.id), [step("b"), step("c")], 2, None)
    assert watched.requests == (0, 0, 2)
    assert watched.writes == [4, 3]  # the second changes no status that is counted, so it announces nothing
    assert store.get(started.id) == started.model_copy(
        update={"status": ExecutionStatus.RUNNING, "recorded": 3}
    )


@pytest.mark.parametrize("outcome", [failure(), Outcome(at=instant(9))])
def test_the_last_task_ends_the_execution_in_the_write_of_its_step(
    outcome: Outcome, table: Table, blobs: MemoryBlobs, store: ItemExecutionStore, started: Execution
) -> None:
    watched = WatchedTable(table)
    ItemNodeRunStore(watched, blobs, PlainCipher()).record(started, [step("a")], 1, outcome)
    assert watched.requests == (0, 0, 1)
    ended = store.get(started.id)
    assert (ended.status, ended.outcome, ended.recorded) == (outcome.status, outcome, 1)


def test_a_redelivered_task_finds_its_step_even_if_it_ended_the_execution(
    store: ItemExecutionStore, started: Execution, runs: ItemNodeRunStore
) -> None:
    runs.record(started, [step("a")], 1, None)
    with pytest.raises(AlreadyRecorded):
        runs.record(started, [step("a", output="twice"), step("b")], 2, None)
    runs.record(started, [step("c")], 1, Outcome(at=instant(9)))
    with pytest.raises(AlreadyRecorded):
        runs.record(started, [step("c")], 1, failure())
    history = store.history(started.id)
    assert history.steps == {"a": step("a"), "c": step("c")}
    assert (history.execution.recorded, history.execution.status) == (2, ExecutionStatus.COMPLETED)


def test_of_two_deliveries_at_a_time_one_is_recorded(
    table: Table, started: Execution, runs: ItemNodeRunStore
) -> None:
    faster = [lambda: runs.record(started, [step("a", output=1)], 1, None)]
    slower = ItemNodeRunStore(InterruptedTable(table, before_write=faster), MemoryBlobs(), PlainCipher())
    with pytest.raises(AlreadyRecorded):
        slower.record(started, [step("a", output=2)], 1, failure())
    loaded = runs.load(started.id, ["a"], None).history
    assert loaded.steps["a"].output == 1
    assert loaded.execution.outcome is None


def test_a_result_that_comes_after_the_end_is_discarded(
    store: ItemExecutionStore, started: Execution, runs: ItemNodeRunStore
) -> None:
    store.finish(started.id, failure())
    with pytest.raises(ExecutionEnded):
        runs.record(started, [step("a")], 1, None)
    with pytest.raises(ExecutionEnded):
        runs.record(started, [], 0, Outcome(at=instant(10)))
    history = store.history(started.id)
    assert (history.steps, history.execution.outcome) == ({}, failure())


def test_a_task_without_steps_may_end_the_execution(
    store: ItemExecutionStore, started: Execution, runs: ItemNodeRunStore
) -> None:
    runs.record(started, [], 0, failure())
    assert store.get(started.id).outcome == failure()


def test_large_outputs_go_to_blobs_and_many_medium_ones_fit_into_one_write(
    table: Table, store: ItemExecutionStore, started: Execution, runs: ItemNodeRunStore
) -> None:
    steps = [step(f"n{number}", output="x" * 60_000) for number in range(97)] + [
        step("big", output="y" * 2**20)
    ]
    runs.record(started, steps, 98, None)
    stored = table.query(Query(keys.EXECUTIONS, keys.execution(started.id).pk))
    assert len(str(stored)) < 4_000_000
    assert store.history(started.id).steps == {each.node_id: each for each in steps}


def test_more_steps_than_a_transaction_holds_are_refused(started: Execution, runs: ItemNodeRunStore) -> None:
    with pytest.raises(ValueError, match="99 steps"):
        runs.record(started, [step(f"n{number}") for number in range(99)], 99, None)


# --- breakers --------------------------------------------------------------------------------------------------------


def test_a_breaker_nobody_saved_is_closed(runs: ItemNodeRunStore) -> None:
    assert runs.breaker(str(uuid4())) == Breaker()


def test_of_two_changes_to_one_breaker_the_second_is_refused(runs: ItemNodeRunStore) -> None:
    configuration_id = str(uuid4())
    seen = Breaker()
    assert runs.save_breaker(configuration_id, seen.after_failure(1)) is True
    assert runs.save_breaker(configuration_id, seen.after_success()) is False
    second = runs.breaker(configuration_id).after_failure(2)
    assert runs.save_breaker(configuration_id, second) is True
    assert runs.save_breaker(configuration_id, second) is False
    assert runs.breaker(configuration_id) == second


def test_a_breaker_version_is_never_skipped_nor_repeated(runs: ItemNodeRunStore) -> None:
    configuration_id = str(uuid4())
    assert runs.save_breaker(configuration_id, Breaker(version=3)) is False
    assert runs.save_breaker(configuration_id, Breaker(version=0)) is False
    assert runs.breaker(configuration_id) == Breaker()

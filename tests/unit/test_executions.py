"""Starting executions when things go wrong, over the real stores (Flowker spec d.1, d.9, d.11)."""

import time
from threading import Timer
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters.polling import PollingCompletions
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import IdempotencyKeyReused, WorkflowNotActive, WorkflowNotFound
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.instant import instant as written
from flowker.model.workflow import WorkflowStatus
from flowker.usecases.executions import OVERDUE_AFTER, UNSTARTED_AFTER, Executions, fingerprint_of
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    ScriptedCompletions,
)
from tests.integration.samples import execution, instant, launch, step, workflow

LATE = UNSTARTED_AFTER.total_seconds()
OVERDUE = OVERDUE_AFTER.total_seconds()
END = Outcome(at=instant(9))


class World:
    """An active workflow and an orchestrator that may be down."""

    def __init__(self, machines: RecordingMachines | None = None) -> None:
        table = MemoryTable()
        self.workflows = ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())
        self.store = ItemExecutionStore(table, MemoryBlobs())
        self.runs = ItemNodeRunStore(table, MemoryBlobs(), PlainCipher())
        self.machines = machines or RecordingMachines()
        self.completions = ScriptedCompletions()
        self.clock = ManualClock()
        self.executions = Executions(
            self.store, self.workflows, self.machines, self.completions, self.clock, CountingIds()
        )
        workflow_id = str(uuid4())
        self.workflow = workflow(id=workflow_id, status=WorkflowStatus.ACTIVE, launch=launch(workflow_id))
        self.workflows.add(self.workflow)

    def run_a_step(self, execution_id: str) -> None:
        first = step("first", executed_at=written(self.clock.now()))
        self.runs.record(self.store.get(execution_id), [first], 1, None)

    def start(self, key: str = "key", **data: Any) -> Execution:
        return self.executions.start(self.workflow.id, data, key).execution


@pytest.fixture
def world() -> World:
    return World()


# --- the orchestrator is down ----------------------------------------------------------------------------------------


def test_what_is_accepted_is_accepted_even_if_it_cannot_start_now(world: World) -> None:
    world.machines.unavailable = True
    accepted = world.start()
    assert accepted.status is ExecutionStatus.PENDING
    assert world.executions.get(accepted.id) == accepted
    assert world.machines.started == []


def test_repeating_the_request_starts_what_was_accepted(world: World) -> None:
    world.machines.unavailable = True
    accepted = world.start()
    world.machines.unavailable = False
    assert world.executions.start(world.workflow.id, {}, "key").replayed
    assert world.machines.started == [accepted.id]


def test_what_was_never_started_is_started_after_30_seconds_and_not_before(world: World) -> None:
    world.machines.unavailable = True
    accepted = world.start()
    world.machines.unavailable = False
    world.clock.advance(LATE - 0.001)
    assert world.executions.start_pending() == 0
    assert world.machines.started == []
    world.clock.advance(0.001)
    assert world.executions.start_pending() == 1
    assert world.machines.started == [accepted.id]


def test_while_the_orchestrator_stays_down_nothing_is_lost(world: World) -> None:
    world.machines.unavailable = True
    accepted = world.start()
    world.clock.advance(LATE)
    world.executions.start_pending()
    world.machines.unavailable = False
    world.executions.start_pending()
    assert world.machines.started == [accepted.id]


def test_only_what_is_pending_and_late_is_started_again(world: World) -> None:
    late = [execution(started_at=instant(number)) for number in range(250)]
    for each in late:
        world.store.add(each, {}, None)
    running = execution(started_at=instant(0), status=ExecutionStatus.RUNNING)
    ended = execution(started_at=instant(0))
    world.store.add(running, {}, None)
    world.store.add(ended, {}, None)
    world.store.finish(ended.id, END)
    world.clock.advance(LATE + 1)
    fresh = world.start()
    assert world.machines.started == [fresh.id]
    assert world.executions.start_pending() == 250
    assert world.machines.started == [fresh.id, *(each.id for each in late)]


# --- an orchestrator that runs again what is started again (Express) -------------------------------------------------


@pytest.fixture
def forgetful() -> World:
    return World(RecordingMachines(forgetful=True))


def test_what_the_orchestrator_has_taken_is_not_handed_over_again(forgetful: World) -> None:
    accepted = forgetful.start()
    assert forgetful.executions.start(forgetful.workflow.id, {}, "key").replayed
    for _ in range(5):
        forgetful.clock.advance(LATE)
        assert forgetful.executions.start_pending() == 0
    assert forgetful.machines.started == [accepted.id]


def test_what_it_did_not_take_is_handed_over_once_it_can(forgetful: World) -> None:
    forgetful.machines.unavailable = True
    accepted = forgetful.start()
    forgetful.machines.unavailable = False
    forgetful.clock.advance(LATE)
    assert forgetful.executions.start_pending() == 1
    forgetful.clock.advance(LATE)
    assert forgetful.executions.start_pending() == 0
    assert forgetful.machines.started == [accepted.id]


def test_who_crashes_before_noting_the_start_causes_a_second_run(forgetful: World) -> None:
    lost = execution(started_at=written(forgetful.clock.now()))
    forgetful.store.add(lost, {}, None)
    forgetful.machines.start(lost)
    forgetful.clock.advance(LATE)
    assert forgetful.executions.start_pending() == 1
    assert forgetful.machines.started == [lost.id, lost.id]


def test_a_run_that_vanished_before_its_first_step_is_ended_when_its_time_is_over(forgetful: World) -> None:
    accepted = forgetful.start()
    forgetful.clock.advance(OVERDUE - 0.001)
    assert forgetful.executions.end_overdue() == 0
    forgetful.clock.advance(0.001)
    assert forgetful.executions.end_overdue() == 1
    outcome = forgetful.executions.get(accepted.id).outcome
    assert outcome is not None
    assert outcome.error_code == "FLK-0503"
    assert forgetful.executions.end_overdue() == forgetful.executions.start_pending() == 0


def test_a_run_that_vanished_after_a_step_is_ended_as_on_any_other(forgetful: World) -> None:
    accepted = forgetful.start()
    forgetful.clock.advance(60)
    forgetful.run_a_step(accepted.id)
    forgetful.clock.advance(OVERDUE - 1)
    assert forgetful.executions.end_overdue() == 0
    forgetful.clock.advance(1)
    assert forgetful.executions.end_overdue() == 1
    assert forgetful.executions.get(accepted.id).status is ExecutionStatus.FAILED


def test_its_time_begins_when_it_was_taken_not_when_it_was_accepted(forgetful: World) -> None:
    forgetful.machines.unavailable = True
    forgetful.start()
    forgetful.clock.advance(OVERDUE)
    forgetful.machines.unavailable = False
    assert forgetful.executions.end_overdue() == 0
    assert forgetful.executions.start_pending() == 1
    forgetful.clock.advance(OVERDUE - 1)
    assert forgetful.executions.end_overdue() == 0
    forgetful.clock.advance(1)
    assert forgetful.executions.end_overdue() == 1


def test_what_has_a_step_already_needs_no_note(forgetful: World) -> None:
    accepted = execution(started_at=written(forgetful.clock.now()))
    forgetful.store.add(accepted, {}, None)
    forgetful.run_a_step(accepted.id)
    forgetful.store.hand_over(accepted.id, instant(5))
    assert forgetful.executions.get(accepted.id).handed_over is None


# --- after a crash ---------------------------------------------------------------------------------------------------


def test_after_a_crash_everything_unfinished_is_started_again(world: World) -> None:
    running = execution(started_at=instant(0), status=ExecutionStatus.RUNNING)
    ended = execution(started_at=instant(0))
    for each in (running, ended):
        world.store.add(each, {}, None)
    world.store.finish(ended.id, END)
    world.machines.unavailable = True
    accepted = world.start()
    world.machines.unavailable = False
    assert world.executions.start_unfinished() == 2
    assert sorted(world.machines.started) == sorted([running.id, accepted.id])


@pytest.mark.parametrize(("seconds", "ended"), [(359.9, 0), (360, 1)])
def test_what_runs_longer_than_it_may_is_failed(world: World, seconds: float, ended: int) -> None:
    accepted = world.start()
    world.run_a_step(accepted.id)
    world.clock.advance(seconds)
    assert world.executions.end_overdue() == ended
    outcome = world.executions.get(accepted.id).outcome
    if ended:
        assert outcome is not None
        assert outcome.error_code == "FLK-0503"
        assert "execution timeout" in str(outcome.error_message)
    else:
        assert outcome is None


def test_what_waited_long_for_its_start_has_all_its_time(world: World) -> None:
    accepted = world.start()
    world.clock.advance(1000)
    world.run_a_step(accepted.id)
    world.clock.advance(300)
    assert world.executions.end_overdue() == 0
    world.clock.advance(60)
    assert world.executions.end_overdue() == 1
    assert world.executions.end_overdue() == 0


# --- keys ------------------------------------------------------------------------------------------------------------


def test_a_replay_starts_nothing_once_the_execution_has_begun(world: World) -> None:
    accepted = world.start()
    world.store.finish(accepted.id, END)
    world.machines.started.clear()
    replay = world.executions.start(world.workflow.id, {}, "key")
    assert (replay.replayed, replay.execution.status) == (True, ExecutionStatus.COMPLETED)
    assert world.machines.started == []


def test_a_key_stands_for_workflow_and_input(world: World) -> None:
    world.start(n=1)
    with pytest.raises(IdempotencyKeyReused):
        world.start(n=2)
    with pytest.raises(IdempotencyKeyReused):
        world.executions.start(str(uuid4()), {"n": 1}, "key")


def test_without_a_replay_missing_and_inactive_workflows_do_not_start(world: World) -> None:
    with pytest.raises(WorkflowNotFound):
        world.executions.start(str(uuid4()), {}, "another key")
    draft = workflow()
    world.workflows.add(draft)
    with pytest.raises(WorkflowNotActive):
        world.executions.start(draft.id, {}, "another key")


def test_fingerprints_ignore_the_order_of_keys_and_webhook_metadata() -> None:
    same = fingerprint_of("w", {"a": 1, "b": {"c": 2, "d": 3}})
    assert same == fingerprint_of("w", {"b": {"d": 3, "c": 2}, "a": 1, "_webhook": {"path": "x"}})
    assert same != fingerprint_of("x", {"a": 1, "b": {"c": 2, "d": 3}})
    assert same != fingerprint_of("w", {"a": 1, "b": {"c": 2, "d": "3"}})


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_who_waits_is_told_how_it_is_afterwards(world: World) -> None:
    accepted = world.start()
    world.completions = ScriptedCompletions(lambda: world.store.finish(accepted.id, END))
    executions = Executions(
        world.store, world.workflows, world.machines, world.completions, world.clock, CountingIds()
    )
    assert executions.settled(accepted, 7).status is ExecutionStatus.COMPLETED
    assert world.completions.waited == [(accepted.id, 7)]


def test_nobody_waits_for_what_has_ended_or_without_asking(world: World) -> None:
    accepted = world.start()
    assert world.executions.settled(accepted, 0) == accepted
    ended = accepted.model_copy(update={"status": ExecutionStatus.COMPLETED, "outcome": END})
    assert world.executions.settled(ended, 25) == ended
    assert world.completions.waited == []


def test_polling_returns_soon_after_the_end(world: World) -> None:
    accepted = world.start()
    ending = Timer(0.1, world.store.finish, (accepted.id, END))
    ending.start()
    before = time.monotonic()
    PollingCompletions(world.store).wait(accepted.id, 10)
    ending.join()
    assert 0.1 <= time.monotonic() - before < 2


def test_polling_gives_up_when_the_time_is_up(world: World) -> None:
    accepted = world.start()
    before = time.monotonic()
    PollingCompletions(world.store).wait(accepted.id, 0.12)
    assert 0.1 < time.monotonic() - before < 1

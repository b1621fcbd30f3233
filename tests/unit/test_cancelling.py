"""Cancelling executions, over the real stores and with the real worker (Flowker spec a.2 [R], c.4)."""

import logging
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ExecutionAlreadyEnded, ExecutionNotFound, NodeFailed, ProviderUnavailable
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.graph import Graph
from flowker.model.instant import instant as written
from flowker.model.outbound import CallFailed, CallFailedForNow
from flowker.usecases.executions import Executions
from flowker.usecases.node_runs import NodeRuns, Task
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    ScriptedCompletions,
    ScriptedHttp,
)
from tests.integration.samples import configuration, execution
from tests.samples import edge, executor, trigger

REVISION = "ab" * 32
PROVIDER = configuration()
GRAPH = Graph.model_validate(
    {
        "nodes": [trigger(), executor("score", PROVIDER.id), executor("book", PROVIDER.id)],
        "edges": [edge("start", "score"), edge("score", "book")],
    }
)
CANCELLED = ("failed", "execution cancelled (FLK-0510)", "FLK-0510", None)


class World:
    """An accepted execution of two calls whose tasks are delivered by hand; providers answer as the script says."""

    def __init__(self, *script: int | Exception | Callable[[], object]) -> None:
        self.table = table = MemoryTable()
        blobs, cipher = MemoryBlobs(), PlainCipher()
        self.clock = ManualClock()
        self.http = ScriptedHttp(*script)
        self.machines = RecordingMachines()
        self.store = ItemExecutionStore(table, blobs)
        workflows = ItemWorkflowStore(table, blobs, cipher)
        workflows.keep_revision(REVISION, GRAPH)
        ItemProviderConfigurationStore(table, blobs, cipher).add(PROVIDER)
        runs = ItemNodeRunStore(table, blobs, cipher)
        self.worker = NodeRuns(runs, workflows, self.http, self.clock)
        self.executions = Executions(
            executions=self.store,
            workflows=workflows,
            machines=self.machines,
            completions=ScriptedCompletions(),
            clock=self.clock,
            ids=CountingIds(),
        )
        self.id = execution().id
        self.store.add(execution(id=self.id), {"amount": 1500}, None)

    def run(self, node: str) -> None:
        """Deliver a task; `book` is the last one."""
        self.worker.run(Task(self.id, REVISION, "start", node, finish_unless=[] if node == "book" else None))

    def cancel(self) -> Execution:
        return self.executions.cancel(self.id)

    @property
    def end(self) -> tuple[str, str | None, str | None, str | None]:
        found = self.store.get(self.id)
        outcome = found.outcome or Outcome(at="")
        return found.status.value, outcome.error_message, outcome.error_code, outcome.failed_node_id


def test_what_has_not_begun_is_cancelled() -> None:
    world = World()
    world.clock.advance(7)
    cancelled = world.cancel()
    assert world.end == CANCELLED
    assert cancelled == world.store.get(world.id)
    assert cancelled.outcome is not None
    assert cancelled.outcome.at == written(world.clock.now())
    assert world.machines.stopped == [world.id]


def test_what_was_done_before_stays_and_nothing_is_done_after() -> None:
    world = World()
    world.run("score")
    assert world.cancel().recorded == 1
    with pytest.raises(NodeFailed):
        world.run("book")
    assert len(world.http.sent) == 1
    results = world.executions.results(world.id)
    assert [step.node_id for step in results.steps] == ["score"]
    assert (world.end, results.final_output) == (CANCELLED, None)


def test_a_redelivery_of_what_was_done_before_does_not_go_on() -> None:
    world = World()
    world.run("score")
    world.cancel()
    with pytest.raises(NodeFailed):
        world.run("score")


@pytest.mark.parametrize("node", ["score", "book"])
def test_the_result_of_a_call_under_way_is_discarded(node: str) -> None:
    world = World(lambda: world.cancel())
    with pytest.raises(NodeFailed):
        world.run(node)
    assert world.end == CANCELLED
    assert world.executions.results(world.id).steps == []
    assert world.store.get(world.id).recorded == 0


@pytest.mark.parametrize(
    ("failure", "raised"), [(CallFailed("no"), NodeFailed), (CallFailedForNow("later"), ProviderUnavailable)]
)
def test_the_failure_of_a_call_under_way_is_discarded_and_not_retried(
    failure: Exception, raised: type[Exception]
) -> None:
    def cancel_and_fail() -> None:
        world.cancel()
        raise failure

    world = World(cancel_and_fail)
    with pytest.raises(raised):
        world.run("score")
    with pytest.raises(NodeFailed):
        world.run("score")
    assert (world.end, len(world.http.sent)) == (CANCELLED, 1)
    assert world.executions.results(world.id).steps == []


@pytest.mark.parametrize("ended_by", ["completion", "failure", "cancellation"])
def test_what_has_ended_cannot_be_cancelled(ended_by: str) -> None:
    world = World(400 if ended_by == "failure" else 200)
    if ended_by == "failure":
        with pytest.raises(NodeFailed):
            world.run("score")
    elif ended_by == "completion":
        world.run("score")
        world.run("book")
    else:
        world.cancel()
        world.machines.stopped.clear()
    before = world.store.get(world.id)
    world.clock.advance(1)
    with pytest.raises(ExecutionAlreadyEnded):
        world.cancel()
    assert before.status.terminal
    assert world.store.get(world.id) == before
    assert world.machines.stopped == []


def test_the_end_as_the_orchestrator_sees_it_changes_nothing() -> None:
    world = World()
    world.cancel()
    aborted = Outcome(at=written(world.clock.now()), error_message="execution failed", error_code="FLK-0504")
    assert not world.executions.finish(world.id, aborted)
    assert world.end == CANCELLED


def test_nobody_can_cancel_what_does_not_exist() -> None:
    world = World()
    with pytest.raises(ExecutionNotFound):
        world.executions.cancel(str(uuid4()))
    assert world.machines.stopped == []


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What the use case logs, also where the functions' logger keeps its records to itself."""
    logger = logging.getLogger("flowker.usecases.executions")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


def test_a_cancellation_stands_although_the_orchestrator_does_not_hear_of_it(
    warnings: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.run("score")
    world.machines.unavailable = True
    assert world.cancel().status is ExecutionStatus.FAILED
    assert "not stopped" in warnings.text
    with pytest.raises(NodeFailed):
        world.run("book")
    assert world.end == CANCELLED


def test_what_was_cancelled_is_not_started_again() -> None:
    world = World()
    world.cancel()
    world.clock.advance(1000)
    assert world.executions.start_pending() == 0
    assert world.executions.start_unfinished() == 0
    assert world.machines.started == []

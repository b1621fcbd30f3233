"""Express machines may run an execution twice, and nobody says how a run ended: steps are recorded once all the same
(architecture §4, §5, decision 18)."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from flowker import wiring
from flowker.adapters.items import Table
from flowker.adapters.stepfunctions import state_input
from flowker.compiler.compile import compile_graph
from flowker.errors import NodeFailed
from flowker.events import reconcile, run_node
from flowker.model.audit import EventType
from flowker.model.execution import Execution
from flowker.model.graph import Graph
from flowker.model.outbound import OutboundRequest
from flowker.model.workflow import MachineType
from flowker.settings import Settings
from flowker.usecases.executions import OVERDUE_AFTER
from flowker_local.engine import SqliteJournal
from flowker_local.machines import Orchestrator
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    ScriptedCompletions,
)
from tests.harness import CONFIGURATION, Answer, FakeHttp, accept, add_configuration
from tests.samples import conditional, edge, executor, set_output, trigger

GRAPH = Graph.model_validate(
    {
        "nodes": [
            trigger("received"),
            executor(
                "score", CONFIGURATION, inputMapping=[{"source": "workflow.amount", "target": "amount"}]
            ),
            conditional("low", "score.body.score < 70"),
            set_output("approve", decision="approved"),
            set_output("reject", decision="rejected"),
        ],
        "edges": [
            edge("received", "score"),
            edge("score", "low"),
            edge("low", "approve", "true"),
            edge("low", "reject", "false"),
        ],
    }
)


@pytest.fixture(params=["memory", "sqlite"])
def table(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Table]:
    if request.param == "memory":
        yield MemoryTable()
        return
    with closing(SqliteTable(tmp_path / "flowker.db")) as stored:
        yield stored


class TickingClock(ManualClock):
    """Never tells the same time twice."""

    def now(self) -> datetime:
        self.advance(0.000_001)
        return super().now()


def home(table: Table, answer: Answer) -> FakeHttp:
    http = FakeHttp(answer)
    wiring.use(
        wiring.Home(
            settings=Settings(authenticate=False),
            table=table,
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=RecordingMachines(forgetful=True),
            completions=ScriptedCompletions(),
            http=lambda: http,
            probes={},
            clock=TickingClock(),
            ids=CountingIds(),
        )
    )
    add_configuration()
    return http


def run_twice(accepted: Execution, folder: Path) -> None:
    """Two runs of one execution at the same time, with real threads."""

    async def main() -> None:
        orchestrator = Orchestrator(journal)
        machine = orchestrator.publish(compile_graph(GRAPH, "received").definition, MachineType.EXPRESS)
        for name in ("one", "two"):
            orchestrator.engine.start(machine, f"{accepted.id}-{name}", state_input(accepted))
        async with asyncio.timeout(20):
            while orchestrator.engine.running():
                await asyncio.sleep(0.01)
        await orchestrator.close(1)

    with closing(SqliteJournal(folder / "engine.db")) as journal:
        asyncio.run(main())


class Together:
    """A provider that answers only when it has been called twice, each time with the next of these."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self._both = Barrier(2, timeout=10)
        self._answers = list(answers)

    def __call__(self, request: OutboundRequest) -> tuple[int, Any]:
        self._both.wait()
        return self._answers.pop()


def accepted() -> Execution:
    return accept(GRAPH, "received", {"amount": 1500}, "machine")


def audited() -> Counter[str]:
    """How many events of each kind the change feed has chained."""
    wiring.audit_chain().append_pending()
    head = wiring.audit_chain().head()
    return Counter(entry.event.type for entry in wiring.audit_chain().entries(1, head.sequence))


def task(of: Execution, node: str, **more: Any) -> dict[str, Any]:
    launch = of.launch
    return {
        "executionId": of.id, "revision": launch.revision, "entry": launch.entry, "node": node, "attempt": 0, **more,
    }  # fmt: skip


def test_two_runs_at_once_record_every_step_once_and_end_once(table: Table, tmp_path: Path) -> None:
    http = home(table, Together((200, {"score": 15}), (200, {"score": 15})))
    execution = accepted()
    run_twice(execution, tmp_path)
    results = wiring.executions().results(execution.id)
    assert results.execution.status == "completed"
    assert [step.node_id for step in results.steps] == ["score", "low", "approve"]
    assert results.execution.recorded == 3
    assert results.final_output == {"decision": "approved"}
    keys = [request.headers["Idempotency-Key"] for request in http.calls]
    assert len(keys) == 2
    assert len(set(keys)) == 1
    found = audited()
    assert found[EventType.EXECUTION_COMPLETED] == 1
    assert found[EventType.PROVIDER_CALL_COMPLETED] == 2  # what was called was called


def test_two_runs_that_see_different_answers_go_on_with_the_one_that_was_recorded(
    table: Table, tmp_path: Path
) -> None:
    home(table, Together((200, {"score": 15}), (200, {"score": 85})))
    execution = accepted()
    run_twice(execution, tmp_path)
    results = wiring.executions().results(execution.id)
    low = results.steps[0].output["body"]["score"] == 15
    assert [step.node_id for step in results.steps] == ["score", "low", "approve" if low else "reject"]
    assert results.final_output == {"decision": "approved" if low else "rejected"}
    assert audited()[EventType.EXECUTION_COMPLETED] == 1


def test_of_two_runs_one_of_which_fails_the_first_that_is_recorded_decides(
    table: Table, tmp_path: Path
) -> None:
    home(table, Together((200, {"score": 15}), (400, {"error": "refused"})))
    execution = accepted()
    run_twice(execution, tmp_path)
    ended = wiring.executions().results(execution.id)
    steps = {step.node_id: step.status for step in ended.steps}
    if ended.execution.status == "completed":
        assert steps == {"score": "completed", "low": "completed", "approve": "completed"}
    else:
        assert steps == {"score": "failed"}
    found = audited()
    assert found[EventType.EXECUTION_COMPLETED] + found[EventType.EXECUTION_FAILED] == 1


def test_a_run_that_comes_after_the_end_repeats_nothing(table: Table, tmp_path: Path) -> None:
    http = home(table, lambda _: (200, {"score": 15}))
    execution = accepted()
    run_twice(execution, tmp_path)
    before = wiring.executions().results(execution.id)
    calls = len(http.calls)
    again = tmp_path / "again"
    again.mkdir()
    run_twice(execution, again)
    assert wiring.executions().results(execution.id) == before
    assert len(http.calls) == calls


def test_a_run_that_vanishes_is_ended_when_its_time_is_over_and_calls_nobody_any_more(table: Table) -> None:
    http = home(table, lambda _: (200, {"score": 15}))
    execution = accepted()
    run_node.handle(task(execution, "score"), None)
    clock = wiring.home().clock
    assert isinstance(clock, ManualClock)
    clock.advance(OVERDUE_AFTER.total_seconds() - 1)
    assert reconcile.handle({}, None)["ended"] == 0
    clock.advance(1)
    assert reconcile.handle({}, None)["ended"] == 1
    outcome = wiring.executions().get(execution.id).outcome
    assert outcome is not None
    assert outcome.error_code == "FLK-0503"
    calls = len(http.calls)
    with pytest.raises(NodeFailed):
        run_node.handle(task(execution, "approve", finishUnless=[]), None)
    assert len(http.calls) == calls
    assert wiring.executions().get(execution.id).outcome == outcome


def test_a_task_that_is_delivered_by_many_at_once_is_recorded_once(table: Table) -> None:
    home(table, lambda _: (200, {"score": 15}))
    execution = accepted()
    with ThreadPoolExecutor(8) as threads:
        routes = list(threads.map(lambda _: run_node.handle(task(execution, "score"), None), range(8)))
    assert routes == [routes[0]] * 8
    assert wiring.executions().get(execution.id).recorded == 2

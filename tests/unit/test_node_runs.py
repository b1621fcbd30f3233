"""One task of an execution, delivered once, twice or at a bad moment, over the real stores (Flowker spec d.4, d.7, d.11)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from flowker.adapters.items import Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.compiler.compile import compile_graph
from flowker.errors import ExecutionNotFound, NodeFailed, ProviderUnavailable
from flowker.model.execution import ExecutionStatus, Outcome, StepStatus
from flowker.model.graph import Graph
from flowker.model.outbound import CallFailed, CallFailedForNow
from flowker.ports import History
from flowker.usecases.node_runs import NodeRuns, Route, Task
from flowker.usecases.plans import plan
from tests.fakes import Line, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, ScriptedHttp
from tests.integration.samples import WatchedTable, configuration, execution, instant
from tests.samples import conditional, edge, executor, set_output, trigger

REVISION = "ab" * 32
PROVIDER = configuration()
GRAPH = Graph.model_validate(
    {
        "nodes": [
            trigger(),
            executor("score", PROVIDER.id),
            conditional("low", "score.score < 70"),
            executor("book", PROVIDER.id, inputMapping=[{"source": "workflow.amount", "target": "amount"}]),
            set_output("reject", decision="rejected"),
        ],
        "edges": [
            edge("start", "score"),
            edge("score", "low"),
            edge("low", "book", "true"),
            edge("low", "reject", "false"),
        ],
    }
)
TO_BOOK = "e2"
"""What state data calls the edge from `low` to `book`."""


def transform(node_id: str, mapping: list[dict[str, str]]) -> dict[str, Any]:
    return {"id": node_id, "type": "action", "data": {"actionType": "transform", "inputMapping": mapping}}


class World:
    """An execution whose tasks are delivered by hand."""

    def __init__(self, *script: Line, table: Table | None = None) -> None:
        self.table = table or MemoryTable()
        self.clock = ManualClock()
        self.http = ScriptedHttp(*script)
        blobs, cipher = MemoryBlobs(), PlainCipher()
        self.workflows = ItemWorkflowStore(self.table, blobs, cipher)
        self.executions = ItemExecutionStore(self.table, blobs)
        self.runs = ItemNodeRunStore(self.table, blobs, cipher)
        self.worker = NodeRuns(self.runs, self.workflows, self.http, self.clock)
        self.workflows.keep_revision(REVISION, GRAPH)
        ItemProviderConfigurationStore(self.table, blobs, cipher).add(PROVIDER)
        self.id = execution().id
        self.executions.add(execution(id=self.id), {"amount": 1500}, None)

    def run(
        self,
        node: str = "score",
        attempt: int = 0,
        finish_unless: Sequence[str] | None = None,
        members: Sequence[str] | None = None,
        revision: str = REVISION,
    ) -> Route:
        return self.worker.run(Task(self.id, revision, "start", node, attempt, finish_unless, members))

    @property
    def history(self) -> History:
        return self.executions.history(self.id)

    @property
    def status(self) -> str:
        return self.history.execution.status

    @property
    def steps(self) -> list[str]:
        return sorted(self.history.steps)


# --- delivered once --------------------------------------------------------------------------------------------------


def test_a_task_records_its_node_with_the_decisions_after_it_and_answers_the_live_edges() -> None:
    world = World()
    assert world.run() == {TO_BOOK: True}
    history = world.history
    assert (history.execution.status, history.execution.recorded) == (ExecutionStatus.RUNNING, 2)
    assert world.steps == ["low", "score"]
    assert history.steps["low"].output == {
        "condition": "score.score < 70",
        "result": True,
        "branchTaken": "true",
    }


def test_a_task_reads_once_and_writes_once() -> None:
    watched = WatchedTable(MemoryTable())
    world = World(table=watched)
    world.run()  # and reads the revision, which stays in memory
    gets, queries, writes = watched.requests
    world.run("book")
    assert watched.requests == (gets + 1, queries, writes + 1)


def test_the_last_task_ends_the_execution_in_the_same_write() -> None:
    world = World()
    assert world.run(finish_unless=[TO_BOOK]) == {TO_BOOK: True}
    assert world.status == "running"
    assert world.run("book", finish_unless=[]) == {}
    assert world.status == "completed"


def test_what_shares_a_task_sees_its_ancestors_and_nobody_else() -> None:
    world = World()
    source = [{"source": "workflow.amount", "target": "amount"}]
    doubled = [{"source": "double.amount", "target": "amount"}]
    nodes = [
        trigger(),
        set_output("first", x=1),
        transform("double", source),
        transform("below", doubled),
        transform("beside", doubled),
    ]
    edges = [
        edge("start", "first"),
        edge("first", "double"),
        edge("double", "below"),
        edge("first", "beside"),
    ]
    world.workflows.keep_revision("cd" * 32, Graph.model_validate({"nodes": nodes, "edges": edges}))
    members = ["double", "below", "beside"]
    assert world.run("first", finish_unless=[], members=members, revision="cd" * 32) == {}
    assert world.status == "completed"
    outputs = {name: step.output for name, step in world.history.steps.items()}
    assert outputs["below"] == {"amount": 1500}
    assert outputs["beside"] == {"amount": None}


@pytest.mark.parametrize("decisions", [1, 47, 48, 49, 50, 60, 95])
def test_every_task_of_a_machine_is_made_of_what_its_compiler_put_into_it(decisions: int) -> None:
    names = [f"if{number}" for number in range(decisions)]
    nodes = [trigger(), executor("score", PROVIDER.id), set_output("note", x=1)]
    nodes += [conditional(name, "workflow.amount > 1") for name in names]
    row = ["note", *names]
    edges = [edge("start", "score"), edge("score", "note"), edge("note", names[0])]
    edges += [edge(before, after, "true") for before, after in pairwise(row[1:])]
    graph = Graph.model_validate({"nodes": nodes, "edges": edges})
    machine = compile_graph(graph, "start")
    told = {
        state["Parameters"]["node"]: state["Parameters"].get("members")
        for state in machine.definition["States"].values()
        if "node" in state.get("Parameters", {})
    }
    revision = plan(graph, "start")
    assert {head: revision.unit(head, members) for head, members in told.items()} == machine.units.by_head
    # Machines of a time when only decisions joined say nothing of it.
    assert revision.unit("note", None).members == ("note", *names)[:90]


def test_an_execution_that_nobody_knows_is_told() -> None:
    world = World()
    world.id = execution().id
    with pytest.raises(ExecutionNotFound):
        world.run()


# --- delivered again -------------------------------------------------------------------------------------------------


def test_a_redelivery_after_recording_answers_the_same_and_repeats_nothing() -> None:
    world = World()
    first = world.run()
    before = world.history
    assert world.run() == first
    assert len(world.http.sent) == 1
    assert world.history == before


def test_a_redelivered_last_task_answers_although_the_execution_has_ended() -> None:
    world = World()
    world.run()
    first = world.run("book", finish_unless=[])
    assert world.run("book", finish_unless=[]) == first
    assert len(world.http.sent) == 2


def test_of_two_deliveries_at_once_one_records_and_both_answer_that() -> None:
    answers: list[Any] = []
    world = World(lambda: answers.append(world.run()), 200)
    answers.append(world.run())
    assert answers == [{TO_BOOK: True}] * 2
    assert world.history.execution.recorded == 2
    one, other = world.http.sent
    assert one == other  # the same request under the same idempotency key
    assert one.headers["Idempotency-Key"]


def test_a_redelivery_while_the_other_one_fails_for_good_fails_too() -> None:
    def the_other() -> None:
        with pytest.raises(NodeFailed):
            world.run()

    world = World(the_other, 400)
    with pytest.raises(NodeFailed):
        world.run()
    assert world.status is ExecutionStatus.FAILED
    assert world.history.steps["score"].error_message == "executor error: http request failed with status 400"
    assert "low" not in world.steps


def test_a_redelivery_after_a_failure_fails_again_without_a_call() -> None:
    world = World(400)
    for _ in range(2):
        with pytest.raises(NodeFailed):
            world.run()
    assert len(world.http.sent) == 1


# --- the execution ends meanwhile ------------------------------------------------------------------------------------


def test_what_comes_back_after_the_end_is_discarded() -> None:
    late = Outcome(at=instant(9), error_message="execution timeout: too late", error_code="FLK-0503")
    world = World(lambda: world.executions.finish(world.id, late))
    with pytest.raises(NodeFailed):
        world.run()
    assert world.steps == []
    assert world.history.execution.outcome == late


def test_a_task_of_an_ended_execution_does_nothing() -> None:
    world = World()
    world.executions.finish(world.id, Outcome(at=instant(9)))
    with pytest.raises(NodeFailed):
        world.run()
    assert world.http.sent == []


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [503, 500, 408, 425, 429, CallFailedForNow("request failed: no route")])
def test_transient_failures_ask_for_another_attempt_and_record_nothing(failure: int | Exception) -> None:
    world = World(failure)
    for attempt in range(4):
        with pytest.raises(ProviderUnavailable):
            world.run(attempt=attempt)
    assert (world.status, world.steps) == (ExecutionStatus.PENDING, [])
    with pytest.raises(NodeFailed, match="executor call failed after 5 attempts"):
        world.run(attempt=4)
    assert world.history.steps["score"].attempts == 5
    assert len({request.headers["Idempotency-Key"] for request in world.http.sent}) == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (None, [1, 2, 4, 8]),
        ("0", [1, 2, 4, 8]),
        ("2", [2, 2, 4, 8]),
        ("3", [4, 4, 4, 8]),
        ("120", [8, 8, 8, 8]),
        ("Sun, 01 Mar 2026 10:00:05 GMT", [8, 8, 8, 8]),
        ("Sun, 01 Mar 2026 09:00:00 GMT", [1, 2, 4, 8]),
        ("soon", [1, 2, 4, 8]),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_next_attempt_waits_as_long_as_the_provider_asks_up_to_eight_seconds(
    status: int, asked: str | None, waits: list[int]
) -> None:
    world = World(status if asked is None else (status, {"Retry-After": asked}))
    waited = []
    for attempt in range(4):
        with pytest.raises(ProviderUnavailable) as raised:
            world.run(attempt=attempt)
        waited.append(raised.value.seconds)
    assert waited == waits


@pytest.mark.parametrize("failure", [400, 401, 404, 422, CallFailed("response too large")])
def test_final_failures_end_the_execution_at_once(failure: int | Exception) -> None:
    world = World(failure)
    with pytest.raises(NodeFailed, match="executor call failed after 1 attempts"):
        world.run()
    outcome = world.history.execution.outcome
    assert outcome is not None
    assert (outcome.error_code, outcome.failed_node_id) == ("FLK-0504", "score")
    assert world.history.steps["score"].status is StepStatus.FAILED


def test_success_on_a_later_attempt_is_recorded_with_its_number() -> None:
    world = World(503, 200)
    with pytest.raises(ProviderUnavailable):
        world.run()
    world.run(attempt=1)
    assert world.history.steps["score"].attempts == 2


def test_a_decision_that_fails_leaves_the_call_before_it_recorded() -> None:
    world = World()
    graph = GRAPH.model_copy(
        update={
            "nodes": tuple(
                node.model_copy(update={"data": {"condition": "score.missing < 70"}})
                if node.id == "low"
                else node
                for node in GRAPH.nodes
            )
        }
    )
    world.workflows.keep_revision("cd" * 32, graph)
    with pytest.raises(NodeFailed, match='node "low": condition evaluation failed'):
        world.worker.run(Task(world.id, "cd" * 32, "start", "score"))
    steps = world.history.steps
    assert (steps["score"].status, steps["low"].status) == (StepStatus.COMPLETED, StepStatus.FAILED)
    assert world.history.execution.recorded == 2


def test_each_step_has_an_idempotency_key_of_its_own() -> None:
    world = World()
    world.run()
    world.run("book")
    other = World()
    other.run()
    keys = [request.headers["Idempotency-Key"] for request in (*world.http.sent, *other.http.sent)]
    assert len(set(keys)) == 3


def test_the_circuit_opens_over_executions_and_lets_one_worker_try_again() -> None:
    world = World(503)
    for attempt in range(5):
        with pytest.raises(ProviderUnavailable if attempt < 4 else NodeFailed):
            world.run(attempt=attempt)
    calls = len(world.http.sent)

    def another() -> None:
        world.id = execution().id
        world.executions.add(execution(id=world.id), {"amount": 1}, None)

    another()
    with pytest.raises(NodeFailed, match="executor call failed after 1 attempts: FLK-0507"):
        world.run()
    assert len(world.http.sent) == calls
    outcome = world.history.execution.outcome
    assert outcome is not None
    assert outcome.error_code == "FLK-0507"
    world.clock.advance(30)
    another()
    trial = Task(world.id, REVISION, "start", "score")
    world.http = ScriptedHttp(200)
    world.worker = NodeRuns(world.runs, world.workflows, world.http, world.clock)
    assert world.worker.run(trial) == {TO_BOOK: True}
    another()
    assert world.run() == {TO_BOOK: True}

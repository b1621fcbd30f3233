"""The embedded engine behind its port: stopping runs and telling who waits for them."""

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowker import wiring
from flowker.compiler.compile import content_name
from flowker.compiler.flows.compile import compile_flow
from flowker.compiler.policy import RUN_NODE
from flowker.errors import StoreUnavailable
from flowker.model.execution import Execution, Outcome
from flowker.model.graph import Graph
from flowker.model.workflow import MachineType
from flowker_local.engine import SqliteJournal
from flowker_local.machines import Orchestrator
from tests.engine_world import states
from tests.flow_strategies import flow
from tests.flow_worker import SHAPES
from tests.harness import NOW, Bench, accept
from tests.samples import trigger

GRAPH = Graph.model_validate({"nodes": [trigger()], "edges": []})
NAP = states(nap={"Type": "Wait", "Seconds": 60})
CANCELLED = Outcome(at=NOW, error_message="execution cancelled", error_code="FLK-0510")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "engine.db")
    yield journal
    journal.close()


@pytest.fixture
def accepted() -> Execution:
    """An execution of a machine that takes its time, in a home of its own."""
    Bench()
    return accept(GRAPH, "start", {}, content_name(MachineType.STANDARD, NAP))


def on(journal: SqliteJournal, work: Any) -> None:
    """Do something with an orchestrator that has this machine; the engine closes afterwards."""

    async def main() -> None:
        orchestrator = Orchestrator(journal)
        orchestrator.publish(NAP, MachineType.STANDARD)
        found: Coroutine[Any, Any, None] = work(orchestrator)
        await asyncio.wait_for(found, 20)
        await orchestrator.close(1)

    asyncio.run(main())


def waiting(orchestrator: Orchestrator, execution: Execution) -> asyncio.Task[None]:
    def ended() -> bool:
        return wiring.executions().get(execution.id).status.terminal

    return asyncio.create_task(orchestrator.wait(execution.id, 30, ended))


@pytest.mark.parametrize("begun", [True, False])
def test_who_waits_is_told_when_a_run_is_stopped_even_before_it_began(
    journal: SqliteJournal, accepted: Execution, begun: bool
) -> None:
    async def work(orchestrator: Orchestrator) -> None:
        if begun:
            orchestrator.start(accepted)
        both = [waiting(orchestrator, accepted) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert not any(each.done() for each in both)
        wiring.executions().finish(accepted.id, CANCELLED)
        await orchestrator.stop(accepted)
        await orchestrator.stop(accepted)
        await asyncio.gather(*both)
        await waiting(orchestrator, accepted)
        assert not orchestrator.engine.is_running(accepted.id)

    on(journal, work)
    assert wiring.executions().get(accepted.id).outcome == CANCELLED


def test_a_machine_is_deleted_when_nothing_runs_on_it_any_more(
    journal: SqliteJournal, accepted: Execution
) -> None:
    async def work(orchestrator: Orchestrator) -> None:
        machine = accepted.launch.machine
        orchestrator.start(accepted)
        with pytest.raises(StoreUnavailable):
            orchestrator.delete(machine)
        wiring.executions().finish(accepted.id, CANCELLED)
        await orchestrator.stop(accepted)
        while orchestrator.engine.running():
            await asyncio.sleep(0.01)
        orchestrator.delete(machine)
        orchestrator.delete(machine)
        assert journal.machine(machine) is None
        with pytest.raises(LookupError):
            orchestrator.engine.start(machine, "another", {})
        assert orchestrator.publish(NAP, MachineType.STANDARD) == machine
        assert orchestrator.publish(NAP, MachineType.EXPRESS) != machine

    on(journal, work)


def test_a_disk_that_refuses_is_told_and_the_run_has_stopped_all_the_same(
    journal: SqliteJournal, accepted: Execution, tmp_path: Path
) -> None:
    async def work(orchestrator: Orchestrator) -> None:
        orchestrator.start(accepted)
        waits = waiting(orchestrator, accepted)
        await journal.flush()  # a run that never touched the disk would need nothing of it now
        wiring.executions().finish(accepted.id, CANCELLED)
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as saboteur:
            saboteur.execute("ALTER TABLE runs RENAME TO hidden")
            with pytest.raises(StoreUnavailable):
                await orchestrator.stop(accepted)
            saboteur.execute("ALTER TABLE hidden RENAME TO runs")
        await waits
        assert not orchestrator.engine.is_running(accepted.id)

    on(journal, work)


def test_a_token_is_answered_in_another_life_and_only_once(
    journal: SqliteJournal, accepted: Execution
) -> None:
    """The run waits, the process ends, and the answer comes to the next one."""
    graph = flow({"ask": {"type": "wait", "params": {"key": "go", "timeout": "1h"}}})
    definition = compile_flow(graph, 86_400, SHAPES).definition
    told: list[tuple[str | None, Any]] = []

    def work(task: dict[str, Any], context: object) -> Any:
        told.append((task.get("phase"), task["at"]))
        tokens.append(task.get("token", ""))
        return {None: {"step": "1", "signal": True}, "resume": {"step": "2"}}.get(task.get("phase"), {})

    tokens: list[str] = []
    machine = content_name(MachineType.STANDARD, definition)
    launch = accepted.launch.model_copy(update={"machine": machine, "account_id": "account-1"})
    run = accepted.model_copy(update={"launch": launch})

    async def before() -> None:
        orchestrator = Orchestrator(journal, {RUN_NODE: work})
        orchestrator.publish(definition, MachineType.STANDARD)
        orchestrator.start(run)
        while len(told) < 2:
            await asyncio.sleep(0.01)
        await orchestrator.close(5)

    async def after() -> None:
        orchestrator = Orchestrator(journal, {RUN_NODE: work})
        await orchestrator.engine.resume()
        await asyncio.sleep(0.05)
        assert not await orchestrator.answer("made up", {})
        assert await orchestrator.answer(tokens[1], {"step": "1"})
        while orchestrator.engine.running():
            await asyncio.sleep(0.01)
        assert not await orchestrator.answer(tokens[1], {"step": "1"})
        await orchestrator.close(1)

    asyncio.run(before())
    asyncio.run(after())
    assert told == [
        (None, {"step": "0"}),
        ("listen", {"step": "1", "signal": True}),
        ("resume", {"step": "1"}),
    ]


def test_a_later_leg_has_a_name_of_its_own_and_is_the_one_that_is_stopped(
    journal: SqliteJournal, accepted: Execution
) -> None:
    async def work(orchestrator: Orchestrator) -> None:
        for _ in range(2):
            orchestrator.resume(accepted, {"step": "2000", "to": "poll"}, 1)
        assert orchestrator.engine.is_running(f"{accepted.id}.1")
        assert orchestrator.engine.running() == 1
        wiring.executions().finish(accepted.id, CANCELLED)
        await orchestrator.stop(accepted.model_copy(update={"leg": 1}))
        assert not orchestrator.engine.is_running(f"{accepted.id}.1")

    on(journal, work)

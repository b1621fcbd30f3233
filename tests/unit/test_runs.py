"""Runs whatever happens to the orchestrator: accepted means that they run, and that they end (FlowRunner spec h)."""

from datetime import timedelta
from typing import Any

import pytest

from flowker.errors import FlowNotFound, IdempotencyKeyReused, InvalidBody, InvalidQuery, RunNotFound
from flowker.events import reconcile, record_execution
from flowker.model.audit import EventType
from flowker.model.run import RunStatus, status_of
from flowker.wiring import audit_chain, audit_trail
from flowker.wiring.runs import run_executions, run_store, runs
from tests.flow_bench import ACCOUNT, FlowBench
from tests.flow_samples import HELLO, flow

WAITING = flow({"wait": {"type": "wait", "params": {"key": "go", "timeout": "1h"}}})


@pytest.fixture
def bench() -> FlowBench:
    return FlowBench()


def test_an_accepted_run_that_could_not_be_started_is_started_later(bench: FlowBench) -> None:
    flow_id = bench.create(HELLO)
    bench.machines.unavailable = True
    run_id = runs().start(ACCOUNT, flow_id, {"name": "x"}).execution.id
    assert runs().get(ACCOUNT, run_id).execution.outcome is None
    bench.machines.unavailable = False
    bench.clock.sleep(31)
    assert reconcile.handle({}, None)["started"] == 1
    assert bench.finish(run_id).result == {"hello": "x"}


def test_a_repeated_request_starts_what_was_accepted(bench: FlowBench) -> None:
    flow_id = bench.create(HELLO)
    bench.machines.unavailable = True
    first = runs().start(ACCOUNT, flow_id, {"name": "x"}, "key")
    bench.machines.unavailable = False
    again = runs().start(ACCOUNT, flow_id, {"name": "x"}, "key")
    assert (again.execution.id, again.replayed) == (first.execution.id, True)
    assert bench.finish(first.execution.id).status == "completed"
    with pytest.raises(IdempotencyKeyReused):
        runs().start(ACCOUNT, flow_id, {"name": "y"}, "key")
    with pytest.raises(FlowNotFound):
        runs().start("account-2", flow_id, {"name": "x"}, "key")


def test_a_run_whose_time_is_over_fails(bench: FlowBench) -> None:
    bench = FlowBench(longest_run=600)
    run_id = runs().start(ACCOUNT, bench.create(HELLO), {}).execution.id
    run_store().hand_over(run_id, run_store().get(run_id).started_at)
    bench.clock.sleep(600)
    assert run_executions().end_overdue() == 0
    bench.clock.sleep(61)
    assert reconcile.handle({}, None)["ended"] == 1
    outcome = run_store().get(run_id).outcome
    assert outcome is not None
    assert outcome.error_message == "execution timed out"
    last = run_store().events(run_id, 0)[-1]
    assert (last.kind, last.error) == ("execution_failed", "execution timed out")


@pytest.mark.parametrize("leg", ["", ".3"])
def test_what_the_orchestrator_reports_ends_a_run_without_telling_internals(
    bench: FlowBench, leg: str
) -> None:
    run_id = runs().start(ACCOUNT, bench.create(HELLO), {}).execution.id
    cause = '{"errorMessage": "at 10.0.0.7: hush"}'
    detail = {"name": f"{run_id}{leg}", "status": "FAILED", "error": "KeyError", "cause": cause}
    assert record_execution.handle({"detail": detail}, None) == {"recorded": True}
    assert record_execution.handle({"detail": detail}, None) == {"recorded": False}
    outcome = run_store().get(run_id).outcome
    assert outcome is not None
    assert outcome.error_message == "execution failed: KeyError"


def test_everything_of_an_account_can_be_cancelled(bench: FlowBench) -> None:
    flow_id = bench.create(WAITING)
    ids = [runs().start(ACCOUNT, flow_id, {}).execution.id for _ in range(3)]
    runs().cancel_all(ACCOUNT)
    assert [status_of(run_store().get(run_id)) for run_id in ids] == [RunStatus.CANCELLED] * 3
    runs().cancel_all(ACCOUNT)


def test_what_cannot_be_asked_for_is_refused(bench: FlowBench) -> None:
    flow_id = bench.create(HELLO)
    refused: list[Any] = [[], "x", None, {"x": "y" * 262_144}]
    for wrong in refused:
        with pytest.raises(InvalidBody):
            runs().start(ACCOUNT, flow_id, wrong)
    with pytest.raises(InvalidQuery):
        runs().list(ACCOUNT, None, None, 10, 10_001)
    with pytest.raises(RunNotFound):
        runs().get(ACCOUNT, "exec-none")


def test_expired_runs_are_forgotten(bench: FlowBench) -> None:
    bench = FlowBench(longest_run=60, retention_days=1)
    ran = bench.run(HELLO)
    assert reconcile.handle({}, None)["forgotten"] == 0
    bench.clock.sleep(timedelta(days=1, minutes=2).total_seconds())
    assert reconcile.handle({}, None)["forgotten"] == 1
    with pytest.raises(RunNotFound):
        runs().get(ACCOUNT, ran.view.execution.id)


def test_the_audit_trail_names_the_flow_and_the_account(bench: FlowBench) -> None:
    ran = bench.run(HELLO)
    audit_trail().append_pending()
    entries = [entry.event for entry in audit_chain().entries(1, 10)]
    about = [event for event in entries if event.resource_id == ran.view.execution.id]
    assert [event.type for event in about] == [EventType.EXECUTION_STARTED, EventType.EXECUTION_COMPLETED]
    assert {event.metadata["flow.id"] for event in about} == {ran.view.execution.launch.workflow_id}
    assert about[1].actor.id == ACCOUNT

"""Ends that Step Functions reports because nobody else can: failures, timeouts, aborts (Flowker spec d.7, architecture §5)."""

import pytest

from flowker import wiring
from flowker.events import reconcile, record_execution
from flowker.model.execution import Execution, ExecutionStatus
from tests.fakes import ManualClock, MemoryTable, RecordingMachines
from tests.functions import call
from tests.samples import chain, set_output, trigger
from tests.trails import use


def accepted() -> Execution:
    """One that waits for its orchestrator."""
    graph = chain(trigger(), set_output("done", decision="yes"))
    path = f"/v1/workflows/{call('POST', '/v1/workflows', graph).ok(201)['workflowId']}"
    call("POST", f"{path}/activate").ok()
    started = call("POST", f"{path}/executions", {"inputData": {}}, {"idempotency-key": "k"}).ok(201)
    return wiring.execution_store().get(started["executionId"])


def report(execution: Execution, status: str, **more: str) -> dict[str, object]:
    """As EventBridge does."""
    detail = {"name": execution.id, "status": status, **more}
    return record_execution.handle({"source": "aws.states", "detail": detail}, None)


@pytest.fixture(autouse=True)
def table() -> MemoryTable:
    table = MemoryTable()
    use(table)
    return table


@pytest.mark.parametrize(
    ("status", "more", "code", "message"),
    [
        ("TIMED_OUT", {}, "FLK-0503", "execution timeout: not finished within its time limit"),
        ("ABORTED", {}, "FLK-0504", "execution failed: aborted"),
        ("FAILED", {"error": "States.Timeout"}, "FLK-0503", "execution timeout: a node did not answer in time"),
        ("FAILED", {"error": "Boom", "cause": '{"errorMessage": "why", "stackTrace": ["x"]}'}, "FLK-0504", "Boom: why"),
    ],
)  # fmt: skip
def test_an_end_is_recorded_once_with_its_reason(
    status: str, more: dict[str, str], code: str, message: str
) -> None:
    execution = accepted()
    assert report(execution, status, **more) == {"recorded": True}
    ended = wiring.execution_store().get(execution.id)
    assert ended.status is ExecutionStatus.FAILED
    assert ended.outcome is not None
    assert (ended.outcome.error_code, message in str(ended.outcome.error_message)) == (code, True)
    assert "stackTrace" not in str(ended.outcome.error_message)
    assert report(execution, "ABORTED") == {"recorded": False}
    assert wiring.execution_store().get(execution.id) == ended


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_what_is_no_end_is_passed_over(status: str) -> None:
    execution = accepted()
    assert report(execution, status) == {"recorded": False}
    assert wiring.execution_store().get(execution.id).status is ExecutionStatus.PENDING


def test_an_end_that_the_worker_has_recorded_stays() -> None:
    execution = accepted()
    record_execution.handle({"executionId": execution.id}, None)
    assert report(execution, "TIMED_OUT") == {"recorded": False}
    assert wiring.execution_store().get(execution.id).status is ExecutionStatus.COMPLETED


def test_what_nobody_reports_is_ended_by_the_clock() -> None:
    """Express tells nobody, and a status event may be lost."""
    clock, machines = ManualClock(), RecordingMachines(forgetful=True)
    home = wiring.home()
    wiring.use(wiring.Home(**{**vars(home), "clock": clock, "machines": machines}))
    execution = accepted()
    for seconds, ended in ((359, 0), (1, 1), (60, 0)):
        clock.advance(seconds)
        assert reconcile.handle({}, None)["ended"] == ended
    outcome = wiring.execution_store().get(execution.id).outcome
    assert outcome is not None
    assert outcome.error_code == "FLK-0503"
    assert machines.started == [execution.id], "what was handed over is not started again"

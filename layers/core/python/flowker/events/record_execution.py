"""The end of an execution as the orchestrator sees it: its last task, a caught error, or a status event.

Whatever the worker recorded before stays: an execution ends once.
"""

from typing import Any

from flowker import wiring
from flowker.errors import EXECUTION_TIMED_OUT, NODE_FAILED
from flowker.model import exact_json
from flowker.model.execution import Outcome, execution_of_run
from flowker.model.instant import instant
from flowker.model.run import RUN_PREFIX
from flowker.observability import observed
from flowker.usecases.executions import timed_out
from flowker.wiring.runs import run_executions

Event = dict[str, Any]


def handle(event: Event, context: object) -> dict[str, Any]:
    """Either a task's `{executionId, error?: {Error, Cause}}` or an EventBridge "Step Functions Execution Status Change".

    Answers `{recorded}`: whether this call ended the execution. Raises `ExecutionNotFound`.
    """
    at = instant(wiring.home().clock.now())
    if "detail" in event:
        execution_id, outcome = execution_of_run(event["detail"]["name"]), _from_status(event["detail"], at)
    else:
        execution_id, outcome = event["executionId"], _from_task(event.get("error"), at)
    if outcome is None:
        return {"recorded": False}
    with observed(wiring.home().settings, execution_id=execution_id):
        executions = run_executions() if execution_id.startswith(RUN_PREFIX) else wiring.executions()
        return {"recorded": executions.finish(execution_id, outcome)}


def _from_task(error: dict[str, str] | None, at: str) -> Outcome:
    if error is None:
        return Outcome(at=at)
    return _failed(error.get("Error", "unknown error"), error.get("Cause", ""), at)


def _from_status(detail: dict[str, Any], at: str) -> Outcome | None:
    """None for states that are no end; success is recorded by the last task itself."""
    status = detail["status"]
    if status == "TIMED_OUT":
        return timed_out(at)
    if status in ("FAILED", "ABORTED"):
        return _failed(detail.get("error") or status.lower(), detail.get("cause") or "", at)
    return None


def _failed(error: str, cause: str, at: str) -> Outcome:
    if error == "States.Timeout":
        message = f"execution timeout: a node did not answer in time ({EXECUTION_TIMED_OUT})"
        return Outcome(at=at, error_message=message, error_code=EXECUTION_TIMED_OUT)
    message = f"execution failed: {error}: {_reason(cause)}".rstrip(": ")
    return Outcome(at=at, error_message=f"{message} ({NODE_FAILED})", error_code=NODE_FAILED)


def _reason(cause: str) -> str:
    """The message in a function's error document; never its stack trace."""
    try:
        document = exact_json.loads(cause)
    except ValueError:
        return cause[:200]
    return str(document.get("errorMessage", ""))[:200] if isinstance(document, dict) else cause[:200]

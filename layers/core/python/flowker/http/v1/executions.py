"""Executions (Flowker spec a.2 #11–#14 and the extension below it, a.4)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import IdempotencyKeyInvalid, InvalidBody, InvalidPageLimit
from flowker.http.app import answer, routes
from flowker.http.requests import (
    ListRules,
    check_size,
    header,
    identifier,
    json_object,
    page_query,
    wait_preference,
)
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, ExecutionStatus, Step
from flowker.usecases.executions import Results, Started

router = routes()

LONGEST_KEY = 255
"""Characters of an `Idempotency-Key`."""
MOST_SHOWN = 5_000_000
"""Of the outputs in one answer, which has room for 6 MB."""
LIST = ListRules(
    sorts=("startedAt", "completedAt"),
    filters={"status": tuple(ExecutionStatus), "workflowId": None},
    strict_sort=True,
    limit_type_error=True,
    limit_range_error=InvalidPageLimit,
    cursor_alone=True,
)


@router.post("/v1/workflows/<workflow_id>/executions")
def execute_workflow(workflow_id: str) -> Response[Any]:
    """Start an execution; with `Prefer: wait=N`, answer when it has ended."""
    event = router.current_event
    check_size(event)
    workflow_id = identifier(workflow_id, "workflowId")
    data = json_object(event).get("inputData")
    if not isinstance(data, dict):
        raise InvalidBody("inputData must be an object", fields={"inputData": "must be an object"})
    started = wiring.executions().start(workflow_id, data, idempotency_key(header(event, "idempotency-key")))
    return started_answer(started, wait_preference(event))


@router.get("/v1/executions")
def list_executions() -> Response[Any]:
    """List executions, newest first."""
    parameters = dict(router.current_event.query_string_parameters or {})
    if parameters.get("workflowId"):
        parameters["workflowId"] = identifier(parameters["workflowId"], "workflowId")
    return answer(wiring.executions().list(page_query(parameters, LIST)).document(status_document))


@router.get("/v1/executions/<execution_id>")
def get_execution(execution_id: str) -> Response[Any]:
    """Get an execution's status; with `Prefer: wait=N`, when it has ended."""
    execution_id = identifier(execution_id, "id")
    wait = wait_preference(router.current_event)
    execution = wiring.executions().settled(wiring.executions().get(execution_id), wait)
    return answer(status_document(execution), headers=_applied(wait))


@router.get("/v1/executions/<execution_id>/results")
def get_execution_results(execution_id: str) -> Response[Any]:
    """Get the steps and the final output of an execution that has ended."""
    execution_id = identifier(execution_id, "id")
    wait = wait_preference(router.current_event)
    if wait:
        wiring.executions().settled(wiring.executions().get(execution_id), wait)
    shown = results_document(wiring.executions().results(execution_id))
    return answer(shortened(shown), headers=_applied(wait))


@router.post("/v1/executions/<execution_id>/cancel")
def cancel_execution(execution_id: str) -> Response[Any]:
    """End an execution that has not ended; it counts as failed."""
    return answer(status_document(wiring.executions().cancel(identifier(execution_id, "id"))))


def idempotency_key(text: str | None) -> str:
    """The trimmed key. Raises `IdempotencyKeyInvalid`."""
    key = (text or "").strip()
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        wanted = f"1 to {LONGEST_KEY} printable characters"
        message = f"Idempotency-Key is required: {wanted}"
        raise IdempotencyKeyInvalid(message, fields={"Idempotency-Key": wanted})
    return key


def started_answer(started: Started, wait: float, headers: dict[str, str] | None = None) -> Response[Any]:
    """201 for a new execution, 200 for a replay; with the status it has after waiting."""
    execution = wiring.executions().settled(started.execution, wait)
    body = {
        "executionId": execution.id,
        "workflowId": execution.launch.workflow_id,
        "status": execution.status,
        "startedAt": execution.started_at,
    }
    return answer(body, 200 if started.replayed else 201, {**(headers or {}), **_applied(wait)})


def _applied(wait: float) -> dict[str, str]:
    return {"Preference-Applied": f"wait={wait:.0f}"} if wait else {}


def status_document(execution: Execution) -> dict[str, Any]:
    """Status output; error fields only on failed executions."""
    return {
        "executionId": execution.id,
        "workflowId": execution.launch.workflow_id,
        "status": execution.status,
        "currentStepNumber": execution.recorded,
        "totalSteps": execution.launch.total_steps,
        "startedAt": execution.started_at,
        **_ending(execution),
    }


def _ending(execution: Execution) -> dict[str, Any]:
    outcome = execution.outcome
    if outcome is None:
        return {}
    shown = {
        "completedAt": outcome.at,
        "errorMessage": outcome.error_message,
        "errorCode": outcome.error_code,
        "failedNodeId": outcome.failed_node_id,
    }
    return {name: value for name, value in shown.items() if value is not None}


def results_document(results: Results) -> dict[str, Any]:
    """Results output; `finalOutput` only on completed executions."""
    execution = results.execution
    shown = {
        "executionId": execution.id,
        "workflowId": execution.launch.workflow_id,
        "status": execution.status,
        "stepResults": [_step(number, step) for number, step in enumerate(results.steps, start=1)],
        "startedAt": execution.started_at,
        **_ending(execution),
    }
    if execution.status is ExecutionStatus.COMPLETED:
        shown["finalOutput"] = results.final_output
    return shown


def shortened(results: dict[str, Any]) -> dict[str, Any]:
    """Results that fit into an answer: `finalOutput` first, then outputs of steps as far as there is room. The
    others are left out, and `finalOutputOmitted` and `outputOmitted` say so."""
    if _room(results) <= MOST_SHOWN:
        return results
    left = MOST_SHOWN
    for owner, name in [(results, "finalOutput"), *((step, "output") for step in results["stepResults"])]:
        taken = _room(owner[name]) if name in owner else 0
        if taken <= left:
            left -= taken
        else:
            del owner[name]
            owner[f"{name}Omitted"] = True
    return results


def _room(value: Json) -> int:
    return exact_json.embedded_length(exact_json.dumps(value))


def _step(number: int, step: Step) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "stepNumber": number,
        "stepName": step.name,
        "nodeId": step.node_id,
        "status": step.status,
    }
    if step.output:
        shown["output"] = step.output
    if step.error_message is not None:
        shown["errorMessage"] = step.error_message
    shown |= {"executedAt": step.executed_at, "durationMs": step.duration_ms, "attempts": step.attempts}
    if step.status_code is not None:
        shown["statusCode"] = step.status_code
    return shown

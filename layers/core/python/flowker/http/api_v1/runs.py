"""Runs of flows and their logs (FlowRunner spec a.3 #9-#13, a.4)."""

from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from flowker.http.api_v1.requests import json_body, one_of, paging
from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.http.requests import header, wait_preference
from flowker.http.v1.executions import idempotency_key
from flowker.model.execution import Execution
from flowker.model.instant import MILLISECOND, moment
from flowker.model.run import Level, NumberedEvent, RunStatus, status_of
from flowker.model.shortening import shortened
from flowker.usecases.runs import RunView
from flowker.wiring import runs as wiring

router = routes()

MOST_SHOWN = 5_000_000
"""Of a result in an answer, which has room for 6 MB."""


@router.post("/api/v1/flows/<flow_id>/run")
def run_flow(flow_id: str) -> Response[Any]:
    """Run a flow; with `Prefer: wait=N`, answer when the run has ended."""
    event = router.current_event
    data = json_body(event, empty=True).get("input", {})
    sent = header(event, "idempotency-key")
    key = None if sent is None else idempotency_key(sent)
    wait = wait_preference(event)
    started = wiring.runs().start(principal().account_id, flow_id, data, key)
    execution = wiring.runs().settled(started.execution, wait)
    body = {
        "execution_id": execution.id,
        "flow_id": execution.launch.workflow_id,
        "status": status_of(execution),
        "created_at": execution.started_at,
    }
    headers = {"Location": f"/api/v1/executions/{execution.id}", **_applied(wait)}
    return answer(body, 200 if started.replayed else 201, headers)


@router.get("/api/v1/executions")
def list_runs() -> Response[Any]:
    """List runs, newest first."""
    event = router.current_event
    limit, offset = paging(event)
    given = event.query_string_parameters or {}
    found, total = wiring.runs().list(principal().account_id, given.get("flow_id"), _status(), limit, offset)
    shown = [run_row(execution) for execution in found]
    return answer({"executions": shown, "total": total, "limit": limit, "offset": offset})


@router.get("/api/v1/executions/<execution_id>")
def get_run(execution_id: str) -> Response[Any]:
    """Get a run with its input and its result; with `Prefer: wait=N`, when it has ended."""
    wait = wait_preference(router.current_event)
    view = wiring.runs().get(principal().account_id, execution_id, wait)
    return answer(run_document(view), headers=_applied(wait))


@router.delete("/api/v1/executions/<execution_id>")
def cancel_run(execution_id: str) -> Response[Any]:
    """Cancel a run that has not ended, and the runs that it has started."""
    wiring.runs().cancel(principal().account_id, execution_id)
    return answer({"message": "Execution cancelled successfully"})


@router.get("/api/v1/executions/<execution_id>/logs")
def list_logs(execution_id: str) -> Response[Any]:
    """List the log entries of a run, oldest first."""
    event = router.current_event
    limit, offset = paging(event)
    level = one_of(event, "level", Level)
    found, total = wiring.runs().logs(principal().account_id, execution_id, level, limit, offset)
    shown = [log_row(entry) for entry in found]
    return answer({"logs": shown, "total": total, "limit": limit, "offset": offset})


@router.post("/api/v1/executions/<execution_id>/signals/<key>")
def send_signal(execution_id: str, key: str) -> Response[Any]:
    """Give a run the event that it waits for."""
    body = json_body(router.current_event, empty=True)
    wiring.runs().signal(principal().account_id, execution_id, unquote(key), body)
    return answer({"message": "Signal delivered successfully"})


def _status() -> RunStatus | None:
    """`canceled` is the other spelling of it."""
    event = router.current_event
    if (event.query_string_parameters or {}).get("status") == "canceled":
        return RunStatus.CANCELLED
    status: RunStatus | None = one_of(event, "status", RunStatus)
    return status


def _applied(wait: float) -> dict[str, str]:
    return {"Preference-Applied": f"wait={wait:.0f}"} if wait else {}


def run_row(execution: Execution) -> dict[str, Any]:
    """A run on a list; `error` is there if it failed."""
    outcome = execution.outcome
    shown: dict[str, Any] = {
        "id": execution.id,
        "flow_id": execution.launch.workflow_id,
        "status": status_of(execution),
        "started_at": execution.started_at,
        "completed_at": outcome and outcome.at,
        "duration": outcome and (moment(outcome.at) - moment(execution.started_at)) // MILLISECOND,
    }
    if outcome is not None and status_of(execution) is RunStatus.FAILED:
        shown["error"] = outcome.error_message
    return shown


def run_document(view: RunView) -> dict[str, Any]:
    """A run with everything."""
    execution = view.execution
    shown = {
        **run_row(execution),
        "version": execution.launch.label,
        "input": view.input,
        "result": view.result,
        "current_node": view.node_id,
        "progress": view.progress,
        "parent_execution_id": execution.parent,
        "error_details": view.details,
    }
    short = shortened(view.result, MOST_SHOWN)
    if short != view.result:
        shown |= {"result": short, "result_truncated": True}
    optional = ("version", "current_node", "parent_execution_id", "error_details")
    return {name: value for name, value in shown.items() if value is not None or name not in optional}


def log_row(entry: NumberedEvent) -> dict[str, Any]:
    """A log entry; `data` is left out when there is none."""
    shown = {
        "timestamp": entry.at,
        "level": entry.level,
        "message": entry.message,
        "node_id": entry.node_id,
        "node_type": entry.node_type,
    }
    return {**shown, "data": entry.data} if entry.data else shown

"""Dashboards (Flowker spec a.2 #38, #39, j.1)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import InvalidDashboardFilter
from flowker.http.app import answer, routes
from flowker.model.execution import ExecutionStatus
from flowker.model.instant import rfc3339

router = routes()


@router.get("/v1/dashboards/workflows/summary")
def summarize_workflows() -> Response[Any]:
    """How many workflows there are, by status."""
    return answer(wiring.dashboards().workflows())


@router.get("/v1/dashboards/executions")
def summarize_executions() -> Response[Any]:
    """How many executions were started in a span of time, by status."""
    parameters = router.current_event.query_string_parameters or {}
    return answer(
        wiring.dashboards().executions(
            _date(parameters, "startTime"), _date(parameters, "endTime"), _status(parameters)
        )
    )


def _date(parameters: Mapping[str, str], name: str) -> datetime | None:
    text = parameters.get(name)
    if not text:
        return None
    date = rfc3339(text)
    if date is None:
        message = f"{name} must be an RFC 3339 date and time with a zone"
        raise InvalidDashboardFilter(message, fields={name: "RFC 3339, such as 2026-03-01T10:00:00Z"})
    return date


def _status(parameters: Mapping[str, str]) -> ExecutionStatus | None:
    text = parameters.get("status")
    if not text:
        return None
    if text not in tuple(ExecutionStatus):
        allowed = ", ".join(ExecutionStatus)
        raise InvalidDashboardFilter(
            f"invalid status: must be one of {allowed}", fields={"status": f"one of {allowed}"}
        )
    return ExecutionStatus(text)

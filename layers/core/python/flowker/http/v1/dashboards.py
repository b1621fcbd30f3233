"""Dashboards (Flowker spec a.2 #38, #39, j.1)."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import InvalidDashboardFilter
from flowker.http.app import answer, routes
from flowker.http.requests import date_parameter
from flowker.model.execution import ExecutionStatus

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
            date_parameter(parameters, "startTime", InvalidDashboardFilter),
            date_parameter(parameters, "endTime", InvalidDashboardFilter),
            _status(parameters),
        )
    )


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

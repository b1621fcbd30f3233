"""Dashboards (Flowker spec a.2 #38, #39, j.1)."""

from flowker import errors
from flowker.catalog.entries import array, one_of, record
from flowker.http.openapi.operation import COUNT, Operation, Operations, Schemas, json_body, query, ref
from flowker.model.execution import ExecutionStatus
from flowker.model.workflow import WorkflowStatus

_MOMENT = {"type": "string", "format": "date-time"}
_COUNTED = ("total", *ExecutionStatus)

SCHEMAS: Schemas = {
    "WorkflowSummary": record(
        {
            "total": COUNT,
            "active": COUNT,
            "byStatus": array(
                record({"status": ref("WorkflowStatus"), "count": COUNT}, required=["status", "count"]),
                minItems=len(WorkflowStatus),
                maxItems=len(WorkflowStatus),
            ),
        },
        required=["total", "active", "byStatus"],
    ),
    "ExecutionSummary": record(dict.fromkeys(_COUNTED, COUNT), required=_COUNTED),
}

OPERATIONS: Operations = {
    ("GET", "/v1/dashboards/workflows/summary"): Operation(
        answers={200: json_body("How many workflows there are in each status.", ref("WorkflowSummary"))},
    ),
    ("GET", "/v1/dashboards/executions"): Operation(
        answers={200: json_body("How many executions there are in each status.", ref("ExecutionSummary"))},
        refusals=(errors.InvalidDashboardFilter,),
        parameters=[
            query("startTime", _MOMENT, "Started then or later."),
            query("endTime", _MOMENT, "Started then or earlier."),
            query("status", one_of(*ExecutionStatus), "Only these are counted; the others are 0."),
        ],
    ),
}

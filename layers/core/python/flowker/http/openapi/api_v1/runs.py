"""Runs of flows and their logs (FlowRunner spec a.3 #9-#13, a.4)."""

from flowker import errors
from flowker.catalog.entries import ANYTHING, OBJECT, STRING, Schema, integer, one_of, record, text
from flowker.http.openapi.api_v1.words import LIST, LOCATION, PAGING, id_of, message, page
from flowker.http.openapi.executions import idempotency_key
from flowker.http.openapi.operation import (
    INSTANT,
    PREFER,
    PREFERENCE_APPLIED,
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    query,
    ref,
)
from flowker.model.flow import FLOW_PREFIX
from flowker.model.run import RUN_PREFIX, Level, RunStatus

_NAME: Schema = text(1)
_ROW: dict[str, Schema] = {
    "id": id_of(RUN_PREFIX),
    "flow_id": id_of(FLOW_PREFIX),
    "status": ref("RunStatus"),
    "started_at": INSTANT,
    "completed_at": described({"anyOf": [INSTANT, {"type": "null"}]}, "When it ended, however it did."),
    "duration": described({"type": ["integer", "null"], "minimum": 0}, "Milliseconds from start to end."),
    "error": described(STRING, "Why it failed; there if it did."),
}
_ALWAYS = ["id", "flow_id", "status", "started_at", "completed_at", "duration"]

SCHEMAS: Schemas = {
    "RunStatus": one_of(*RunStatus),
    "RunRequest": record(
        {
            "input": described(
                OBJECT, "What the first node gets as `input`; at most 256 KiB. `{}` unless given."
            )
        },
        examples=[{"input": {"key": "value"}}],
    ),
    "RunStarted": record(
        {
            "execution_id": id_of(RUN_PREFIX),
            "flow_id": id_of(FLOW_PREFIX),
            "status": ref("RunStatus"),
            "created_at": INSTANT,
        },
        required=["execution_id", "flow_id", "status", "created_at"],
    ),
    "RunRow": record(_ROW, required=_ALWAYS),
    "Run": record(
        {
            **_ROW,
            "version": described(STRING, "Of the flow, when the run was started."),
            "input": OBJECT,
            "result": described(
                {"type": ["object", "null"]}, "Of the last node, once the run has completed."
            ),
            "result_truncated": described(
                {"const": True}, "The result is too long for an answer; it is cut."
            ),
            "current_node": described(STRING, "The node that was entered last."),
            "progress": described(integer(0, 100), "Percent of the flow's nodes, roughly."),
            "parent_execution_id": described(id_of(RUN_PREFIX), "Of a run that another run has started."),
            "error_details": record(
                {
                    "node_id": ANYTHING,
                    "node_type": ANYTHING,
                    "type": ANYTHING,
                    "attempts": ANYTHING,
                }
            ),
        },
        required=[*_ALWAYS, "input", "result", "progress"],
    ),
    "RunPage": page("executions", ref("RunRow")),
    "LogEntry": record(
        {
            "timestamp": INSTANT,
            "level": one_of(*Level),
            "message": STRING,
            "node_id": {"type": ["string", "null"]},
            "node_type": {"type": ["string", "null"]},
            "data": OBJECT,
        },
        required=["timestamp", "level", "message", "node_id", "node_type"],
    ),
    "LogPage": page("logs", ref("LogEntry")),
    "SignalBody": described(OBJECT, "What the waiting node has as its result; at most 256 KiB."),
}

_ITEM = "/api/v1/executions/{execution_id}"
_STARTED = {**LOCATION, **PREFERENCE_APPLIED}

OPERATIONS: Operations = {
    ("POST", "/api/v1/flows/{flow_id}/run"): Operation(
        answers={
            201: json_body("The run has been accepted and will be carried out.", ref("RunStarted"), _STARTED),
            200: json_body("The run that this idempotency key has started.", ref("RunStarted"), _STARTED),
        },
        refusals=(
            errors.FlowNotFound,
            errors.IdempotencyKeyInvalid,
            errors.IdempotencyKeyReused,
            *UNREADABLE,
        ),
        parameters=[idempotency_key(required=False), PREFER],
        body=ref("RunRequest"),
        body_required=False,
        name=_NAME,
    ),
    ("GET", "/api/v1/executions"): Operation(
        answers={200: json_body("A page of runs.", ref("RunPage"))},
        refusals=LIST,
        parameters=[
            *PAGING,
            query("flow_id", _NAME, "Only runs of this flow."),
            query("status", one_of(*RunStatus, "canceled"), "Only runs that stand like this."),
        ],
    ),
    ("GET", _ITEM): Operation(
        answers={200: json_body("The run.", ref("Run"), PREFERENCE_APPLIED)},
        refusals=(errors.RunNotFound,),
        parameters=[PREFER],
        name=_NAME,
    ),
    ("DELETE", _ITEM): Operation(
        answers={200: message("Execution cancelled successfully")},
        refusals=(errors.RunNotFound, errors.RunEnded),
        name=_NAME,
    ),
    ("GET", f"{_ITEM}/logs"): Operation(
        answers={200: json_body("A page of log entries.", ref("LogPage"))},
        refusals=(errors.RunNotFound, *LIST),
        parameters=[*PAGING, query("level", one_of(*Level), "Only entries of exactly this level.")],
        name=_NAME,
    ),
    ("POST", f"{_ITEM}/signals/{{key}}"): Operation(
        answers={200: message("Signal delivered successfully")},
        refusals=(errors.RunNotFound, errors.SignalNotAwaited, *UNREADABLE),
        body=ref("SignalBody"),
        body_required=False,
        name=_NAME,
        names={"key": described(text(1, 128), "The `key` of the node that waits.")},
    ),
}

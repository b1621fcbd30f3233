"""Executions (Flowker spec a.2 #11–#14 and the extension below it, a.4)."""

from flowker import errors
from flowker.catalog.entries import ANYTHING, OBJECT, STRING, UUID, Schema, array, one_of, record, text
from flowker.http.openapi.operation import (
    COUNT,
    INSTANT,
    PREFER,
    PREFERENCE_APPLIED,
    Answer,
    Operation,
    Operations,
    Parameter,
    Schemas,
    described,
    header,
    json_body,
    list_parameters,
    list_refusals,
    page,
    ref,
)
from flowker.http.v1.executions import LIST, LONGEST_KEY
from flowker.model.execution import ExecutionStatus, StepStatus

IDEMPOTENCY_KEY: Schema = {
    **text(1, LONGEST_KEY),
    "pattern": r"^[ -~]*[!-~][ -~]*$",
    "examples": ["order-4711"],
}


def idempotency_key(*, required: bool) -> Parameter:
    """The header that makes a repeated request harmless."""
    return header(
        "Idempotency-Key",
        IDEMPOTENCY_KEY,
        "Names this request: repeating it with the same key answers the execution that it started.",
        required=required,
    )


_OMITTED: Schema = {"const": True, "description": "It is left out, because the answer would be too large."}
_IDENTITY: dict[str, Schema] = {
    "executionId": UUID,
    "workflowId": UUID,
    "status": ref("ExecutionStatus"),
    "startedAt": INSTANT,
}
_ENDING: dict[str, Schema] = {
    "completedAt": described(INSTANT, "When it ended, also as failed."),
    "errorMessage": described(STRING, "Why it failed."),
    "errorCode": described(STRING, "The same for programs, where there is a code for it."),
    "failedNodeId": described(STRING, "The node that failed, if one did."),
}
_STEP: dict[str, Schema] = {
    "stepNumber": described({"type": "integer", "minimum": 1}, "Its rank in the order of the graph."),
    "stepName": described(STRING, "The node's name, or `<type>_<id>`."),
    "nodeId": STRING,
    "status": one_of(*StepStatus),
    "output": described(ANYTHING, "What the node produced; absent if that is nothing."),
    "outputOmitted": _OMITTED,
    "errorMessage": STRING,
    "executedAt": INSTANT,
    "durationMs": COUNT,
    "attempts": described({"type": "integer", "minimum": 1}, "How often the call was made."),
    "statusCode": described({"type": "integer"}, "What the service answered at last."),
}

SCHEMAS: Schemas = {
    "ExecutionStatus": one_of(*ExecutionStatus),
    "ExecutionRequest": record(
        {"inputData": described(OBJECT, "What expressions find under `workflow`.")},
        required=["inputData"],
        examples=[{"inputData": {"amount": 250, "currency": "EUR"}}],
    ),
    "ExecutionStarted": record(_IDENTITY, required=list(_IDENTITY)),
    "Execution": record(
        {
            **_IDENTITY,
            "currentStepNumber": described(COUNT, "Steps recorded so far."),
            "totalSteps": described(COUNT, "Nodes that are not triggers, taken or not."),
            **_ENDING,
        },
        required=[*_IDENTITY, "currentStepNumber", "totalSteps"],
    ),
    "Step": record(
        _STEP,
        required=["stepNumber", "stepName", "nodeId", "status", "executedAt", "durationMs", "attempts"],
    ),
    "ExecutionResults": record(
        {
            **_IDENTITY,
            "stepResults": array(ref("Step")),
            "finalOutput": described(
                ANYTHING, "What `set_output` left, else the whole context; only if completed."
            ),
            "finalOutputOmitted": _OMITTED,
            **_ENDING,
        },
        required=[*_IDENTITY, "stepResults", "completedAt"],
    ),
    "ExecutionPage": page(ref("Execution")),
}

START = (errors.InvalidBody, errors.IdempotencyKeyReused, errors.IdempotencyKeyInvalid)
_ONE = (errors.InvalidId, errors.ExecutionNotFound)


def started(headers: dict[str, Schema] | None = None) -> dict[int, Answer]:
    """201 for a new execution, 200 for a replay."""
    shown = {**(headers or {}), **PREFERENCE_APPLIED}
    return {
        201: json_body("It is accepted and will run.", ref("ExecutionStarted"), shown),
        200: json_body(
            "This key has started it before: the execution as it is now.", ref("ExecutionStarted"), shown
        ),
    }


OPERATIONS: Operations = {
    ("POST", "/v1/workflows/{workflow_id}/executions"): Operation(
        answers=started(),
        refusals=(
            *START,
            errors.ExecutionBodyTooLarge,
            errors.InvalidId,
            errors.WorkflowNotFound,
            errors.WorkflowNotActive,
        ),
        parameters=[idempotency_key(required=True), PREFER],
        body=ref("ExecutionRequest"),
    ),
    ("GET", "/v1/executions"): Operation(
        answers={200: json_body("A page of executions.", ref("ExecutionPage"))},
        refusals=(errors.InvalidId, *list_refusals(LIST)),
        parameters=list_parameters(LIST),
    ),
    ("GET", "/v1/executions/{execution_id}"): Operation(
        answers={200: json_body("The execution.", ref("Execution"), PREFERENCE_APPLIED)},
        refusals=_ONE,
        parameters=[PREFER],
    ),
    ("GET", "/v1/executions/{execution_id}/results"): Operation(
        answers={200: json_body("Its steps and final output.", ref("ExecutionResults"), PREFERENCE_APPLIED)},
        refusals=(*_ONE, errors.ExecutionNotFinished),
        parameters=[PREFER],
    ),
    ("POST", "/v1/executions/{execution_id}/cancel"): Operation(
        answers={200: json_body("The execution, now failed.", ref("Execution"))},
        refusals=(*_ONE, errors.ExecutionAlreadyEnded),
    ),
}

"""Workflows (Flowker spec a.2 #1–#10, a.3)."""

from flowker import errors
from flowker.catalog.entries import FILLED, OBJECT, STRING, UUID, Schema, array, one_of, record, text
from flowker.http.openapi.operation import (
    COUNT,
    INSTANT,
    NO_CONTENT,
    UNREADABLE,
    Operation,
    Operations,
    Schemas,
    described,
    json_body,
    list_parameters,
    list_refusals,
    page,
    ref,
)
from flowker.http.v1.workflows import LIST
from flowker.model.graph import NodeKind
from flowker.model.workflow import MachineType, WorkflowStatus
from flowker.usecases.drafts import (
    CONDITION_LENGTH,
    DESCRIPTION_LENGTH,
    LABEL_LENGTH,
    MOST_EDGES,
    MOST_NODES,
    NAME_LENGTH,
)

_EXAMPLE = {
    "name": "Payment validation",
    "description": "Approves small amounts.",
    "nodes": [
        {
            "id": "start",
            "type": "trigger",
            "position": {"x": 250, "y": 0},
            "data": {"triggerType": "webhook", "path": "/payments", "method": "POST"},
        },
        {
            "id": "small",
            "type": "conditional",
            "position": {"x": 250, "y": 150},
            "data": {"condition": "workflow.amount < 1000"},
        },
        {
            "id": "approve",
            "type": "action",
            "name": "Approve",
            "position": {"x": 100, "y": 300},
            "data": {"actionType": "set_output", "output": {"decision": "approved"}},
        },
    ],
    "edges": [
        {"id": "e1", "source": "start", "target": "small"},
        {"id": "e2", "source": "small", "target": "approve", "sourceHandle": "true", "label": "yes"},
    ],
    "metadata": {"team": "payments"},
}

_LABEL = text(1, LABEL_LENGTH)
_NAME = described(
    {**text(1, NAME_LENGTH), "pattern": r"\S"}, "Unique among all workflows, whatever their status."
)
_COORDINATES = {axis: {"type": "number", "default": 0} for axis in ("x", "y")}

_NODE = {
    "id": _LABEL,
    "type": one_of(*NodeKind),
    "name": text(0, LABEL_LENGTH),
    "position": record(_COORDINATES),
    "data": described(
        OBJECT,
        "The settings of its type. `trigger`: `triggerType`, with `path`, `method`, `verify_token` for `webhook`, and with"
        " `schedule`, `timezone`, `input` for `schedule`, an extension. `executor`: `executorId`, `providerConfigId`,"
        " `inputMapping`, `outputMapping`, `transforms`, `endpointName`, `path`,"
        " `method`, `timeout`, and whatever the schema of the executor in the catalog names. `conditional`: `condition`."
        " `action`: `actionType` (`set_output`, `log`, `transform`) with its own.",
    ),
}
_EDGE = {
    "id": _LABEL,
    "source": described(_LABEL, "The node that it leaves."),
    "target": described(_LABEL, "The node that it leads to."),
    "sourceHandle": described(text(0, LABEL_LENGTH), "The branch of a conditional: `true` or `false`."),
    "condition": described(text(0, CONDITION_LENGTH), "It is followed only if this expression holds."),
    "label": text(0, LABEL_LENGTH),
}

_GRAPH: dict[str, Schema] = {
    "nodes": array(ref("Node"), maxItems=MOST_NODES),
    "edges": array(ref("Edge"), maxItems=MOST_EDGES),
}
_METADATA = {**OBJECT, "description": "Free; keys of an update are added to those that are there."}

_SHOWN: dict[str, Schema] = {
    "id": UUID,
    "name": STRING,
    "description": STRING,
    "status": ref("WorkflowStatus"),
    "nodes": array(ref("PlacedNode")),
    "edges": array(ref("Edge")),
    "metadata": OBJECT,
    "engine": ref("Engine"),
    "createdAt": INSTANT,
    "updatedAt": INSTANT,
}
_ALWAYS_SHOWN = ["id", "name", "status", "nodes", "edges", "createdAt", "updatedAt"]

SCHEMAS: Schemas = {
    "WorkflowStatus": one_of(*WorkflowStatus),
    "Node": record(_NODE, required=["id", "type"]),
    "PlacedNode": record(
        {**_NODE, "position": record(_COORDINATES, required=["x", "y"])}, required=["id", "type", "position"]
    ),
    "Edge": record(_EDGE, required=["id", "source", "target"]),
    "WorkflowDefinition": record(
        {"name": _NAME, "description": text(0, DESCRIPTION_LENGTH), **_GRAPH, "metadata": _METADATA},
        required=["name"],
        examples=[_EXAMPLE],
    ),
    "WorkflowName": record({"name": _NAME}, required=["name"], examples=[{"name": "Payment validation 2"}]),
    "TemplateUse": record(
        {"templateId": FILLED, "params": described(OBJECT, "As the template's `paramSchema` asks for.")},
        required=["templateId", "params"],
        examples=[
            {
                "templateId": "tracer-midaz-validation",
                "params": {
                    "workflowName": "Validated transfers",
                    "tracerProviderConfigId": "3f2f6d0e-6d5b-4f0e-9a52-2f7c6f0b8a11",
                    "midazProviderConfigId": "9b1d7a52-0c4e-4c58-8d4f-5c1f4b7f3e20",
                },
            }
        ],
    ),
    "WorkflowCreated": record(
        {
            "workflowId": UUID,
            "version": {"const": "1.0.0"},
            "status": {"const": str(WorkflowStatus.DRAFT)},
            "createdAt": INSTANT,
        },
        required=["workflowId", "version", "status", "createdAt"],
    ),
    "Engine": described(
        record(
            {
                "type": described(one_of(*MachineType), "The type of its Step Functions state machines."),
                "reason": STRING,
                "worstCaseSeconds": described(
                    COUNT,
                    "What an execution takes if every call times out at every attempt, before its time limit; absent where"
                    " nothing bounds it.",
                ),
                "pricePerMillion": ref("EnginePrice"),
            },
            required=["type", "reason", "pricePerMillion"],
        ),
        "What runs an active workflow on AWS, as it was decided when it was activated.",
    ),
    "EnginePrice": described(
        record(
            {
                "currency": {"const": "USD"},
                **{str(kind): {"type": "number", "minimum": 0} for kind in MachineType},
                "region": STRING,
                "date": {"type": "string", "format": "date"},
            },
            required=["currency", *MachineType, "region", "date"],
        ),
        "A million executions on the longest way without failures, everything included, for both types of state machines,"
        " at the list prices of a region on a day.",
    ),
    "Workflow": record(_SHOWN, required=_ALWAYS_SHOWN),
    "ActivatedWorkflow": record(
        {**_SHOWN, "warnings": described(array(STRING, minItems=1), "Nodes that can never run.")},
        required=_ALWAYS_SHOWN,
    ),
    "WorkflowPage": page(ref("Workflow")),
}

STRUCTURE = (
    errors.WorkflowNameMissing,
    errors.WorkflowNameTooLong,
    errors.TooManyNodes,
    errors.TooManyEdges,
    errors.UnknownEdgeEnd,
    errors.InvalidNodeId,
    errors.InvalidNodeType,
    errors.InvalidEdgeId,
    errors.EdgeSourceMissing,
    errors.EdgeTargetMissing,
)
REFERENCES = (
    errors.UnknownExecutorInNode,
    errors.InvalidInputMapping,
    errors.InvalidOutputMapping,
    errors.InvalidTransforms,
    errors.InvalidProviderReference,
    errors.ProviderMismatch,
    errors.InvalidExecutorConfig,
)
"""What a graph refers to may be missing or may not fit."""
DEFINITION = (*UNREADABLE, *STRUCTURE, *REFERENCES, errors.WorkflowNameTaken)
ONE = (errors.InvalidId, errors.WorkflowNotFound)
_CREATED = {201: json_body("The new draft.", ref("WorkflowCreated"))}
_CHANGED = {200: json_body("The workflow as it is now.", ref("Workflow"))}
_TURN = Operation(
    answers=_CHANGED, refusals=(*ONE, errors.WorkflowTransitionNotAllowed, errors.ChangedConcurrently)
)
_ACTIVATION = (
    errors.InvalidCondition,
    errors.DefinitionTooLarge,
    errors.WorkflowWithoutNodes,
    errors.WorkflowWithoutTrigger,
    errors.InvalidNodeId,
    errors.InvalidTriggerConfig,
    errors.WebhookRouteTaken,
    errors.CyclicGraph,
)

OPERATIONS: Operations = {
    ("POST", "/v1/workflows"): Operation(
        answers=_CREATED,
        refusals=DEFINITION,
        body=ref("WorkflowDefinition"),
    ),
    ("GET", "/v1/workflows"): Operation(
        answers={200: json_body("A page of workflows.", ref("WorkflowPage"))},
        refusals=list_refusals(LIST),
        parameters=list_parameters(LIST),
    ),
    ("GET", "/v1/workflows/{workflow_id}"): Operation(
        answers={200: json_body("The workflow.", ref("Workflow"))}, refusals=ONE
    ),
    ("PUT", "/v1/workflows/{workflow_id}"): Operation(
        answers=_CHANGED,
        refusals=(*ONE, *DEFINITION, errors.WorkflowNotEditable, errors.ChangedConcurrently),
        body=ref("WorkflowDefinition"),
    ),
    ("DELETE", "/v1/workflows/{workflow_id}"): Operation(
        answers={204: NO_CONTENT}, refusals=(*ONE, errors.WorkflowNotEditable, errors.ChangedConcurrently)
    ),
    ("POST", "/v1/workflows/from-template"): Operation(
        answers=_CREATED,
        refusals=(
            *DEFINITION,
            errors.TemplateNotFound,
            errors.InvalidTemplateParameters,
            errors.TemplateFailed,
        ),
        body=ref("TemplateUse"),
    ),
    ("POST", "/v1/workflows/{workflow_id}/clone"): Operation(
        answers=_CREATED,
        refusals=(
            *ONE,
            *UNREADABLE,
            errors.WorkflowNameTaken,
            errors.WorkflowNameMissing,
            errors.WorkflowNameTooLong,
        ),
        body=ref("WorkflowName"),
    ),
    ("POST", "/v1/workflows/{workflow_id}/activate"): Operation(
        answers={200: json_body("The workflow, now active.", ref("ActivatedWorkflow"))},
        refusals=(*_TURN.refusals, *REFERENCES, *_ACTIVATION),
    ),
    ("POST", "/v1/workflows/{workflow_id}/deactivate"): _TURN,
    ("POST", "/v1/workflows/{workflow_id}/draft"): _TURN,
}

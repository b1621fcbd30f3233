"""Workflows (Flowker spec a.2 #1–#10, a.3)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.compiler.check import unreachable
from flowker.http.app import answer, nothing, routes
from flowker.http.requests import ListRules, identifier, json_object, page_query
from flowker.model.masking import mask_node_data
from flowker.model.workflow import Engine, Workflow, WorkflowStatus

router = routes()

LIST = ListRules(sorts=("createdAt", "updatedAt", "name"), filters={"status": tuple(WorkflowStatus)})


@router.post("/v1/workflows")
def create_workflow() -> Response[Any]:
    """Create a draft."""
    return _created(wiring.workflows().create(json_object(router.current_event)))


@router.post("/v1/workflows/from-template")
def create_workflow_from_template() -> Response[Any]:
    """Create a draft that a template makes."""
    made = wiring.templates().workflow(json_object(router.current_event))
    return _created(wiring.workflows().create(made))


@router.get("/v1/workflows")
def list_workflows() -> Response[Any]:
    """List workflows, newest first."""
    query = page_query(router.current_event.query_string_parameters or {}, LIST)
    return answer(wiring.workflows().list(query).document(document))


@router.get("/v1/workflows/<workflow_id>")
def get_workflow(workflow_id: str) -> Response[Any]:
    """Get one workflow."""
    return answer(document(wiring.workflows().get(identifier(workflow_id, "id"))))


@router.put("/v1/workflows/<workflow_id>")
def update_workflow(workflow_id: str) -> Response[Any]:
    """Replace a draft."""
    workflow_id = identifier(workflow_id, "id")
    return answer(document(wiring.workflows().update(workflow_id, json_object(router.current_event))))


@router.delete("/v1/workflows/<workflow_id>")
def delete_workflow(workflow_id: str) -> Response[Any]:
    """Delete a workflow that is not active."""
    wiring.workflows().delete(identifier(workflow_id, "id"))
    return nothing()


@router.post("/v1/workflows/<workflow_id>/clone")
def clone_workflow(workflow_id: str) -> Response[Any]:
    """Copy a workflow into a new draft."""
    workflow_id = identifier(workflow_id, "id")
    return _created(wiring.workflows().clone(workflow_id, json_object(router.current_event)))


@router.post("/v1/workflows/<workflow_id>/activate")
def activate_workflow(workflow_id: str) -> Response[Any]:
    """Check, compile and publish a draft. Nodes that can never run are named in `warnings`."""
    workflow = wiring.workflows().activate(identifier(workflow_id, "id"))
    shown = document(workflow)
    idle = unreachable(workflow.graph)
    if idle:
        shown["warnings"] = [f'node "{node}" is not reachable from any trigger' for node in idle]
    return answer(shown)


@router.post("/v1/workflows/<workflow_id>/deactivate")
def deactivate_workflow(workflow_id: str) -> Response[Any]:
    """Stop accepting executions."""
    return answer(document(wiring.workflows().deactivate(identifier(workflow_id, "id"))))


@router.post("/v1/workflows/<workflow_id>/draft")
def draft_workflow(workflow_id: str) -> Response[Any]:
    """Make an inactive workflow editable again."""
    return answer(document(wiring.workflows().to_draft(identifier(workflow_id, "id"))))


def _engine(engine: Engine) -> dict[str, Any]:
    price = engine.price
    shown: dict[str, Any] = {"type": engine.type, "reason": engine.reason}
    if engine.worst_case_seconds is not None:
        shown["worstCaseSeconds"] = engine.worst_case_seconds
    return shown | {
        "pricePerMillion": {
            "currency": "USD",
            "standard": price.standard,
            "express": price.express,
            "region": price.region,
            "date": price.date,
        }
    }


def _created(workflow: Workflow) -> Response[Any]:
    body = {
        "workflowId": workflow.id,
        "version": "1.0.0",
        "status": workflow.status,
        "createdAt": workflow.created_at,
    }
    return answer(body, 201)


def document(workflow: Workflow) -> dict[str, Any]:
    """A workflow as the API shows it: absent fields omitted, secrets masked."""
    graph = workflow.graph.document()
    for node in graph["nodes"]:
        if "data" in node:
            node["data"] = mask_node_data(node["data"])
    shown: dict[str, Any] = {"id": workflow.id, "name": workflow.name}
    if workflow.description is not None:
        shown["description"] = workflow.description
    shown |= {"status": workflow.status, "nodes": list(graph["nodes"]), "edges": list(graph["edges"])}
    if workflow.metadata:
        shown["metadata"] = workflow.metadata
    if workflow.engine is not None:
        shown["engine"] = _engine(workflow.engine)
    return shown | {"createdAt": workflow.created_at, "updatedAt": workflow.updated_at}

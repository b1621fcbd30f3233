"""Workflows as clients send them, with unique names."""

from itertools import pairwise
from typing import Any
from uuid import uuid4

from tests.servers import Api, expect


def unique(prefix: str = "name") -> str:
    return f"{prefix}-{uuid4()}"


def trigger(node_id: str = "start", **data: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "type": "trigger",
        "position": {"x": 0, "y": 0},
        "data": {"triggerType": "webhook", **data},
    }


def executor(node_id: str, configuration_id: str, path: str = "/score", **data: Any) -> dict[str, Any]:
    settings = {"executorId": "http", "providerConfigId": configuration_id, "path": path, **data}
    return {"id": node_id, "type": "executor", "data": settings}


def conditional(node_id: str, condition: str) -> dict[str, Any]:
    return {"id": node_id, "type": "conditional", "data": {"condition": condition}}


def set_output(node_id: str, **output: Any) -> dict[str, Any]:
    return {"id": node_id, "type": "action", "data": {"actionType": "set_output", "output": output}}


def edge(source: str, target: str, handle: str | None = None, condition: str | None = None) -> dict[str, Any]:
    made = {"id": f"{source}->{target}:{handle or ''}", "source": source, "target": target}
    return (
        made | ({"sourceHandle": handle} if handle else {}) | ({"condition": condition} if condition else {})
    )


def workflow(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> dict[str, Any]:
    """A workflow with a name of its own."""
    return {"name": unique("workflow"), "nodes": nodes, "edges": edges}


def chain(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A workflow in which each node follows the one before it."""
    return workflow(list(nodes), [edge(one["id"], other["id"]) for one, other in pairwise(nodes)])


def payment_validation(configuration_id: str, path: str, **executor_data: Any) -> dict[str, Any]:
    """Webhook, score, decision, approve or reject: five nodes, four edges."""
    mapping = [{"source": "workflow.amount", "target": "amount"}]
    return {
        "name": unique("payment"),
        "nodes": [
            trigger("received", path=path, method="POST"),
            executor("check-fraud", configuration_id, inputMapping=mapping, **executor_data),
            conditional("low", "check-fraud.score < 70"),
            set_output("approve", decision="approved"),
            set_output("reject", decision="rejected"),
        ],
        "edges": [
            edge("received", "check-fraud"),
            edge("check-fraud", "low"),
            edge("low", "approve", "true"),
            edge("low", "reject", "false"),
        ],
    }


def create_configuration(api: Api, url: str, **config: Any) -> str:
    """The id of a new `http` provider configuration."""
    body = {"name": unique("provider"), "providerId": "http", "config": {"base_url": url, **config}}
    return str(expect(api.post("/v1/provider-configurations", body), 201)["id"])


def create_workflow(api: Api, document: dict[str, Any]) -> str:
    """The id of a new draft."""
    return str(expect(api.post("/v1/workflows", document), 201)["workflowId"])


def activate(api: Api, document: dict[str, Any]) -> str:
    """The id of a new active workflow."""
    workflow_id = create_workflow(api, document)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
    return workflow_id


def execute(api: Api, workflow_id: str, data: dict[str, Any], key: str | None = None) -> str:
    """The id of a new execution."""
    headers = {"Idempotency-Key": key or unique("key")}
    answer = api.post(f"/v1/workflows/{workflow_id}/executions", {"inputData": data}, headers=headers)
    return str(expect(answer, 201)["executionId"])

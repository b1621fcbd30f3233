"""The template that lets Tracer decide whether Midaz books a transaction (Flowker spec g.4)."""

from typing import Any

from flowker.catalog import midaz, tracer
from flowker.catalog.entries import UUID, Parameters, Template, document, one_of, text

_CHECKED = ("requestId", "transactionType", "amount", "currency", "transactionTimestamp", "account")
"""What Tracer is told of the input."""

_EDGES = (
    {"id": "webhook-to-tracer", "source": "webhook-trigger", "target": "tracer-validate"},
    {"id": "tracer-to-decision", "source": "tracer-validate", "target": "decision-check"},
    {
        "id": "decision-to-midaz",
        "source": "decision-check",
        "target": "midaz-create-tx",
        "sourceHandle": "true",
        "label": "Approved",
    },
)


def _build(given: Parameters) -> dict[str, Any]:
    """What Tracer does not allow ends without a further node."""
    described = {"description": given["workflowDescription"]} if "workflowDescription" in given else {}
    return {
        "name": given["workflowName"],
        **described,
        "nodes": [
            _received(given["webhookPath"], given["webhookMethod"]),
            _validated(given["tracerProviderConfigId"]),
            _decided(),
            _booked(given["midazProviderConfigId"]),
        ],
        "edges": list(_EDGES),
    }


def _received(path: str, method: str) -> dict[str, Any]:
    data = {"triggerType": "webhook", "path": path, "method": method}
    return _node("webhook-trigger", "trigger", "Webhook Trigger", (250, 0), data)


def _validated(configuration_id: str) -> dict[str, Any]:
    data = {
        "executorId": "tracer.validate-transaction",
        "providerConfigId": configuration_id,
        "method": "POST",
        "path": "/v1/validations",
        "inputMapping": [{"source": f"workflow.{name}", "target": name} for name in _CHECKED],
    }
    return _node("tracer-validate", "executor", "Tracer Validate Transaction", (250, 150), data)


def _decided() -> dict[str, Any]:
    data = {"condition": 'tracer-validate.body.decision == "ALLOW"'}
    return _node("decision-check", "conditional", "Decision Check", (250, 300), data)


def _booked(configuration_id: str) -> dict[str, Any]:
    data = {
        "executorId": "midaz.create-transaction",
        "providerConfigId": configuration_id,
        "inputMapping": [
            {"source": "workflow.transaction", "target": "send"},
            {"source": "workflow.transactionDescription", "target": "description"},
        ],
    }
    return _node("midaz-create-tx", "executor", "Midaz Create Transaction", (100, 450), data)


def _node(
    node_id: str, kind: str, name: str, position: tuple[int, int], data: dict[str, Any]
) -> dict[str, Any]:
    at = dict(zip("xy", position, strict=True))
    return {"id": node_id, "type": kind, "name": name, "position": at, "data": data}


TEMPLATE = Template(
    id="tracer-midaz-validation",
    name="Tracer Validation + Midaz Transaction",
    category="Compliance",
    description="A webhook has Tracer validate a transaction; what Tracer allows is booked in Midaz.",
    schema=document(
        {
            "workflowName": text(1, 100),
            "workflowDescription": text(longest=500),
            "tracerProviderConfigId": UUID,
            "midazProviderConfigId": UUID,
            "webhookPath": {**text(), "default": "/validate-and-transact"},
            "webhookMethod": one_of("POST", default="POST"),
        },
        required=["workflowName", "tracerProviderConfigId", "midazProviderConfigId"],
    ),
    configurations={
        "tracerProviderConfigId": tracer.PROVIDER.id,
        "midazProviderConfigId": midaz.PROVIDER.id,
    },
    build=_build,
)

"""Webhook deliveries (Flowker spec a.2 #43, i)."""

from typing import Any

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, UUID
from flowker.http.openapi.executions import START, idempotency_key, started
from flowker.http.openapi.operation import (
    NAME_IN_PATH,
    PREFER,
    Operation,
    Operations,
    Schemas,
    described,
    header,
)
from flowker.http.routes import ROUTES

SCHEMAS: Schemas = {
    "Delivery": {
        **OBJECT,
        "description": "The input of the execution. Method, path, headers and query are added as `_webhook`.",
        "examples": [{"amount": 250, "currency": "EUR"}],
    },
}


def _shown(description: str) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": UUID}


_DELIVERY = Operation(
    answers=started(
        {
            "X-Webhook-Workflow-ID": _shown("The workflow that the route belongs to."),
            "X-Webhook-Execution-ID": _shown("The execution of this delivery."),
        }
    ),
    refusals=(*START, errors.WebhookRouteNotFound, errors.WebhookTokenInvalid, errors.WebhookBodyTooLarge),
    parameters=[
        header("X-Webhook-Token", STRING, "The trigger's `verify_token`, if it has one."),
        idempotency_key(required=False),
        PREFER,
    ],
    body={"$ref": "#/components/schemas/Delivery"},
    body_required=False,
    name=described(NAME_IN_PATH, "The path of the trigger; it may have several segments."),
)

OPERATIONS: Operations = {
    (method, route.path): _DELIVERY
    for route in ROUTES
    if route.function == "webhooks"
    for method in route.methods
}

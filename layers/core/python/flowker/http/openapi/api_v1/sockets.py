"""Tickets for the socket of a run (FlowRunner spec i.1). `openapi/asyncapi.py` describes the socket itself."""

from flowker import errors
from flowker.catalog.entries import STRING, record, text
from flowker.http.openapi.api_v1.words import SECONDS
from flowker.http.openapi.operation import Operation, Operations, Schemas, described, json_body, ref

SCHEMAS: Schemas = {
    "SocketTicket": record(
        {
            "ticket": described(STRING, "Good for one handshake: `/ws/executions/{id}?ticket=`."),
            "expires_at": SECONDS,
        },
        required=["ticket", "expires_at"],
    ),
}

OPERATIONS: Operations = {
    ("POST", "/api/v1/executions/{execution_id}/ws-ticket"): Operation(
        answers={201: json_body("The ticket.", ref("SocketTicket"))},
        refusals=(errors.RunNotFound,),
        name=text(1),
    ),
}

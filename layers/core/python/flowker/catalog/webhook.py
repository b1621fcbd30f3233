"""The webhook trigger (Flowker spec g.3)."""

from flowker.catalog.entries import FILLED, STRING, Trigger, document, one_of

TRIGGER = Trigger(
    id="webhook",
    name="Webhook",
    schema=document(
        {
            "path": FILLED,
            "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE"),
            "verify_token": {**STRING, "description": "What callers must send as X-Webhook-Token."},
        },
        required=["path", "method"],
        additionalProperties=False,
    ),
)

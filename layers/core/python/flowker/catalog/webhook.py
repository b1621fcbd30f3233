"""The webhook trigger (Flowker spec g.3)."""

from flowker.catalog.entries import FILLED, Trigger, document, one_of

LONGEST_PATH = 2048
"""Characters. A longer one could hardly be called, and 90 of them must fit into one transaction."""

TRIGGER = Trigger(
    id="webhook",
    name="Webhook",
    schema=document(
        {
            "path": {**FILLED, "maxLength": LONGEST_PATH},
            "method": one_of("GET", "POST", "PUT", "PATCH", "DELETE"),
            "verify_token": {
                **FILLED,
                "pattern": "^[!-~]([ -~]*[!-~])?$",
                "description": "What callers must send as X-Webhook-Token: ASCII, for headers carry nothing else alike.",
            },
        },
        required=["path", "method"],
        additionalProperties=False,
    ),
)

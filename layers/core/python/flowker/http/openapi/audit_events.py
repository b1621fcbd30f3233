"""The audit trail (Flowker spec a.2 #40–#42, j.2)."""

from flowker import errors
from flowker.catalog.entries import OBJECT, STRING, UUID, Schema, integer, one_of, record, text
from flowker.http.openapi.operation import (
    COUNT,
    INSTANT,
    Answer,
    Operation,
    Operations,
    Parameter,
    Schemas,
    described,
    json_body,
    page,
    query,
    ref,
)
from flowker.http.v1.audit_events import DEFAULT_LIMIT, EXPORTED, FILTERS, MOST, MOST_EXPORTED, PREFIXES
from flowker.model.audit import Action, ActorType, EventType, ResourceType, Result

_MOMENT: Schema = {"type": "string", "format": "date-time"}
_HASH: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

_THING: Schema = {
    "type": "string",
    "pattern": f"^({'|'.join(PREFIXES)})?([0-9A-Fa-f]{{32}}|[0-9A-Fa-f]{{8}}(-[0-9A-Fa-f]{{4}}){{3}}-[0-9A-Fa-f]{{12}})$",
}

_CHECKPOINT = record({"sequence": COUNT, "hash": STRING}, required=["sequence", "hash"])

SCHEMAS: Schemas = {
    "AuditEvent": record(
        {
            "eventId": UUID,
            "eventType": one_of(*EventType),
            "action": one_of(*Action),
            "result": one_of(*Result),
            "resourceId": STRING,
            "resourceType": one_of(*ResourceType),
            "actor": record(
                {"type": one_of(*ActorType), "id": STRING, "ipAddress": STRING},
                required=["type", "id", "ipAddress"],
            ),
            "context": OBJECT,
            "metadata": OBJECT,
            "timestamp": INSTANT,
            "hash": described(_HASH, "SHA-256 of the entry and the hash before it."),
            "previousHash": described(_HASH, "Absent in the first entry."),
            "sequence": described(integer(1), "Its number in the trail, which has no gaps."),
        },
        required=["eventId", "eventType", "action", "result", "resourceId", "resourceType", "actor", "timestamp", "hash",
                  "sequence"],
    ),
    "AuditEventPage": page(ref("AuditEvent")),
    "AuditVerification": record(
        {
            "isValid": {"type": "boolean"},
            "firstInvalidId": described(integer(1), "Number of the first entry that is not as it was written."),
            "totalChecked": COUNT,
            "message": STRING,
        },
        required=["isValid", "totalChecked", "message"],
    ),
    "AuditExportLine": {
        "anyOf": [
            record({"sequence": integer(1), "hash": _HASH, "text": STRING}, required=["sequence", "hash", "text"]),
            record(
                {
                    "checkpoint": _CHECKPOINT,
                    "complete": {"type": "boolean", "description": "Whether the trail ends here; in the last line."},
                },
                required=["checkpoint"],
            ),
        ],
    },
}  # fmt: skip

_FILTERS: list[Parameter] = [
    *(query(name, one_of(*kind), f"Only events with this {name}.") for name, (kind, _) in FILTERS.items()),
    query(
        "resourceId",
        _THING,
        "Only events about this thing: a UUID, or the id of an account, a flow or a run.",
    ),
    query("dateFrom", _MOMENT, "Then or later."),
    query("dateTo", _MOMENT, "Then or earlier."),
    query("sortOrder", one_of("ASC", "DESC", default="DESC"), "By the order in which they were recorded."),
]
_ONE = (errors.InvalidId, errors.AuditEventNotFound)

OPERATIONS: Operations = {
    ("GET", "/v1/audit-events"): Operation(
        answers={200: json_body("A page of audit events.", ref("AuditEventPage"))},
        refusals=(
            errors.InvalidId,
            errors.InvalidQuery,
            errors.InvalidDate,
            errors.InvalidDateOrder,
            errors.InvalidAuditCursor,
            errors.AuditEntryUnreadable,
            *(error for _, error in FILTERS.values()),
        ),
        parameters=[
            *_FILTERS,
            query("limit", integer(1, MOST, default=DEFAULT_LIMIT), "Items of a page."),
            query("cursor", text(1), "`nextCursor` of the page before."),
        ],
    ),
    ("GET", "/v1/audit-events/export"): Operation(
        answers={
            200: Answer(
                "A checkpoint, the entries, a checkpoint: each a line with a JSON document like `contentSchema`.",
                {"application/x-ndjson": {**STRING, "contentSchema": ref("AuditExportLine")}},
            )
        },
        refusals=(errors.InvalidQuery,),
        parameters=[
            query("after", {**COUNT, "default": 0}, "The number of the entry before the first one."),
            query("limit", integer(1, MOST_EXPORTED, default=EXPORTED), "Entries of this part."),
        ],
    ),
    ("GET", "/v1/audit-events/{event_id}"): Operation(
        answers={200: json_body("The audit event.", ref("AuditEvent"))},
        refusals=(*_ONE, errors.AuditEntryUnreadable),
    ),
    ("GET", "/v1/audit-events/{event_id}/verify"): Operation(
        answers={200: json_body("Whether the trail up to this event is intact.", ref("AuditVerification"))},
        refusals=_ONE,
    ),
}

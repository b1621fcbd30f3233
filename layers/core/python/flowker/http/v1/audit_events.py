"""The audit trail (Flowker spec a.2 #40–#42, j.2), and its export for auditors."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import wiring
from flowker.errors import (
    AuditEntryUnreadable,
    FlowkerError,
    InvalidAuditAction,
    InvalidAuditCursor,
    InvalidAuditEventType,
    InvalidAuditResourceType,
    InvalidAuditResult,
    InvalidDate,
    InvalidDateOrder,
    InvalidQuery,
)
from flowker.http.app import answer, routes
from flowker.http.requests import date_parameter, identifier
from flowker.model.account import ACCOUNT_PREFIX
from flowker.model.audit import GENESIS, Action, Entry, EventType, ResourceType, Result
from flowker.model.audit_export import end_line, entry_line, start_line
from flowker.model.chain import Checkpoint, Verdict
from flowker.model.flow import FLOW_PREFIX
from flowker.model.instant import instant
from flowker.model.page import Cursor, PageQuery
from flowker.model.run import RUN_PREFIX
from flowker.ports import AuditFilter
from flowker.usecases.audit_trail import SORT, Export

router = routes()

DEFAULT_LIMIT, MOST = 20, 100
EXPORTED, MOST_EXPORTED = 1000, 5000
"""Entries of one export, if they fit."""
EXPORTED_BYTES = 5 * 1024 * 1024
"""Of one export, written into the JSON text in which functions answer: that may take 6 MB."""
PREFIXES = (ACCOUNT_PREFIX, FLOW_PREFIX, RUN_PREFIX)
"""Of ids that are no bare UUIDs."""

FILTERS: Mapping[str, tuple[type[StrEnum], type[FlowkerError]]] = {
    "eventType": (EventType, InvalidAuditEventType),
    "action": (Action, InvalidAuditAction),
    "result": (Result, InvalidAuditResult),
    "resourceType": (ResourceType, InvalidAuditResourceType),
}


@router.get("/v1/audit-events")
def list_audit_events() -> Response[Any]:
    """Search the audit trail, newest first."""
    parameters = router.current_event.query_string_parameters or {}
    cursor = _cursor(parameters)
    ascending = parameters.get("sortOrder", "").upper() == "ASC"
    if cursor and parameters.get("sortOrder") and ascending != cursor.ascending:
        raise InvalidQuery("the cursor was given out for another sort", fields={"cursor": "contradicts"})
    limit = _number(parameters, "limit", DEFAULT_LIMIT)
    page = PageQuery(min(limit, MOST) if limit > 0 else DEFAULT_LIMIT, SORT, ascending, cursor)
    return answer(wiring.audit_trail().search(_filter(parameters), page).document(document))


@router.get("/v1/audit-events/export")
def export_audit_events() -> Response[Any]:
    """Consecutive entries as newline-delimited JSON, between two checkpoints: what `flowker audit verify` reads."""
    parameters = router.current_event.query_string_parameters or {}
    after, limit = _number(parameters, "after", 0), _number(parameters, "limit", EXPORTED)
    if after < 0 or not 1 <= limit <= MOST_EXPORTED:
        raise InvalidQuery(
            f"after must not be negative, and limit from 1 to {MOST_EXPORTED}",
            fields={"after": "0 or more", "limit": f"from 1 to {MOST_EXPORTED}"},
        )
    lines = _lines(wiring.audit_trail().export(after, limit))
    return Response(200, "application/x-ndjson", "".join(f"{line}\n" for line in lines))


@router.get("/v1/audit-events/<event_id>")
def get_audit_event(event_id: str) -> Response[Any]:
    """Get one event with its hash."""
    return answer(document(wiring.audit_trail().get(identifier(event_id, "id"))))


@router.get("/v1/audit-events/<event_id>/verify")
def verify_audit_event(event_id: str) -> Response[Any]:
    """Recompute the chain from its first entry to this one."""
    return answer(verdict_document(wiring.audit_trail().verify(identifier(event_id, "id"))))


def document(entry: Entry) -> dict[str, Any]:
    """An entry as the API shows it; empty context and metadata are omitted, and the previous hash of the first one."""
    try:
        event = entry.event
    except ValueError as error:
        raise AuditEntryUnreadable(
            f"{error}: it was changed after it was written; verify the trail"
        ) from error
    shown: dict[str, Any] = {
        "eventId": event.id,
        "eventType": event.type,
        "action": event.action,
        "result": event.result,
        "resourceId": event.resource_id,
        "resourceType": event.resource_type,
        "actor": {"type": event.actor.type, "id": event.actor.id, "ipAddress": event.actor.ip_address},
    }
    shown |= {"context": event.context} if event.context else {}
    shown |= {"metadata": event.metadata} if event.metadata else {}
    shown |= {"timestamp": instant(datetime.fromisoformat(event.at)), "hash": entry.hash}
    shown |= {} if entry.previous_hash == GENESIS else {"previousHash": entry.previous_hash}
    return shown | {"sequence": entry.sequence}


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """`firstInvalidId` is the number of the first entry that does not hold."""
    shown: dict[str, Any] = {"isValid": verdict.valid, "totalChecked": verdict.checked}
    if verdict.broken is not None:
        shown["firstInvalidId"] = verdict.broken
    return shown | {"message": verdict.reason or f"all {verdict.checked} entries hold"}


def _lines(export: Export) -> Iterator[str]:
    """A checkpoint, as many entries as fit, a checkpoint; `complete` tells whether the chain ends here."""
    yield start_line(export.start)
    end, room = export.start, EXPORTED_BYTES
    for entry in export.entries:
        line = entry_line(entry)
        room -= len(line) + line.count('"') + line.count("\\")
        if room < 0:
            break
        yield line
        end = Checkpoint(entry.sequence, entry.hash)
    yield end_line(end, complete=end.sequence >= export.head.sequence)


def _filter(parameters: Mapping[str, str]) -> AuditFilter:
    where = {}
    for name, (kind, refusal) in FILTERS.items():
        value = parameters.get(name)
        if value:
            if value not in tuple(kind):
                allowed = ", ".join(kind)
                raise refusal(f"{name} must be one of {allowed}", fields={name: f"one of {allowed}"})
            where[re.sub("([A-Z])", r"_\1", name).lower()] = value
    if parameters.get("resourceId"):
        where["resource_id"] = _resource_id(parameters["resourceId"])
    since, until = (
        date_parameter(parameters, "dateFrom", InvalidDate),
        date_parameter(parameters, "dateTo", InvalidDate),
    )
    if since and until and since > until:
        raise InvalidDateOrder("dateFrom must not be after dateTo", fields={"dateFrom": "after dateTo"})
    return AuditFilter(where, since, until)


def _resource_id(text: str) -> str:
    """A UUID; with a word before it where the thing belongs to an account. Raises `InvalidId`."""
    prefix = next((each for each in PREFIXES if text.startswith(each)), "")
    return prefix + identifier(text.removeprefix(prefix), "resourceId")


def _number(parameters: Mapping[str, str], name: str, default: int) -> int:
    text = parameters.get(name)
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,1000}", text):
        raise InvalidQuery(f"{name} must be an integer", fields={name: "must be an integer"})
    return int(text)


def _cursor(parameters: Mapping[str, str]) -> Cursor | None:
    text = parameters.get("cursor")
    if not text:
        return None
    try:
        cursor = Cursor.decode(text)
    except InvalidQuery:
        cursor = None
    if cursor is None or cursor.sort_by != SORT or not re.fullmatch(r"[0-9]{1,15}", cursor.value):
        raise InvalidAuditCursor("cursor is not one this list has given out", fields={"cursor": "invalid"})
    return cursor

"""Flows (FlowRunner spec a.3 #4–#8, a.4, g). Running them is in `runs`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from flowker.errors import Diagnostic, InvalidBody, InvalidSearch
from flowker.http.api_v1.requests import json_body, paging, text, texts
from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.http.problems import finding
from flowker.http.requests import DEFAULT_LIMIT, MOST_LIMIT
from flowker.model.flow import FlowHead, RevisionHead
from flowker.model.instant import rfc3339, whole_seconds
from flowker.usecases.flow_drafts import FlowDraft, MetadataPatch
from flowker.usecases.flow_search import FlowFilter
from flowker.usecases.flows import Written
from flowker.wiring import flows as wiring

router = routes()

MOST_FOUND = 1000
"""Flows that a search without pages finds."""
MOST_NUMBER = 10**9
"""Of a page, and of the flows on it."""


@router.get("/api/v1/flows")
def list_flows() -> Response[Any]:
    """List flows, newest first."""
    limit, offset = paging(router.current_event)
    tag = (router.current_event.query_string_parameters or {}).get("tag")
    return _listed(FlowFilter(tags=None if tag is None else (tag,)), limit, offset)


@router.post("/api/v1/flows")
def create_flow() -> Response[Any]:
    """Create a flow: from then on it can be run. What may be a mistake in its definition is in `warnings`."""
    draft = _draft(json_body(router.current_event), new=True)
    written = wiring.flows().create(principal().account_id, draft)
    return answer(_written(written), 201, {"Location": f"/api/v1/flows/{written.flow.id}"})


@router.post("/api/v1/flows/validate")
def validate_flow() -> Response[Any]:
    """Check a definition as if it were to be stored, and store nothing."""
    definition = text(json_body(router.current_event), "definition")
    proof = wiring.flows().validate(principal().account_id, definition)
    shown: dict[str, Any] = {
        "valid": True,
        "name": proof.document.name,
        "version": proof.document.version,
        "start": proof.document.start,
        "nodes": len(proof.document.nodes),
    }
    return answer({**shown, **_warned(proof.warnings)})


@router.post("/api/v1/flows/search")
def search_flows() -> Response[Any]:
    """Find flows for which all of the given conditions hold, newest first."""
    body = json_body(router.current_event, empty=True)
    size, page = _whole(body, "page_size", DEFAULT_LIMIT), _whole(body, "page", None)
    limit = MOST_FOUND if page is None else min(size or DEFAULT_LIMIT, MOST_LIMIT)
    wanted = FlowFilter(
        name_contains=text(body, "name_contains", required=False),
        description_contains=text(body, "description_contains", required=False),
        tags=texts(body, "tags"),
        category=text(body, "category", required=False),
        status=text(body, "status", required=False),
        created_after=_time(body, "created_after"),
        created_before=_time(body, "created_before"),
        updated_after=_time(body, "updated_after"),
        updated_before=_time(body, "updated_before"),
    )
    return _listed(wanted, limit, 0 if page is None else (page - 1) * limit)


@router.get("/api/v1/flows/<flow_id>")
def get_flow(flow_id: str) -> Response[Any]:
    """Get a flow with the text of its newest version."""
    flow = wiring.flows().get(principal().account_id, flow_id)
    return answer({**_document(flow), "definition": flow.definition})


@router.put("/api/v1/flows/<flow_id>")
def update_flow(flow_id: str) -> Response[Any]:
    """Change a flow: what is left out stays as it is. Another definition makes another version; what runs is not affected."""
    draft = _draft(json_body(router.current_event), new=False)
    return answer(_written(wiring.flows().update(principal().account_id, flow_id, draft)))


@router.delete("/api/v1/flows/<flow_id>")
def delete_flow(flow_id: str) -> Response[Any]:
    """Delete a flow with all its versions; its executions stay, and what runs goes on."""
    wiring.flows().delete(principal().account_id, flow_id)
    return answer({"message": "Flow deleted successfully"})


@router.patch("/api/v1/flows/<flow_id>/metadata")
def update_flow_metadata(flow_id: str) -> Response[Any]:
    """Change what no execution depends on. Tags are replaced, members of `custom` are merged, null clears."""
    patch = _patch(json_body(router.current_event))
    return answer(_document(wiring.flows().describe(principal().account_id, flow_id, patch)))


@router.get("/api/v1/flows/<flow_id>/versions")
def list_flow_versions(flow_id: str) -> Response[Any]:
    """List the versions of a flow, newest first."""
    limit, offset = paging(router.current_event)
    found, total = wiring.flows().versions(principal().account_id, flow_id, limit, offset)
    shown = [_revision(each) for each in found]
    return answer({"versions": shown, "total": total, "limit": limit, "offset": offset})


@router.get("/api/v1/flows/<flow_id>/versions/<version>")
def get_flow_version(flow_id: str, version: str) -> Response[Any]:
    """Get the text of a version, by its label (the newest with it) or by its number."""
    found = wiring.flows().version(principal().account_id, flow_id, unquote(version))
    return answer({**_revision(found), "definition": found.definition})


def _draft(body: Mapping[str, Any], *, new: bool) -> FlowDraft:
    return FlowDraft(
        name=text(body, "name", required=new),
        description=text(body, "description", required=False),
        definition=text(body, "definition", required=new),
        tags=texts(body, "tags"),
    )


def _patch(body: Mapping[str, Any]) -> MetadataPatch:
    clear = frozenset(name for name in ("tags", "category", "status", "custom") if body.get(name, "") is None)
    given = {name: value for name, value in body.items() if name not in clear}
    custom = given.get("custom")
    if custom is not None and not isinstance(custom, dict):
        raise InvalidBody("custom must be an object", fields={"custom": "must be an object"})
    return MetadataPatch(
        tags=texts(given, "tags"),
        category=text(given, "category", required=False),
        status=text(given, "status", required=False),
        custom=custom,
        clear=clear,
    )


def _time(body: Mapping[str, Any], name: str) -> datetime | None:
    given = text(body, name, required=False)
    found = None if given is None else rfc3339(given)
    if given is not None and found is None:
        raise _unacceptable(name, "must be an RFC 3339 time with a zone")
    return found


def _whole(body: Mapping[str, Any], name: str, default: int | None) -> int | None:
    value = body.get(name, default)
    if value is None and name not in body:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidBody(f"{name} must be an integer", fields={name: "must be an integer"})
    if not 1 <= value <= MOST_NUMBER:
        raise _unacceptable(name, f"must be from 1 to {MOST_NUMBER}")
    return value


def _unacceptable(name: str, wanted: str) -> InvalidSearch:
    return InvalidSearch(f"{name} {wanted}", fields={name: wanted})


def _listed(wanted: FlowFilter, limit: int, offset: int) -> Response[Any]:
    found, total = wiring.flows().list(principal().account_id, wanted, limit, offset)
    shown = [_document(each) for each in found]
    return answer({"flows": shown, "total": total, "limit": limit, "offset": offset})


def _written(written: Written) -> dict[str, Any]:
    return {**_document(written.flow), **_warned(written.warnings)}


def _warned(warnings: Sequence[Diagnostic]) -> dict[str, Any]:
    return {"warnings": [finding(each) for each in warnings]} if warnings else {}


def _revision(revision: RevisionHead) -> dict[str, Any]:
    return {
        "revision": revision.number,
        "version": revision.label,
        "created_at": whole_seconds(revision.created_at),
    }


def _document(flow: FlowHead) -> dict[str, Any]:
    """A flow without its text; metadata that it does not have are left out."""
    extra = {"category": flow.category, "status": flow.status, "custom": flow.custom or None}
    return {
        "id": flow.id,
        "name": flow.name,
        "description": flow.description,
        "version": flow.version,
        "created_at": whole_seconds(flow.created_at),
        "updated_at": whole_seconds(flow.updated_at),
        "tags": list(flow.tags),
        **{name: value for name, value in extra.items() if value is not None},
    }

"""Attempts to change something that failed belong into the audit trail, too (Flowker spec j.2 [R])."""

from typing import Any

from flowker import wiring
from flowker.errors import Unavailable
from flowker.http.routes import ROUTES
from flowker.model import exact_json
from flowker.model.audit import EventType
from flowker.model.identifier import canonical_uuid
from flowker.observability import logger

_WORKFLOW = "/v1/workflows/{workflow_id}"
_PROVIDER = "/v1/provider-configurations/{configuration_id}"
_EXECUTOR = "/v1/executors/{configuration_id}"

LONGEST = 200
"""Characters of a request line that are kept."""

CHANGES: dict[tuple[str, str], EventType] = {
    ("POST", "/v1/workflows"): EventType.WORKFLOW_CREATED,
    ("POST", "/v1/workflows/from-template"): EventType.WORKFLOW_CREATED,
    ("POST", f"{_WORKFLOW}/clone"): EventType.WORKFLOW_CREATED,
    ("PUT", _WORKFLOW): EventType.WORKFLOW_UPDATED,
    ("DELETE", _WORKFLOW): EventType.WORKFLOW_DELETED,
    ("POST", f"{_WORKFLOW}/activate"): EventType.WORKFLOW_ACTIVATED,
    ("POST", f"{_WORKFLOW}/deactivate"): EventType.WORKFLOW_DEACTIVATED,
    ("POST", f"{_WORKFLOW}/draft"): EventType.WORKFLOW_DRAFTED,
    ("POST", f"{_WORKFLOW}/executions"): EventType.EXECUTION_STARTED,
    ("POST", "/v1/executions/{execution_id}/cancel"): EventType.EXECUTION_CANCELLED,
    ("POST", "/v1/provider-configurations"): EventType.PROVIDER_CONFIG_CREATED,
    ("PATCH", _PROVIDER): EventType.PROVIDER_CONFIG_UPDATED,
    ("DELETE", _PROVIDER): EventType.PROVIDER_CONFIG_DELETED,
    ("POST", f"{_PROVIDER}/disable"): EventType.PROVIDER_CONFIG_UPDATED,
    ("POST", f"{_PROVIDER}/enable"): EventType.PROVIDER_CONFIG_UPDATED,
    ("POST", f"{_PROVIDER}/test"): EventType.PROVIDER_CONFIG_TESTED,
    ("POST", "/v1/executors"): EventType.EXECUTOR_CONFIG_CREATED,
    ("PATCH", _EXECUTOR): EventType.EXECUTOR_CONFIG_UPDATED,
    ("DELETE", _EXECUTOR): EventType.EXECUTOR_CONFIG_DELETED,
    ("POST", f"{_EXECUTOR}/configure"): EventType.EXECUTOR_CONFIG_UPDATED,
    ("POST", f"{_EXECUTOR}/test"): EventType.EXECUTOR_CONFIG_TESTED,
    ("POST", f"{_EXECUTOR}/activate"): EventType.EXECUTOR_CONFIG_UPDATED,
    ("POST", f"{_EXECUTOR}/disable"): EventType.EXECUTOR_CONFIG_UPDATED,
    ("POST", f"{_EXECUTOR}/enable"): EventType.EXECUTOR_CONFIG_UPDATED,
}
"""What each changing route would have caused; webhooks start executions by any method."""


def record_refusal(method: str, path: str, answer: dict[str, Any]) -> None:
    """Announce the failure of a changing request, with the code that was answered. The answer stands even if that cannot
    be stored: then it is logged."""
    if answer["statusCode"] < 400:
        return
    route = next((route for route in ROUTES if route.matches(path) and method in route.methods), None)
    if route is None:
        return
    webhook = route.function == "webhooks"
    kind = EventType.EXECUTION_STARTED if webhook else CHANGES.get((method, route.path))
    if kind is None:
        return
    code = exact_json.loads(answer["body"])["code"]
    metadata = {
        "error": code,
        "http.status": answer["statusCode"],
        "http.request": f"{method} {path}"[:LONGEST],
    }
    named = _id_in(route.path, path)
    about_execution = kind is EventType.EXECUTION_STARTED
    if named and about_execution:  # the execution never came to exist
        metadata["workflow.id"] = named
    try:
        wiring.audit_trail().refused(kind, None if about_execution else named, metadata)
    except Unavailable:
        logger().error("a refusal could not be recorded", extra={"event_type": kind, "error_code": code})


def _id_in(template: str, path: str) -> str | None:
    """The id that the path has where its template has `{…_id}`."""
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    return next((canonical_uuid(actual) for name, actual in pairs if name.endswith("_id}")), None)

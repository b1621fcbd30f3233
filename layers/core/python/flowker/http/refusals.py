"""Attempts to change something that failed belong into the audit trail, too (Flowker spec j.2 [R])."""

import re
from http import HTTPStatus
from typing import Any

from flowker import wiring
from flowker.errors import Unavailable
from flowker.http.problems import is_api_v1
from flowker.http.routes import ROUTES
from flowker.model import exact_json
from flowker.model.audit import EventType, actor
from flowker.model.identifier import canonical_uuid
from flowker.model.telemetry import Metric, measure
from flowker.observability import logger

_WORKFLOW = "/v1/workflows/{workflow_id}"
_PROVIDER = "/v1/provider-configurations/{configuration_id}"
_EXECUTOR = "/v1/executors/{configuration_id}"
_ACCOUNT = "/api/v1/accounts/{account_id}"
_FLOW = "/api/v1/flows/{flow_id}"
_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

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
    ("POST", "/api/v1/auth/login"): EventType.SESSION_CREATED,
    ("POST", "/api/v1/auth/refresh"): EventType.SESSION_UPDATED,
    ("POST", "/api/v1/auth/logout"): EventType.SESSION_DELETED,
    ("POST", "/api/v1/accounts"): EventType.ACCOUNT_CREATED,
    ("PUT", _ACCOUNT): EventType.ACCOUNT_UPDATED,
    ("DELETE", _ACCOUNT): EventType.ACCOUNT_DELETED,
    ("POST", f"{_ACCOUNT}/secrets"): EventType.SECRET_CREATED,
    ("PUT", f"{_ACCOUNT}/secrets/{{key}}"): EventType.SECRET_UPDATED,
    ("DELETE", f"{_ACCOUNT}/secrets/{{key}}"): EventType.SECRET_DELETED,
    ("POST", "/api/v1/flows"): EventType.FLOW_CREATED,
    ("PUT", _FLOW): EventType.FLOW_UPDATED,
    ("PATCH", f"{_FLOW}/metadata"): EventType.FLOW_UPDATED,
    ("DELETE", _FLOW): EventType.FLOW_DELETED,
    ("POST", f"{_FLOW}/run"): EventType.EXECUTION_STARTED,
    ("DELETE", "/api/v1/executions/{execution_id}"): EventType.EXECUTION_CANCELLED,
    ("POST", "/api/v1/executions/{execution_id}/signals/{key}"): EventType.EXECUTION_SIGNALLED,
}
"""What each changing route would have caused; webhooks start executions by any method."""


def record_refusal(method: str, path: str, answer: dict[str, Any]) -> None:
    """Announce the failure of a changing request, with the code that was answered. The answer stands even if that cannot
    be stored: then it is logged."""
    status = answer["statusCode"]
    if status < 400:
        return
    route = next((route for route in ROUTES if route.matches(path) and method in route.methods), None)
    if route is None or (route.public and status != HTTPStatus.UNAUTHORIZED):
        return  # strangers must not fill the trail; how often they can fail to log in is limited
    webhook = route.function == "webhooks"
    kind = EventType.EXECUTION_STARTED if webhook else CHANGES.get((method, route.path))
    if kind is None:
        return
    body = exact_json.loads(answer["body"])
    code = body["error"]["code"] if is_api_v1(path) else body["code"]
    metadata = {
        "error": code,
        "http.status": status,
        "http.request": f"{method} {path}"[:LONGEST],
    }
    named = _id_in(route.path, path)
    about_execution = kind is EventType.EXECUTION_STARTED
    if named and about_execution:  # the execution never came to exist
        metadata["flow.id" if is_api_v1(path) else "workflow.id"] = named
    try:
        wiring.audit_trail().refused(kind, None if about_execution else named, metadata)
    except Unavailable:
        measure(Metric.REFUSALS_LOST)
        logger().error("a refusal could not be recorded", extra={"event_type": kind, "error_code": code})


def _id_in(template: str, path: str) -> str | None:
    """The id that the path has where its template has `{…_id}`."""
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    named = next((actual for name, actual in pairs if name.endswith("_id}")), None)
    if named is None or not is_api_v1(path):
        return canonical_uuid(named or "")
    return actor().id if named == "me" else named if _ID.fullmatch(named) else None

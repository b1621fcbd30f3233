"""The one place that knows HTTP statuses: errors to responses, in the envelope of each face (Flowker spec a.1, FlowRunner
spec a.2)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import errors
from flowker.errors import FlowkerError
from flowker.model import exact_json
from flowker.model.audit import actor
from flowker.observability import logger

STATUSES: dict[type[FlowkerError], HTTPStatus] = {
    errors.BadRequest: HTTPStatus.BAD_REQUEST,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.InjectedTimeout: HTTPStatus.GATEWAY_TIMEOUT,
}
"""By family: a code's class inherits its status."""

TITLES = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Payload Too Large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Unprocessable Entity",
}
"""Reason phrases that Python spells differently from one version to the next."""


def status_of(error: FlowkerError) -> HTTPStatus:
    """The status of an error's family; 500 for one without."""
    families = (STATUSES[base] for base in type(error).__mro__ if base in STATUSES)
    return next(families, HTTPStatus.INTERNAL_SERVER_ERROR)


def title_of(status: HTTPStatus) -> str:
    """The reason phrase, as the API spells it."""
    return TITLES.get(status, status.phrase)


API_V1: Mapping[type[FlowkerError], tuple[HTTPStatus, str]] = {
    errors.BadRequest: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    errors.TooLarge: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    errors.Unauthorized: (HTTPStatus.UNAUTHORIZED, "unauthorized"),
    errors.Forbidden: (HTTPStatus.FORBIDDEN, "forbidden"),
    errors.NotFound: (HTTPStatus.NOT_FOUND, "not_found"),
    errors.MethodNotAllowed: (HTTPStatus.NOT_FOUND, "not_found"),
    errors.Conflict: (HTTPStatus.CONFLICT, "conflict"),
    errors.Unprocessable: (HTTPStatus.UNPROCESSABLE_ENTITY, "validation_error"),
    errors.TooMany: (HTTPStatus.TOO_MANY_REQUESTS, "rate_limited"),
    errors.Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
    errors.InjectedTimeout: (HTTPStatus.GATEWAY_TIMEOUT, "internal_error"),
    FlowkerError: (HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error"),
}
"""What `/api/v1` answers, by family."""


def is_api_v1(path: str) -> bool:
    """Whether a request is for the face with accounts and flows."""
    return path.startswith("/api/v1/") or path == "/api/v1"


def api_v1_answer(error: FlowkerError) -> tuple[HTTPStatus, str]:
    """Status and code on `/api/v1`."""
    return next(API_V1[base] for base in type(error).__mro__ if base in API_V1)


def problem(error: FlowkerError, path: str) -> Response[Any]:
    """The envelope of the face that the path is of; what is our fault is logged as well."""
    if status_of(error) is HTTPStatus.INTERNAL_SERVER_ERROR:
        logger().error("failure", extra={"error_code": error.code}, exc_info=error)
    return _answer(error, path)


def unexpected(error: Exception, path: str) -> Response[Any]:
    """What nobody foresaw: logged whole, answered without detail."""
    logger().exception("unexpected failure", exc_info=error)
    return _answer(FlowkerError("an unexpected failure occurred"), path)


def _answer(error: FlowkerError, path: str) -> Response[Any]:
    status, body = _api_v1(error) if is_api_v1(path) else _v1(error)
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unavailable | errors.TooMany):
        headers["Retry-After"] = str(error.retry_after)
    if status is HTTPStatus.UNAUTHORIZED and is_api_v1(path):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status, "application/json", exact_json.dumps(body), headers)


def _v1(error: FlowkerError) -> tuple[HTTPStatus, dict[str, Any]]:
    """`{code, title, message, fields?}`."""
    status = status_of(error)
    body: dict[str, Any] = {
        "code": error.code,
        "title": title_of(status),
        "message": error.message,
    }
    if error.fields:
        body["fields"] = error.fields
    return status, body


def _api_v1(error: FlowkerError) -> tuple[HTTPStatus, dict[str, Any]]:
    """`{error: {code, message, details?, request_id}}`."""
    status, code = api_v1_answer(error)
    body: dict[str, Any] = {"code": code, "message": error.message}
    details = _details(error)
    if details:
        body["details"] = details
    return status, {"error": body | {"request_id": actor().request_id}}


def finding(found: errors.Diagnostic) -> dict[str, Any]:
    """A problem of a definition, or a warning, as `/api/v1` shows it."""
    place = {"line": found.line, "column": found.column}
    told = {name: number for name, number in place.items() if number is not None}
    return {"field": found.pointer, "code": found.code, "reason": found.message, **told}


def _details(error: FlowkerError) -> dict[str, Any]:
    """The first thing that is wrong, and all of them where there are several or their places are known (decision D-04)."""
    found: list[dict[str, Any]] = [
        {"field": name, "code": error.code, "reason": reason} for name, reason in error.fields.items()
    ]
    found += [finding(each) for each in error.diagnostics]
    if not found:
        return {}
    details: dict[str, Any] = {"field": found[0]["field"], "reason": found[0]["reason"]}
    return details | {"errors": found} if len(found) > 1 or error.diagnostics else details

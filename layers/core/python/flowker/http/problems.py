"""The one place that knows HTTP statuses: errors to responses in the envelope of `/v1` (Flowker spec a.1)."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker import errors
from flowker.errors import FlowkerError
from flowker.model import exact_json
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


def problem(error: FlowkerError) -> Response[Any]:
    """`{code, title, message, fields?}`; what is our fault is logged as well."""
    if status_of(error) is HTTPStatus.INTERNAL_SERVER_ERROR:
        logger().error("failure", extra={"error_code": error.code}, exc_info=error)
    return _answer(error)


def _answer(error: FlowkerError) -> Response[Any]:
    status = status_of(error)
    body: dict[str, Any] = {
        "code": error.code,
        "title": title_of(status),
        "message": error.message,
    }
    if error.fields:
        body["fields"] = error.fields
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, errors.Unavailable) else {}
    return Response(status, "application/json", exact_json.dumps(body), headers)


def unexpected(error: Exception) -> Response[Any]:
    """What nobody foresaw: logged whole, answered without detail."""
    logger().exception("unexpected failure", exc_info=error)
    return _answer(FlowkerError("an unexpected failure occurred"))

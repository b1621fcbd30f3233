"""What routes of `/api/v1` read from a request (FlowRunner spec a.1).

What is missing or of the wrong type is refused here, with 400; what has a value that cannot be accepted is refused by the use
case, with 422 (decision D-05).
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, TypeVar, overload

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from flowker.errors import InvalidBody, InvalidQuery
from flowker.http.requests import DEFAULT_LIMIT, MOST_LIMIT, json_object

JsonObject = dict[str, Any]
Words = TypeVar("Words", bound=StrEnum)


def json_body(event: APIGatewayProxyEventV2, *, empty: bool = False) -> JsonObject:
    """The body as a JSON object of at most 1 MiB; with `empty`, no body means `{}`. Unknown members are to be ignored. Raises
    `InvalidBody`, `ExecutionBodyTooLarge`."""
    return json_object(event, empty=empty)


@overload
def text(body: Mapping[str, Any], name: str) -> str: ...
@overload
def text(body: Mapping[str, Any], name: str, *, required: Literal[True]) -> str: ...
@overload
def text(body: Mapping[str, Any], name: str, *, required: bool) -> str | None: ...


def text(body: Mapping[str, Any], name: str, *, required: bool = True) -> str | None:
    """A member that is a string; None if it is not there and need not be. Raises `InvalidBody`."""
    if name not in body:
        if required:
            raise InvalidBody(f"{name} is required", fields={name: "required"})
        return None
    value = body[name]
    if not isinstance(value, str):
        raise InvalidBody(f"{name} must be a string", fields={name: "must be a string"})
    return value


def texts(body: Mapping[str, Any], name: str) -> list[str] | None:
    """A member that is an array of strings; None if it is not there. Raises `InvalidBody`."""
    value = body.get(name)
    if name not in body:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InvalidBody(f"{name} must be an array of strings", fields={name: "must be an array of strings"})
    return value


def paging(event: APIGatewayProxyEventV2) -> tuple[int, int]:
    """`limit`, at most 100, and `offset`, as they are also shown in the answer (decision D-02). Raises `InvalidQuery`."""
    given = event.query_string_parameters or {}
    limit = _whole(given, "limit", least=1, default=DEFAULT_LIMIT)
    return min(limit, MOST_LIMIT), _whole(given, "offset", least=0, default=0)


def _whole(given: Mapping[str, str], name: str, *, least: int, default: int) -> int:
    if name not in given:
        return default
    found = re.fullmatch("-?[0-9]{1,18}", given[name])
    if found is None or int(found[0]) < least:
        raise InvalidQuery(
            f"{name} must be an integer from {least} on", fields={name: f"an integer, at least {least}"}
        )
    return int(found[0])


def one_of(event: APIGatewayProxyEventV2, name: str, allowed: type[Words]) -> Words | None:
    """A query parameter that has one of the values of an enumeration; None if it is not there. Raises `InvalidQuery`."""
    given = (event.query_string_parameters or {}).get(name)
    if given is None:
        return None
    if given not in [str(each) for each in allowed]:
        words = ", ".join(str(each) for each in allowed)
        raise InvalidQuery(f"{name} must be one of {words}", fields={name: f"one of {words}"})
    return allowed(given)

"""What routes read from a request: identifiers, JSON bodies, list parameters, preferences (Flowker spec a.1)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from flowker import errors
from flowker.errors import FlowkerError, InvalidBody, InvalidId, InvalidQuery, InvalidSortOrder
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.identifier import canonical_uuid
from flowker.model.instant import rfc3339
from flowker.model.page import Cursor, PageQuery

MOST_BYTES = 1_048_576
"""Largest body of any route, exactly 1 MiB."""
MOST_DEPTH = 100
"""Arrays and objects inside each other in a body. Whatever is accepted must also survive being stored and shown."""
MOST_WAIT = 25.0
"""Seconds that `Prefer: wait` may ask for; an API gateway gives up at 29."""

DEFAULT_LIMIT, MOST_LIMIT = 10, 100
"""Items of a page."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def identifier(text: str, field: str) -> str:
    """A UUID in canonical form, from canonical or 32-digit text. Raises `InvalidId`."""
    found = canonical_uuid(text)
    if found is None:
        raise InvalidId(f"{field} is not a UUID", fields={field: "must be a UUID"})
    return found


def header(event: APIGatewayProxyEventV2, name: str) -> str | None:
    """A header's value, whatever the letter case of its name."""
    return event.headers.get(name.lower())


def check_size(
    event: APIGatewayProxyEventV2, error: type[FlowkerError] = errors.ExecutionBodyTooLarge
) -> None:
    """Raises the error for a body of more than 1 MiB."""
    body = event.raw_event.get("body") or ""
    size = len(body) // 4 * 3 - body.count("=", -2) if event.is_base64_encoded else len(body.encode())
    if size > MOST_BYTES:
        raise error("the body is larger than 1 MiB")


def json_object(event: APIGatewayProxyEventV2, *, empty: bool = False) -> dict[str, Any]:
    """The body as a JSON object; with `empty`, no body means `{}`. Raises `InvalidBody`, `ExecutionBodyTooLarge`."""
    check_size(event)
    try:
        text = event.decoded_body or ""
    except (ValueError, UnicodeDecodeError):
        raise InvalidBody("the body is not UTF-8 text") from None
    if not text.strip():
        if empty:
            return {}
        raise InvalidBody("the body is empty; send a JSON object")
    media_type = (header(event, "content-type") or "application/json").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise InvalidBody(
            "send the body as application/json", fields={"Content-Type": "must be application/json"}
        )
    try:
        value = exact_json.loads(text)
    except ValueError as error:
        raise InvalidBody(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InvalidBody("the body must be a JSON object")
    if exact_json.levels(value) > MOST_DEPTH:
        raise InvalidBody(f"the body is nested more than {MOST_DEPTH} levels deep")
    if _SURROGATE.search(text) and not _is_unicode(value):
        raise InvalidBody("the body contains half of a surrogate pair, which is not a character")
    return value


def _is_unicode(value: Json) -> bool:
    try:
        exact_json.readable(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def wait_preference(event: APIGatewayProxyEventV2) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240), at most 25; 0 without the preference or with one that makes no sense."""
    found = re.search(
        r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]+)\"?\s*(?:$|[,;])", header(event, "prefer") or "", re.IGNORECASE
    )
    return min(float(found[1]), MOST_WAIT) if found else 0.0


@dataclass(frozen=True, slots=True)
class ListRules:
    """What a list accepts. `strict` lists refuse bad limits and sort fields, others fall back to the defaults."""

    sorts: Sequence[str]
    filters: Mapping[str, Sequence[str] | None]
    """Query parameter to the values it may have, None for free text."""
    strict_sort: bool = False
    limit_type_error: bool = False
    limit_range_error: type[FlowkerError] | None = None
    cursor_alone: bool = False


def page_query(parameters: Mapping[str, str], rules: ListRules) -> PageQuery:
    """The list parameters. Raises `InvalidQuery`, `InvalidPageLimit`, `InvalidSortOrder` as the list's rules say."""
    limit = _limit(parameters.get("limit"), rules)
    where = {}
    for name, values in rules.filters.items():
        value = parameters.get(name)
        if value:
            if values is not None and value not in values:
                allowed = ", ".join(values)
                raise InvalidQuery(f"{name} must be one of {allowed}", fields={name: f"one of {allowed}"})
            where[re.sub("([A-Z])", r"_\1", name).lower()] = [value]
    sort_by, ascending = _sort(parameters, rules)
    cursor = _cursor(parameters, rules)
    if cursor is not None:
        if cursor.sort_by not in rules.sorts:
            raise InvalidQuery("cursor is not one this list has given out", fields={"cursor": "invalid"})
        _no_contradiction(parameters, cursor, sort_by, ascending, rules)
        sort_by, ascending = cursor.sort_by, cursor.ascending
    return PageQuery(limit=limit, sort_by=sort_by, ascending=ascending, cursor=cursor, where=where)


def _limit(text: str | None, rules: ListRules) -> int:
    if text is None or text == "":
        return DEFAULT_LIMIT
    number = re.fullmatch(r"([+-]?)([0-9]+)", text)
    if number is None:
        if rules.limit_type_error:
            raise InvalidQuery("limit must be an integer", fields={"limit": "must be an integer"})
        return DEFAULT_LIMIT
    limit = int(number[1] + (number[2].lstrip("0") or "0")[:9])  # more digits make no difference
    if not 1 <= limit <= MOST_LIMIT:
        if rules.limit_range_error is not None:
            wanted = f"from 1 to {MOST_LIMIT}"
            raise rules.limit_range_error(f"limit must be {wanted}", fields={"limit": wanted})
        return MOST_LIMIT if limit > MOST_LIMIT else DEFAULT_LIMIT
    return limit


def _sort(parameters: Mapping[str, str], rules: ListRules) -> tuple[str, bool]:
    order = (parameters.get("sortOrder") or "DESC").lower()
    if order not in ("asc", "desc"):
        raise InvalidSortOrder("sortOrder must be ASC or DESC", fields={"sortOrder": "ASC or DESC"})
    sort_by = parameters.get("sortBy") or rules.sorts[0]
    if sort_by not in rules.sorts:
        if rules.strict_sort:
            allowed = ", ".join(rules.sorts)
            raise InvalidQuery(f"sortBy must be one of {allowed}", fields={"sortBy": f"one of {allowed}"})
        sort_by = rules.sorts[0]
    return sort_by, order == "asc"


def _cursor(parameters: Mapping[str, str], rules: ListRules) -> Cursor | None:
    text = parameters.get("cursor")
    if not text:
        return None
    if rules.cursor_alone and (parameters.get("sortBy") or parameters.get("sortOrder")):
        raise InvalidQuery(
            "a cursor carries its sort; send it alone", fields={"cursor": "not beside sortBy, sortOrder"}
        )
    return Cursor.decode(text)


def _no_contradiction(
    parameters: Mapping[str, str], cursor: Cursor, sort_by: str, ascending: bool, rules: ListRules
) -> None:
    differs = (parameters.get("sortBy") and sort_by != cursor.sort_by) or (
        parameters.get("sortOrder") and ascending != cursor.ascending
    )
    if differs:
        raise InvalidQuery(
            "the cursor was given out for another sort", fields={"cursor": "contradicts the sort"}
        )


def date_parameter(parameters: Mapping[str, str], name: str, refusal: type[FlowkerError]) -> datetime | None:
    """A date and time with its zone; None where there is none. Raises the refusal for anything else."""
    text = parameters.get(name)
    if not text:
        return None
    date = rfc3339(text)
    if date is None:
        message = f"{name} must be an RFC 3339 date and time with a zone"
        raise refusal(message, fields={name: "RFC 3339, such as 2026-03-01T10:00:00Z"})
    return date

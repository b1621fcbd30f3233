"""What an operation's entry consists of, and the words it is written in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowker import errors
from flowker.catalog.entries import STRING, UUID, Schema, integer, one_of, record, text
from flowker.errors import FlowkerError
from flowker.http.requests import MOST_WAIT, ListRules

Parameter = Mapping[str, Any]
"""A parameter object of OpenAPI that is not in the path."""

INSTANT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    "description": "UTC with milliseconds.",
}
"""Instants as Flowker writes them."""
NAME_IN_PATH: Schema = text(1)
COUNT: Schema = {"type": "integer", "minimum": 0}

Refusals = Sequence[type[FlowkerError]]
UNREADABLE: Refusals = (errors.InvalidBody, errors.ExecutionBodyTooLarge)
"""What reading a JSON body can be refused with."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response: what it means, and its body by media type; without one it is empty."""

    description: str
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route accepts and answers. Its id, summary, tag and path parameters come from the route itself.

    `refusals` are the errors that are its own; those of every route are added by `document.py`. `name` is the
    schema of the parameters in its path, but of those in `names`. `stored` tells that it asks the store, which may be
    unavailable.
    """

    answers: Mapping[int, Answer]
    refusals: Refusals = ()
    parameters: Sequence[Parameter] = ()
    body: Schema | None = None
    body_required: bool = True
    name: Schema = field(default_factory=lambda: UUID)
    names: Mapping[str, Schema] = field(default_factory=dict)
    stored: bool = True


Operations = Mapping[tuple[str, str], Operation]
"""By method and path, both as in `http/routes.py`."""
Schemas = Mapping[str, Schema]
"""Components by name."""


def ref(name: str) -> Schema:
    """The component of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def described(schema: Schema, description: str) -> Schema:
    """The same schema, with a sentence for people."""
    return {**schema, "description": description}


def json_body(description: str, schema: Schema, headers: Mapping[str, Any] | None = None) -> Answer:
    """An answer with a JSON document."""
    return Answer(description, {"application/json": schema}, headers or {})


NO_CONTENT = Answer("Done; the body is empty.")


def page(items: Schema) -> Schema:
    """The envelope of a list (Flowker spec a.1)."""
    return record(
        {
            "items": {"type": "array", "items": items},
            "nextCursor": described(STRING, "Ask for the next page with it; empty on the last page."),
            "hasMore": {"type": "boolean"},
        },
        required=["items", "nextCursor", "hasMore"],
    )


def query(name: str, schema: Schema, description: str) -> Parameter:
    """An optional query parameter."""
    return {"name": name, "in": "query", "description": description, "schema": schema}


def header(name: str, schema: Schema, description: str, *, required: bool = False) -> Parameter:
    """A request header."""
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": schema,
    }


def list_parameters(rules: ListRules) -> list[Parameter]:
    """What a list accepts, from the very rules that it reads requests by."""
    first, *_ = rules.sorts
    return [
        query("limit", integer(1, 100, default=10), "Items of a page."),
        query("cursor", text(1), "`nextCursor` of the page before; it carries its sort."),
        query("sortBy", one_of(*rules.sorts, default=first), "The field that the items are sorted by."),
        query("sortOrder", one_of("ASC", "DESC", default="DESC"), "In any letter case."),
        *(
            query(name, one_of(*values) if values else text(1), f"Only items with this {name}.")
            for name, values in rules.filters.items()
        ),
    ]


def list_refusals(rules: ListRules) -> Refusals:
    """The errors of the parameters of such a list."""
    limit = [] if rules.limit_range_error is None else [rules.limit_range_error]
    return [errors.InvalidQuery, errors.InvalidSortOrder, *limit]


PREFER = header(
    "Prefer",
    {"type": "string", "examples": ["wait=10"]},
    f"`wait=N` (RFC 7240) answers once the execution has ended, after N ≤ {MOST_WAIT:.0f} seconds at the latest.",
)
PREFERENCE_APPLIED: Mapping[str, Any] = {
    "Preference-Applied": {"description": "The preference that was honoured.", "schema": STRING}
}

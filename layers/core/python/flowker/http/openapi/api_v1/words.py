"""The words that entries of `/api/v1` have in common beside those of `openapi/operation.py`."""

from collections.abc import Mapping, Sequence

from flowker import errors
from flowker.catalog.entries import STRING, Schema, array, integer, record
from flowker.http.openapi.operation import COUNT, Answer, Parameter, Refusals, described, json_body, query

SECONDS: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
    "description": "UTC, whole seconds.",
}
"""Points in time of what does not change often; those of runs are `operation.INSTANT`."""

PAGING: Sequence[Parameter] = (
    query("limit", integer(1, default=10), "Items of a page; more than 100 are as good as 100."),
    query(
        "offset",
        {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": 0},
        "Items to leave out.",
    ),
)
LIST: Refusals = (errors.InvalidQuery,)
"""What lists can be refused with."""


def id_of(prefix: str) -> Schema:
    """An id that starts so."""
    return {"type": "string", "pattern": f"^{prefix}[0-9a-f-]{{36}}$"}


def page(name: str, items: Schema) -> Schema:
    """A page of a list, which is under this name."""
    properties: Mapping[str, Schema] = {
        name: array(items),
        "total": described(COUNT, "How many there are on all pages."),
        "limit": described(integer(1, 100), "The one that was used."),
        "offset": COUNT,
    }
    return record(properties, required=list(properties))


def message(text: str) -> Answer:
    """An answer that says that something is done, in these words."""
    return json_body("Done.", record({"message": {"const": text}}, required=["message"]))


LOCATION: Mapping[str, Mapping[str, object]] = {
    "Location": {"description": "Where it is.", "required": True, "schema": STRING}
}

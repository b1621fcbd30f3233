"""How errors are described: by status, with the codes that an operation can answer under it (Flowker spec a.1, b)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flowker.catalog.entries import STRING, integer, record
from flowker.errors import FlowkerError, StoreUnavailable, Unauthorized, Unavailable
from flowker.http.openapi.operation import Refusals, Schemas, described, ref
from flowker.http.problems import status_of, title_of

_SHARED: Mapping[type[FlowkerError], str] = {
    Unauthorized: "Unauthorized",
    StoreUnavailable: "Unavailable",
    FlowkerError: "UnexpectedFailure",
}
"""What many operations can be refused with, and the name of that response."""

REQUEST_ID = {
    "description": "The request's own `X-Request-ID`, or one made for it; log lines and audit events carry it.",
    "required": True,
    "schema": STRING,
}
HEADERS = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
"""Of every response."""
RETRY_AFTER = {"description": "Seconds.", "required": True, "schema": integer(1)}

SCHEMAS: Schemas = {
    "Problem": record(
        {
            "code": described(STRING, "What happened, for programs."),
            "title": described(STRING, "The reason phrase of the status."),
            "message": described(STRING, "What happened, for people."),
            "fields": {
                "type": "object",
                "additionalProperties": STRING,
                "description": "What is wrong with what, by name, where it can be named.",
            },
        },
        required=["code", "title", "message"],
        examples=[
            {
                "code": "FLK-0110",
                "title": "Bad Request",
                "message": "name is required",
                "fields": {"name": "required"},
            }
        ],
    )
}


def meaning(error: type[FlowkerError]) -> str:
    """The first paragraph of its docstring, on one line."""
    if error is FlowkerError:
        return "An unexpected failure; it has been logged."
    return " ".join((vars(error)["__doc__"] or "").split("\n\n")[0].split())


def problems(refusals: Iterable[type[FlowkerError]]) -> dict[str, Any]:
    """The responses for these errors, by status."""
    by_status: dict[HTTPStatus, dict[str, type[FlowkerError]]] = {}
    for error in sorted({*refusals}, key=lambda error: (error.code, error.__name__)):
        by_status.setdefault(status_of(error("")), {})[error.code] = error
    return {str(int(status)): _response(list(found.values())) for status, found in sorted(by_status.items())}


def shared() -> dict[str, Any]:
    """The components that `problems` refers to."""
    return {name: _problem([error]) for error, name in _SHARED.items()}


def _response(found: Refusals) -> dict[str, Any]:
    name = _SHARED.get(found[0]) if len(found) == 1 else None
    return {"$ref": f"#/components/responses/{name}"} if name else _problem(found)


def _problem(found: Refusals) -> dict[str, Any]:
    """Errors of one status, one for each code."""
    schema = {
        **ref("Problem"),
        "properties": {
            "code": {"enum": [error.code for error in found]},
            "title": {"const": title_of(status_of(found[0]("")))},
        },
    }
    headers = {**HEADERS, **({"Retry-After": RETRY_AFTER} if issubclass(found[0], Unavailable) else {})}
    return {
        "description": "\n".join(f"- `{error.code}` {meaning(error)}" for error in found),
        "headers": headers,
        "content": {"application/json": {"schema": schema}},
    }

"""How errors are described: by status, with the codes that an operation can answer under it, in the envelope of the face
(Flowker spec a.1, b; FlowRunner spec a.2)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flowker.catalog.entries import STRING, Schema, array, integer, one_of, record
from flowker.errors import (
    FlowkerError,
    Forbidden,
    StoreUnavailable,
    TokenRefused,
    TooMany,
    Unauthorized,
    Unavailable,
)
from flowker.http.openapi.operation import Refusals, Schemas, described, ref
from flowker.http.problems import API_V1 as FAMILIES
from flowker.http.problems import api_v1_answer, status_of, title_of

REQUEST_ID = {
    "description": "The request's own `X-Request-ID`, or one made for it; log lines and audit events carry it.",
    "required": True,
    "schema": STRING,
}
HEADERS = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
"""Of every response."""
RETRY_AFTER = {"description": "Seconds.", "required": True, "schema": integer(1)}
CHALLENGE = {"description": "`Bearer`.", "required": True, "schema": {"const": "Bearer"}}


def meaning(error: type[FlowkerError]) -> str:
    """The first paragraph of its docstring, on one line."""
    if error is FlowkerError:
        return "An unexpected failure; it has been logged."
    return " ".join((vars(error)["__doc__"] or "").split("\n\n")[0].split())


Describe = Callable[[Refusals], tuple[str, Schema]]


@dataclass(frozen=True, slots=True)
class Envelope:
    """How a face answers errors. `strangers` are what every operation that is not public can be refused with; `shared` names
    the responses of errors that many operations have alone under their status."""

    status: Callable[[FlowkerError], HTTPStatus]
    describe: Describe
    strangers: Refusals
    shared_names: Mapping[type[FlowkerError], str]
    schemas: Schemas
    challenge: bool = False

    def problems(self, refusals: Iterable[type[FlowkerError]]) -> dict[str, Any]:
        """The responses for these errors, by status."""
        by_status: dict[HTTPStatus, dict[str, type[FlowkerError]]] = {}
        for error in sorted({*refusals}, key=lambda error: (error.code, error.__name__)):
            by_status.setdefault(self.status(error("")), {})[error.code] = error
        return {
            str(int(status)): self._response(list(found.values()))
            for status, found in sorted(by_status.items())
        }

    def shared(self) -> dict[str, Any]:
        """The components that `problems` refers to."""
        return {name: self._problem([error]) for error, name in self.shared_names.items()}

    def _response(self, found: Refusals) -> dict[str, Any]:
        name = self.shared_names.get(found[0]) if len(found) == 1 else None
        return {"$ref": f"#/components/responses/{name}"} if name else self._problem(found)

    def _problem(self, found: Refusals) -> dict[str, Any]:
        """Errors of one status."""
        description, schema = self.describe(found)
        headers: dict[str, Any] = dict(HEADERS)
        if issubclass(found[0], Unavailable | TooMany):
            headers["Retry-After"] = RETRY_AFTER
        if self.challenge and issubclass(found[0], Unauthorized):
            headers["WWW-Authenticate"] = CHALLENGE
        return {
            "description": description,
            "headers": headers,
            "content": {"application/json": {"schema": schema}},
        }


def _with_codes(found: Refusals) -> tuple[str, Schema]:
    schema = {
        **ref("Problem"),
        "properties": {
            "code": {"enum": [error.code for error in found]},
            "title": {"const": title_of(status_of(found[0]("")))},
        },
    }
    return "\n".join(f"- `{error.code}` {meaning(error)}" for error in found), schema


V1 = Envelope(
    status_of,
    _with_codes,
    strangers=(Unauthorized, Forbidden),
    shared_names={
        Unauthorized: "Unauthorized",
        Forbidden: "Forbidden",
        StoreUnavailable: "Unavailable",
        FlowkerError: "UnexpectedFailure",
    },
    schemas={
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
    },
)


def _with_meanings(found: Refusals) -> tuple[str, Schema]:
    _, code = api_v1_answer(found[0](""))
    schema = {**ref("Error"), "properties": {"error": {"properties": {"code": {"const": code}}}}}
    return "\n".join(f"- {meaning(error)}" for error in found), schema


_EXAMPLE = {
    "code": "invalid_request",
    "message": "name is required",
    "details": {"field": "name", "reason": "required"},
    "request_id": "0b9b9d5e-5c5d-4d8e-a3f5-0f2a5a1c7d11",
}
API_V1 = Envelope(
    lambda error: api_v1_answer(error)[0],
    _with_meanings,
    strangers=(TokenRefused,),
    shared_names={
        TokenRefused: "Unauthorized",
        StoreUnavailable: "Unavailable",
        FlowkerError: "UnexpectedFailure",
    },
    schemas={
        "Error": record(
            {
                "error": record(
                    {
                        "code": described(
                            one_of(*dict.fromkeys(code for _, code in FAMILIES.values())),
                            "What happened, for programs.",
                        ),
                        "message": described(STRING, "What happened, for people."),
                        "details": ref("ErrorDetails"),
                        "request_id": STRING,
                    },
                    required=["code", "message", "request_id"],
                    examples=[_EXAMPLE],
                )
            },
            required=["error"],
        ),
        "ErrorDetails": record(
            {
                "field": described(STRING, "The first thing that is wrong, by its name or its path."),
                "reason": STRING,
                "errors": described(array(ref("ErrorDetail")), "All that is wrong, where it is more."),
            },
            required=["field", "reason"],
        ),
        "ErrorDetail": record(
            {
                "field": STRING,
                "code": STRING,
                "reason": STRING,
                "line": described(integer(1), "Of the text of a flow."),
                "column": integer(1),
            },
            required=["field", "code", "reason"],
        ),
    },
    challenge=True,
)

"""The OpenAPI documents, one for each face, put together from the routes, their functions and what the modules of the nouns
say."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from flowker.errors import FlowkerError, StoreUnavailable
from flowker.http.openapi import (
    api_docs,
    audit_events,
    catalog,
    dashboards,
    executions,
    executors,
    health,
    provider_configurations,
    responses,
    webhooks,
    workflows,
)
from flowker.http.openapi.api_v1 import accounts, auth, flows, runs, secrets, sockets
from flowker.http.openapi.operation import Answer, Operation, Operations, Schemas
from flowker.http.routes import ROUTES, Route
from flowker.settings import product_version

_ABOUT = """\
Orchestrates financial validation workflows: define them as graphs, activate them, start them by API or webhook, and follow \
every step. The API is compatible with Flowker.

- Send your key as `X-API-Key`. Errors have one shape, `Problem`; decide by its `code`.
- Lists answer `nextCursor` for the next page until `hasMore` is false.
- A body is a JSON object of at most 1 MiB; unknown fields are ignored. Numbers keep all their digits.
- A deployment whose fault injection is switched on also answers 504 `FLK-0800` and 503 `FLK-0801` when a request asks for it.
- Instead of a key, the token of an admin of `/api/v1` will do; other accounts are refused with 403 `FORBIDDEN`.
"""
_ABOUT_API_V1 = """\
Runs flows: write them as YAML, run them, and follow every node, live if you like. The API is compatible with FlowRunner.

- Log in, and send the token as `Authorization: Bearer`. It is valid for a day; refresh it before it expires.
- Errors have one shape, `Error`; decide by its `error.code`. Where it can be said what is wrong, `details` names the first
  thing, and `details.errors` all of them.
- Lists have `limit` (10, at most 100) and `offset`, and tell the `total`.
- A body is a JSON object of at most 1 MiB; unknown members are ignored.
- What belongs to another account is as unknown as what does not exist.
"""


@dataclass(frozen=True, slots=True)
class Face:
    """What makes a document: routes whose `Route.face` is `name`, and the modules that describe them."""

    name: str
    title: str
    about: str
    nouns: Sequence[ModuleType]
    envelope: responses.Envelope
    schemes: Mapping[str, Any]

    @property
    def routes(self) -> Sequence[Route]:
        return [route for route in ROUTES if route.face == self.name]

    @property
    def operations(self) -> Operations:
        return {key: operation for noun in self.nouns for key, operation in noun.OPERATIONS.items()}

    @property
    def schemas(self) -> Schemas:
        own = {name: schema for noun in self.nouns for name, schema in noun.SCHEMAS.items()}
        return {**own, **self.envelope.schemas}


_BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
V1 = Face(
    "v1",
    "Flowker API",
    _ABOUT,
    (
        workflows,
        executions,
        webhooks,
        executors,
        provider_configurations,
        catalog,
        dashboards,
        audit_events,
        health,
        api_docs,
    ),
    responses.V1,
    {"apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}, "bearer": _BEARER},
)
API_V1 = Face(
    "api_v1",
    "Flowker API for accounts and flows",
    _ABOUT_API_V1,
    (auth, accounts, secrets, flows, runs, sockets),
    responses.API_V1,
    {"bearer": _BEARER},
)


def document(face: Face = V1) -> dict[str, Any]:
    """All operations of a face, and with those of `/v1` the public ones; a new value each time."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": face.title,
            "version": product_version(),
            "description": face.about,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{scheme: []} for scheme in face.schemes],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(route) for route in face.routes)],
        "paths": _paths(face),
        "components": {
            "schemas": dict(face.schemas),
            "responses": face.envelope.shared(),
            "headers": {"RequestId": responses.REQUEST_ID},
            "securitySchemes": dict(face.schemes),
        },
    }


def path_of(route: Route) -> str:
    """The path as the document writes it, without a mark for what takes several segments."""
    return re.sub(r"\{(\w+)\+?\}", lambda found: f"{{{_parameter(route, found[1])}}}", route.path)


def _parameter(route: Route, name: str) -> str:
    """`workflowId` on `/v1`, `account_id` on `/api/v1`: each as all its other names are."""
    return name if route.face == "api_v1" else _camel(name)


def _paths(face: Face) -> dict[str, Any]:
    served = {route: _functions(route) for route in face.routes}
    uses = Counter(function for functions in served.values() for function in functions.values())
    operations = face.operations
    paths: dict[str, Any] = {}
    for route, functions in served.items():
        for method, function in functions.items():
            several = method.capitalize() if uses[function] > 1 else ""
            paths.setdefault(path_of(route), {})[method.lower()] = {
                "operationId": _camel(function.__name__) + several,
                **_operation(operations[method, route.path], route, function, face),
            }
    return paths


def _functions(route: Route) -> Mapping[str, Callable[..., Any]]:
    """What serves the route, by method. Powertools tells it only together with a document of its own, which costs more
    than all of this one; so the router is asked."""
    router = import_module(route.module).router
    rule = re.sub(r"\{(\w+)\}", r"<\1>", re.sub(r"\{\w+\+\}", ".+", route.path))
    registered = {
        (method, rule): function
        for (rule, methods, *_), function in router._routes.items()
        for method in methods
    }
    return {method: registered[method, rule] for method in route.methods}


def _operation(
    operation: Operation, route: Route, function: Callable[..., Any], face: Face
) -> dict[str, Any]:
    refusals = {*operation.refusals, FlowkerError}
    refusals |= {*(() if route.public else face.envelope.strangers)}
    refusals |= {*((StoreUnavailable,) if operation.stored else ())}
    summary, _, description = (function.__doc__ or "").partition("\n\n")
    described: dict[str, Any] = {"summary": " ".join(summary.split()).rstrip("."), "tags": [_tag(route)]}
    if description:
        described["description"] = " ".join(description.split())
    if route.public:
        described["security"] = []
    parameters = [*_in_path(route, operation), *operation.parameters]
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": operation.body}},
        }
    successes = {str(status): _answer(answer) for status, answer in operation.answers.items()}
    return {**described, "responses": {**successes, **face.envelope.problems(refusals)}}


def _in_path(route: Route, operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": _parameter(route, name),
            "in": "path",
            "required": True,
            "schema": operation.names.get(name, operation.name),
        }
        for name in re.findall(r"\{(\w+)\+?\}", route.path)
    ]


def _answer(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "description": answer.description,
        "headers": {**responses.HEADERS, **answer.headers},
    }
    if answer.content:
        shown["content"] = {kind: {"schema": schema} for kind, schema in answer.content.items()}
    return shown


def _tag(route: Route) -> str:
    return (route.noun or route.function).replace("_", " ").capitalize()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)

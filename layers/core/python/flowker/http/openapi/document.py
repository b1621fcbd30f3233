"""The OpenAPI 3.1 document, put together from the routes, their functions and what the modules of the nouns say."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from flowker.errors import FlowkerError, StoreUnavailable, Unauthorized
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
from flowker.http.openapi.operation import Answer, Operation, Operations, Schemas
from flowker.http.routes import PUBLIC, ROUTES, Route
from flowker.settings import product_version

_NOUNS = (
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
)

OPERATIONS: Operations = {key: operation for noun in _NOUNS for key, operation in noun.OPERATIONS.items()}
SCHEMAS: Schemas = {name: schema for part in (*_NOUNS, responses) for name, schema in part.SCHEMAS.items()}

_ABOUT = """\
Orchestrates financial validation workflows: define them as graphs, activate them, start them by API or webhook, and follow \
every step. The API is compatible with Flowker.

- Send your key as `X-API-Key`. Errors have one shape, `Problem`; decide by its `code`.
- Lists answer `nextCursor` for the next page until `hasMore` is false.
- A body is a JSON object of at most 1 MiB; unknown fields are ignored. Numbers keep all their digits.
- A deployment whose fault injection is switched on also answers 504 `FLK-0800` and 503 `FLK-0801` when a request asks for it.
"""


def document() -> dict[str, Any]:
    """All operations of `/v1` and the public ones; a new value each time."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flowker API",
            "version": product_version(),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(route) for route in ROUTES)],
        "paths": _paths(),
        "components": {
            "schemas": dict(SCHEMAS),
            "responses": responses.shared(),
            "headers": {"RequestId": responses.REQUEST_ID},
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        },
    }


def path_of(route: Route) -> str:
    """The path as the document writes it: `{workflowId}`, and no mark for what takes several segments."""
    return re.sub(r"\{(\w+)\+?\}", lambda found: f"{{{_camel(found[1])}}}", route.path)


def _paths() -> dict[str, Any]:
    served = {route: _functions(route) for route in ROUTES}
    uses = Counter(function for functions in served.values() for function in functions.values())
    paths: dict[str, Any] = {}
    for route, functions in served.items():
        for method, function in functions.items():
            several = method.capitalize() if uses[function] > 1 else ""
            operation = OPERATIONS[method, route.path]
            paths.setdefault(path_of(route), {})[method.lower()] = {
                "operationId": _camel(function.__name__) + several,
                **_operation(operation, route, function),
            }
    return paths


def _functions(route: Route) -> Mapping[str, Callable[..., Any]]:
    """What serves the route, by method. Powertools tells it only together with a document of its own, which costs more
    than all of this one; so the router is asked."""
    router = import_module(f"flowker.http.v1.{route.function}").router
    rule = re.sub(r"\{(\w+)\}", r"<\1>", re.sub(r"\{\w+\+\}", ".+", route.path))
    registered = {
        (method, rule): function
        for (rule, methods, *_), function in router._routes.items()
        for method in methods
    }
    return {method: registered[method, rule] for method in route.methods}


def _operation(operation: Operation, route: Route, function: Callable[..., Any]) -> dict[str, Any]:
    public = route.function in PUBLIC
    refusals = {*operation.refusals, FlowkerError}
    refusals |= {*(() if public else (Unauthorized,)), *((StoreUnavailable,) if operation.stored else ())}
    summary, _, description = (function.__doc__ or "").partition("\n\n")
    described: dict[str, Any] = {"summary": " ".join(summary.split()).rstrip("."), "tags": [_tag(route)]}
    if description:
        described["description"] = description
    if public:
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
    return {**described, "responses": {**successes, **responses.problems(refusals)}}


def _in_path(route: Route, operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": _camel(name), "in": "path", "required": True, "schema": operation.name}
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
    return route.function.replace("_", " ").capitalize()


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)

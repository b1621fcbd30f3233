"""The frame around the routes of one function: faults on request, preflight, authentication, routing, audit of refusals, and
one shape for every answer, that of the face that the path is of (Flowker spec a.1, FlowRunner spec a)."""

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from flowker import wiring
from flowker.errors import FlowkerError, MethodNotAllowed, UnknownRoute
from flowker.http import cors
from flowker.http.arrival import as_called
from flowker.http.authentication import ANONYMOUS, identified
from flowker.http.faults import inject
from flowker.http.problems import problem, unexpected
from flowker.http.refusals import record_refusal
from flowker.http.routes import methods_of
from flowker.model import exact_json
from flowker.model.audit import Actor, ActorType, acting, actor
from flowker.model.exact_json import Json
from flowker.model.telemetry import Metric, measure
from flowker.observability import observed

Event = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Event, object], Answer]

_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def routes() -> APIGatewayHttpRouter:
    """An empty set of routes for one noun."""
    return APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def application(*routers: Router, public: bool | Collection[str] = False) -> Handler:
    """A Lambda handler for API Gateway HTTP API events (payload 2.0). Nobody has to say who they are for what is `public`:
    all routes, or those with these paths."""
    app: APIGatewayHttpResolver = APIGatewayHttpResolver()
    for router in routers:
        app.include_router(router)

    @app.not_found
    def no_route(_: Exception) -> Response[Any]:
        return _no_route(app.current_event.http_method, app.current_event.path)

    app.exception_handler(FlowkerError)(lambda error: problem(error, app.current_event.path))
    app.exception_handler(Exception)(lambda error: unexpected(error, app.current_event.path))

    def resolve(event: Event, context: object) -> Answer:
        headers, path = event.get("headers") or {}, event["rawPath"]
        inject(headers, wiring.home().settings)
        open_to_all = public if isinstance(public, bool) else path in public
        with nullcontext() if open_to_all else identified(headers, path, actor()):
            answer: Answer = app.resolve(event, context)  # type: ignore[arg-type]
            record_refusal(event["requestContext"]["http"]["method"], path, answer)
            return answer

    return lambda event, context: _framed(resolve, event, context)


def _framed(resolve: Handler, event: Event, context: object) -> Answer:
    """What the routes answer, or why they were not asked, with the headers of every answer."""
    settings = wiring.home().settings
    event = as_called(event, settings)
    request = event["requestContext"]
    headers, path = event.get("headers") or {}, event["rawPath"]
    request_id = _request_id(headers, request["requestId"])
    if cors.is_preflight(request["http"]["method"], headers):
        granted = cors.preflight_headers(headers.get("origin"), settings)
        return _plain(Response(204, headers={**granted, "X-Request-ID": request_id}))
    caller = Actor(ActorType.USER, ANONYMOUS, request["http"]["sourceIp"], request_id)
    with observed(settings, correlation_id=request_id), acting(caller):
        try:
            answer = resolve(event, context)
        except FlowkerError as error:
            answer = _plain(problem(error, path))
        except Exception as error:  # this is the edge: what the frame itself did not foresee is answered, too
            answer = _plain(unexpected(error, path))
        measure(Metric.UNAVAILABLE, answer["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE)
    added = {**cors.headers_for(headers.get("origin"), settings), "X-Request-ID": request_id}
    return answer | {"headers": _joined(answer.get("headers") or {}, added)}


def _no_route(method: str, path: str) -> Response[Any]:
    allowed = methods_of(path)
    if not allowed or method in allowed:
        return problem(UnknownRoute(f"there is no {method} {path}"), path)
    refusal = problem(MethodNotAllowed(f"{method} is not allowed here"), path)
    refusal.headers["Allow"] = ", ".join(sorted(allowed))
    return refusal


def _joined(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Both; only `Vary` may be in both, and is then a list."""
    both = {**headers, **added}
    if "Vary" in headers and "Vary" in added:
        both["Vary"] = f"{headers['Vary']}, {added['Vary']}"
    return both


def _request_id(headers: Mapping[str, str], own: str) -> str:
    """The caller's name for the request, if it is one that can be logged and sent back."""
    sent = headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else own


def _plain(response: Response[Any]) -> Answer:
    content = {"Content-Type": "application/json"} if response.body else {}
    headers = {**content, **{name: str(value) for name, value in response.headers.items()}}
    return {
        "statusCode": int(response.status_code),
        "headers": headers,
        "body": response.body or "",
        "isBase64Encoded": False,
        "cookies": [],
    }


def answer(document: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[Any]:
    """A JSON response; numbers are written exactly as they were stored."""
    return Response(status, "application/json", exact_json.dumps(document), dict(headers or {}))


def nothing() -> Response[Any]:
    """204 without a body."""
    return Response(204, "application/json", "")

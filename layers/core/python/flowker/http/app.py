"""The frame around the routes of one function: faults on request, preflight, authentication, routing, audit of refusals, and
one shape for every answer (Flowker spec a.1)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from flowker import wiring
from flowker.errors import FlowkerError, MethodNotAllowed, UnknownRoute
from flowker.http import cors
from flowker.http.authentication import actor_of
from flowker.http.faults import inject
from flowker.http.problems import problem, unexpected
from flowker.http.refusals import record_refusal
from flowker.http.routes import methods_of
from flowker.model import exact_json
from flowker.model.audit import acting
from flowker.model.exact_json import Json

Event = dict[str, Any]
Answer = dict[str, Any]
Handler = Callable[[Event, object], Answer]

_REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


def routes() -> APIGatewayHttpRouter:
    """An empty set of routes for one noun."""
    return APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def application(router: Router, *, public: bool = False) -> Handler:
    """A Lambda handler for API Gateway HTTP API events (payload 2.0). `public` routes need no API key."""
    app: APIGatewayHttpResolver = APIGatewayHttpResolver()
    app.include_router(router)

    @app.not_found
    def no_route(_: Exception) -> Response[Any]:
        method, path = app.current_event.http_method, app.current_event.path
        allowed = methods_of(path)
        if allowed and method not in allowed:
            refusal = problem(MethodNotAllowed(f"{method} is not allowed here"))
            refusal.headers["Allow"] = ", ".join(sorted(allowed))
            return refusal
        return problem(UnknownRoute(f"there is no {method} {path}"))

    app.exception_handler(FlowkerError)(problem)
    app.exception_handler(Exception)(unexpected)

    def handle(event: Event, context: object) -> Answer:
        settings = wiring.home().settings
        headers = event.get("headers") or {}
        request = event["requestContext"]
        method, path = request["http"]["method"], event["rawPath"]
        request_id = _request_id(headers, request["requestId"])
        if cors.is_preflight(method, headers):
            granted = cors.preflight_headers(headers.get("origin"), settings)
            return _plain(Response(204, headers={**granted, "X-Request-ID": request_id}))
        try:
            inject(headers, settings)
            if public:
                answer = app.resolve(event, context)  # type: ignore[arg-type]
            else:
                actor = actor_of(headers, request["http"]["sourceIp"], request_id, settings)
                with acting(actor):
                    answer = app.resolve(event, context)  # type: ignore[arg-type]
                    record_refusal(method, path, answer)
        except FlowkerError as error:
            answer = _plain(problem(error))
        except Exception as error:  # this is the edge: what the frame itself did not foresee is answered, too
            answer = _plain(unexpected(error))
        added = {**cors.headers_for(headers.get("origin"), settings), "X-Request-ID": request_id}
        return answer | {"headers": _joined(answer.get("headers") or {}, added)}

    return handle


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

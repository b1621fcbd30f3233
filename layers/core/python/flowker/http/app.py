"""The frame around the routes of one function: authentication first, then routing, and one shape for every answer."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from flowker import wiring
from flowker.errors import FlowkerError, MethodNotAllowed, UnknownRoute
from flowker.http.authentication import key_id
from flowker.http.problems import problem, unexpected
from flowker.http.routes import methods_of
from flowker.model import exact_json
from flowker.model.exact_json import Json

Event = dict[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]


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

    def handle(event: Event, context: object) -> dict[str, Any]:
        if not public:
            try:
                key_id(event.get("headers") or {}, wiring.home().settings)
            except FlowkerError as error:
                return _plain(problem(error))
        return app.resolve(event, context)  # type: ignore[arg-type]

    return handle


def _plain(response: Response[Any]) -> dict[str, Any]:
    headers = {
        "Content-Type": "application/json",
        **{name: str(value) for name, value in response.headers.items()},
    }
    return {
        "statusCode": int(response.status_code),
        "headers": headers,
        "body": response.body,
        "isBase64Encoded": False,
        "cookies": [],
    }


def answer(document: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response[Any]:
    """A JSON response; numbers are written exactly as they were stored."""
    return Response(status, "application/json", exact_json.dumps(document), dict(headers or {}))


def nothing() -> Response[Any]:
    """204 without a body."""
    return Response(204, "application/json", "")

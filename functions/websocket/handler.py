"""API Gateway WebSocket API, and the route of the HTTP API that issues tickets for it."""

from typing import Any

from flowker.events.websocket import handle
from flowker.http.api_v1.sockets import router
from flowker.http.app import application

issue = application(router)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Events of HTTP APIs have a path, those of WebSocket APIs have none."""
    return issue(event, context) if "rawPath" in event else handle(event, context)

"""Executions started by an HTTP request to a registered path (Flowker spec, section i)."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from flowker.errors import WebhookRouteNotFound, WebhookTokenInvalid
from flowker.model.graph import Graph, Node
from flowker.model.workflow import Launch, WebhookRoute
from flowker.nodes.trigger import trigger_type
from flowker.ports import WorkflowStore
from flowker.usecases.executions import Executions, Started, fingerprint_of

WEBHOOK = "webhook"
"""The trigger's type."""
HIDDEN_HEADERS = frozenset(
    {
        "authorization", "x-api-key", "x-webhook-token", "cookie", "proxy-authorization",
        "x-forwarded-authorization", "x-amz-security-token", "x-original-authorization",
    }
)  # fmt: skip
"""Headers of a delivery that never become visible to a workflow."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to a webhook path. `path` as received, without a leading slash; header names in any letter case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    remote_ip: str
    data: Mapping[str, Any]
    token: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Webhooks:
    workflows: WorkflowStore
    executions: Executions

    def find(self, method: str, path: str, token: str | None) -> WebhookRoute:
        """The route of an active workflow, if the token fits. Raises `WebhookRouteNotFound`, `WebhookTokenInvalid`."""
        route = self.workflows.route(method.upper(), normalised(unquote(path)))
        if route is None:
            raise WebhookRouteNotFound("no active workflow has registered this webhook")
        if route.token_digest is not None and not hmac.compare_digest(
            token_digest(token or ""), route.token_digest
        ):
            raise WebhookTokenInvalid("X-Webhook-Token is missing or wrong")
        return route

    def deliver(self, route: WebhookRoute, delivery: Delivery) -> Started:
        """Start the route's workflow with the body as input and the request's metadata in `_webhook`.

        Raises `IdempotencyKeyReused`."""
        headers = {
            _canonical(name): value
            for name, value in delivery.headers.items()
            if name.lower() not in HIDDEN_HEADERS
        }
        metadata = {
            "method": delivery.method.upper(),
            "path": delivery.path,
            "headers": headers,
            "query": dict(delivery.query),
            "remote_ip": delivery.remote_ip,
        }
        data = {**delivery.data, "_webhook": metadata}
        fingerprint = fingerprint_of(route.launch.workflow_id, data)
        return self.executions.launch(route.launch, data, delivery.key, fingerprint)


def normalised(path: str) -> str:
    """One leading slash, no trailing ones; the root is the empty text."""
    return (path if path.startswith("/") else f"/{path}").rstrip("/")


def token_digest(token: str) -> str:
    """Tokens are kept as digests: comparing two of them takes the same time whatever they hold."""
    return sha256(token.encode()).hexdigest()


def declared(node: Node) -> tuple[str, str] | None:
    """Method and normalised path that a trigger node asks for, or None where it registers nothing."""
    method, path = node.settings.get("method"), node.settings.get("path")
    if trigger_type(node) != WEBHOOK or not method or not path:
        return None
    return str(method).upper(), normalised(unquote(str(path)))


def routes_of(graph: Graph, launches: Mapping[str, Launch]) -> list[WebhookRoute]:
    """The routes that activating a graph registers, given how each trigger launches."""
    routes = []
    for node in graph.nodes:
        wanted = declared(node)
        if wanted is not None:
            token = node.settings.get("verify_token")
            digest = token_digest(token) if isinstance(token, str) and token else None
            method, path = wanted
            routes.append(
                WebhookRoute(method=method, path=path, token_digest=digest, launch=launches[node.id])
            )
    return routes


def _canonical(name: str) -> str:
    return re.sub(r"[^-]+", lambda part: part[0].capitalize(), name)

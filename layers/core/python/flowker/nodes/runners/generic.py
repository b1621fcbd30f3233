"""The call that fits every service which speaks HTTP (Flowker spec d.6 "Generic call building")."""

from collections.abc import Mapping
from typing import Any

from flowker.model.outbound import OutboundRequest, idempotency
from flowker.nodes.runners.authentication import Auth, chosen_auth
from flowker.nodes.runners.base import Call, encoded, merged_headers, unbuildable
from flowker.nodes.runners.settings import timeout
from flowker.nodes.runners.urls import joined


def base_url(call: Call) -> str:
    """Where the paths of the call begin; empty where nothing says so."""
    own = call.endpoint.base_url if call.endpoint else None
    return str(own or call.config.get("base_url") or "")


def generic_url(call: Call) -> str:
    """Base URL and the node's `path`, else its endpoint's, else `endpointName`, else the base URL itself."""
    base = base_url(call)
    if not base:
        raise unbuildable("url is required")
    path = call.data.get("path")
    if not isinstance(path, str):
        path = call.endpoint.path if call.endpoint else call.data.get("endpointName")
    return joined(base, path) if isinstance(path, str) and path else base


def generic_request(
    call: Call, auth: Auth | None, *, url: str | None = None, static: Mapping[str, Any] | None = None
) -> OutboundRequest:
    """`auth` is the provider's; of `static`, headers and query texts are added, and `auth` wins."""
    static = static or {}
    method = call.data.get("method") or (call.endpoint.method if call.endpoint else None) or "POST"
    method = str(method).upper()
    query = static.get("query")
    return OutboundRequest(
        method=method,
        url=generic_url(call) if url is None else url,
        headers=merged_headers(
            idempotency(method, call.idempotency_key), call.config.get("headers"), static.get("headers")
        ),
        query={name: value for name, value in query.items() if isinstance(value, str)}
        if isinstance(query, Mapping)
        else {},
        body=encoded(call.body),
        auth=chosen_auth(static.get("auth"), call.endpoint.auth if call.endpoint else None, auth),
        timeout=timeout(call.data, call.endpoint, call.config),
    )

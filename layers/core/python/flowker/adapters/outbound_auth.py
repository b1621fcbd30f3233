"""How a call identifies itself to a provider: none, api_key, bearer, basic (Flowker spec h), in every spelling."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowker.model.outbound import CallFailed, OutboundRequest


def authenticate(request: OutboundRequest) -> OutboundRequest:
    """The request with the header or query parameter that `auth` asks for, and without `auth`.

    Raises `CallFailed` with `failed to create auth provider: …` for an unknown type or a missing field.
    """
    auth = request.auth or {}
    kind = auth.get("type") or "none"
    config = auth.get("config") or {}
    if not isinstance(config, Mapping):
        raise _impossible("config is not an object")
    match kind:
        case "none":
            return replace(request, auth=None)
        case "api_key":
            return _with_api_key(request, config)
        case "bearer":
            return _with_header(request, "Authorization", f"Bearer {_required(config, 'token')}")
        case "basic":
            pair = f"{_required(config, 'username')}:{_required(config, 'password')}"
            return _with_header(request, "Authorization", f"Basic {b64encode(pair.encode()).decode()}")
        case _:
            raise _impossible(f'authentication type "{kind}" is not supported')


def _with_api_key(request: OutboundRequest, config: Mapping[str, Any]) -> OutboundRequest:
    """Two spellings: `{value: secret, key: name}`; `{key: secret, header | header_name | query_param_name: name}`."""
    if _text(config, "value"):
        secret, name = _required(config, "value"), _text(config, "key")
    else:
        secret, name = _required(config, "key"), None
    secret = (_text(config, "prefix") or "") + secret
    match _text(config, "location") or "header":
        case "header":
            name = name or _text(config, "header") or _text(config, "header_name") or "X-API-Key"
            return _with_header(request, name, secret)
        case "query":
            name = name or _text(config, "query_param_name") or "api_key"
            return replace(request, auth=None, query={**request.query, name: secret})
        case _:
            raise _impossible("location must be header or query")


def _with_header(request: OutboundRequest, name: str, value: str) -> OutboundRequest:
    others = {key: kept for key, kept in request.headers.items() if key.lower() != name.lower()}
    return replace(request, auth=None, headers={**others, name: value})


def _required(config: Mapping[str, Any], name: str) -> str:
    value = _text(config, name)
    if value is None:
        raise _impossible(f"{name} is required")
    return value


def _text(config: Mapping[str, Any], name: str) -> str | None:
    value = config.get(name)
    return value if isinstance(value, str) and value else None


def _impossible(reason: str) -> CallFailed:
    return CallFailed(f"failed to create auth provider: {reason}")

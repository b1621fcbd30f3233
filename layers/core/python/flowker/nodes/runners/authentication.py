"""As whom a call is made: `{type, config, cache?}` from what users configured (Flowker spec d.6, h)."""

from collections.abc import Mapping
from typing import Any

from flowker.model import authentication as spelt
from flowker.nodes.base import CallFailure

Auth = Mapping[str, Any]

SIGNATURE = "aws_sigv4"
"""Made by runners only: who could ask for it would borrow the identity that the process itself has."""

_FOR_USERS = frozenset({"none", "api_key", "bearer", "basic", "oidc_client_credentials", "oidc_user"})
_RENAMED = {"api_key": "key", "bearer_token": "token"}
_FLAT = (
    "key", "value", "prefix", "header", "header_name", "location", "query_param_name", "token",
    "username", "password", "scopes", "audience",
    *spelt.ISSUER_URL, *spelt.TOKEN_URL, *spelt.CLIENT_ID, *spelt.CLIENT_SECRET,
    *spelt.CLIENT_AUTHENTICATION, *spelt.EXTRA_PARAMETERS,
)  # fmt: skip
"""What may stand beside `auth_type`, under the very name that it has in an `auth` block."""


def provider_auth(config: Mapping[str, Any]) -> Auth | None:
    """The `auth` block of a provider configuration, or the flat keys beside its `auth_type`; None for neither."""
    if config.get("auth"):
        return _block(config["auth"])
    kind = config.get("auth_type")
    if not kind or kind == "none":
        return None
    fields = {name: config[name] for name in _FLAT if config.get(name) is not None}
    fields |= {name: config[flat] for flat, name in _RENAMED.items() if config.get(flat) is not None}
    return _block({"type": kind, "config": fields} | _cache(config))


def chosen_auth(node: object, endpoint: Auth | None, provider: Auth | None) -> Auth | None:
    """The node's own, else that of its executor configuration unless it is `none`, else the provider's.

    Raises `CallFailure` for a type that users cannot choose.
    """
    if node:
        return _block(node)
    if endpoint and endpoint.get("type") not in (None, "", "none"):
        return _block(endpoint)
    return provider


def oidc_auth(block: object) -> Auth | None:
    """Client credentials from a block that holds their fields themselves, as the provider midaz has it."""
    if not block:
        return None
    if not isinstance(block, Mapping):
        raise _impossible("auth is not an object")
    fields = {name: value for name, value in block.items() if name != "cache"}
    return {"type": "oidc_client_credentials", "config": fields} | _cache(block)


def _block(auth: object) -> Auth:
    if not isinstance(auth, Mapping):
        raise _impossible("auth is not an object")
    kind = auth.get("type") or "none"
    if not isinstance(kind, str) or kind not in _FOR_USERS:
        raise _impossible(f'authentication type "{kind}" is not supported')
    return dict(auth)


def _cache(source: Mapping[str, Any]) -> dict[str, Any]:
    return {"cache": source["cache"]} if source.get("cache") is not None else {}


def _impossible(reason: str) -> CallFailure:
    return CallFailure(f"executor error: failed to create auth provider: {reason}")

"""From an executor node and its provider configuration to one HTTP call (Flowker spec d.6 "Generic call building", g.5)."""

import posixpath
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from flowker.expressions.paths import Path
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import OutboundRequest
from flowker.model.provider import ProviderConfiguration
from flowker.nodes.base import Context, Failure

NOT_STATIC = frozenset(
    {
        "executorId", "providerConfigId", "executorConfigId", "endpointName", "inputMapping", "outputMapping",
        "transforms", "method", "path", "timeout",
    }
)  # fmt: skip
"""Keys of an executor node's data that are not part of its static configuration (Flowker spec c.1)."""

SUCCESS = frozenset({200, 201, 202, 204})
DEFAULT_TIMEOUT = 30.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TEMPLATE = re.compile(r"\$\{([^}]*)\}")


def static_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of the node's data for the executor itself."""
    return {key: value for key, value in data.items() if key not in NOT_STATIC}


def success_codes(data: Mapping[str, Any]) -> frozenset[int]:
    """Statuses that count as success."""
    codes = data.get("success_status_codes") if data.get("executorId") == "http" else None
    return frozenset(codes) if codes else SUCCESS


def template_roots(data: Mapping[str, Any]) -> frozenset[str]:
    """The top-level context names that `${path}` in the url of an `http` executor refers to."""
    url = data.get("url") if data.get("executorId") == "http" else None
    return (
        frozenset(_path(text).root for text in _TEMPLATE.findall(url))
        if isinstance(url, str)
        else frozenset()
    )


def build_call(
    data: Mapping[str, Any], provider: ProviderConfiguration, context: Context, body: Json, key: str
) -> OutboundRequest:
    """The call of one attempt; `key` is the step's idempotency key. Raises `Failure` where there is no way to build one."""
    build = _BUILDERS.get(provider.provider_id)
    if build is None:
        executor = data.get("executorId")
        raise Failure(f'no runner registered for executor "{executor}": FLK-0220', code="FLK-0220")
    static = static_config(data) if data.get("executorId") == "http" else {}
    method = str(data.get("method") or "POST").upper()
    headers = {} if method in _SAFE_METHODS else {"Idempotency-Key": key}
    return OutboundRequest(
        method=method,
        url=_url(data, provider.config, static, context),
        headers=_merge_headers(headers, provider.config.get("headers"), static.get("headers")),
        query={
            name: str(value) for name, value in (static.get("query") or {}).items() if isinstance(value, str)
        },
        body=_encode(body),
        auth=static.get("auth") or build(provider.config),
        timeout=_timeout(data, provider.config),
    )


def _tracer_auth(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return {"type": "api_key", "config": {"key": config.get("api_key")}}


def _http_auth(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The `auth` block, or the flat keys beside `auth_type`."""
    if config.get("auth"):
        return dict(config["auth"])
    if not config.get("auth_type"):
        return None
    flat = {"key": config.get("api_key"), "token": config.get("bearer_token")}
    names = ("username", "password", "token_url", "client_id", "client_secret", "scopes")
    flat |= {name: config.get(name) for name in names}
    return {
        "type": config["auth_type"],
        "config": {key: value for key, value in flat.items() if value is not None},
    }


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any] | None]] = {
    "http": _http_auth,
    "tracer": _tracer_auth,
}
"""How each provider authenticates. Providers without an entry have no runner."""


def _url(
    data: Mapping[str, Any], config: Mapping[str, Any], static: Mapping[str, Any], context: Context
) -> str:
    base = str(config.get("base_url") or "")
    url = static.get("url")
    if isinstance(url, str) and url:
        return _own_url(base, _TEMPLATE.sub(lambda found: _fill(found[1], context), url))
    path = data.get("path")
    if not isinstance(path, str):
        path = data.get("endpointName")
    if not base:
        raise Failure("failed to build runner input: url is required")
    return _join(base, path) if isinstance(path, str) and path else base


def _own_url(base: str, url: str) -> str:
    """A url in the node: relative to the provider's, or absolute on the same origin."""
    if not urlsplit(url).scheme:
        if not base:
            raise Failure("failed to build runner input: url is required")
        return _join(base, url)
    if base and urlsplit(base)[:2] != urlsplit(url)[:2]:
        raise Failure("failed to build runner input: url leaves the origin of the provider configuration")
    return url


def _join(base: str, path: str) -> str:
    """Exactly one slash between, dot segments resolved, never above the root."""
    parts = urlsplit(base)
    extra = urlsplit(path if path.startswith("/") else f"/{path}")
    joined = posixpath.normpath(f"/{parts.path}/{extra.path}").replace("//", "/")
    if extra.path.endswith("/") and not joined.endswith("/"):
        joined += "/"
    return urlunsplit((parts.scheme, parts.netloc, joined, extra.query or parts.query, ""))


def _fill(text: str, context: Context) -> str:
    try:
        value = _path(text).resolve(context)
    except EvaluationError as error:
        raise Failure(f"failed to build runner input: {error}") from error
    return quote(value if isinstance(value, str) else exact_json.dumps(value), safe="")


def _path(text: str) -> Path:
    try:
        return Path.parse(text.strip())
    except ExpressionSyntaxError as error:
        raise Failure(f"failed to build runner input: {error}") from error


def _merge_headers(*sources: object) -> dict[str, str]:
    """Later ones win, whatever their letter case; only texts count."""
    merged: dict[str, tuple[str, str]] = {}
    for source in sources:
        if isinstance(source, Mapping):
            merged |= {
                name.lower(): (name, value) for name, value in source.items() if isinstance(value, str)
            }
    return dict(merged.values())


def _encode(body: Json) -> bytes | None:
    if body is None:
        return None
    return body.encode() if isinstance(body, str) else exact_json.dumps(body).encode()


def _timeout(data: Mapping[str, Any], config: Mapping[str, Any]) -> float:
    """Seconds: the node's own, else the provider's, else 30."""
    candidates = (
        declared_timeout(data),
        _positive(config.get("timeout_seconds")),
        _positive(config.get("timeout_ms")) / 1000,
    )
    return next((seconds for seconds in candidates if seconds > 0), DEFAULT_TIMEOUT)


def declared_timeout(data: Mapping[str, Any]) -> float:
    """Seconds that an executor node itself allows for a call, 0 where it leaves that to its provider."""
    own = _positive(data.get("timeout"))
    return own or (_positive(data.get("timeout_seconds")) if data.get("executorId") == "http" else 0.0)


def _positive(value: object) -> float:
    """A number as seconds, 0 for anything else."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return float(value) if is_number else 0.0  # type: ignore[arg-type]

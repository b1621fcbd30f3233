"""Cross-origin requests from web pages, where the settings name their origins (Flowker spec a.1)."""

from collections.abc import Mapping

from flowker.settings import Settings

METHODS = "GET,POST,PUT,PATCH,DELETE,OPTIONS"
ALLOWED = (
    "Origin,Content-Type,Accept,Authorization,X-Request-ID,X-API-Key,Idempotency-Key,X-Webhook-Token,Prefer"
)
EXPOSED = "X-Webhook-Workflow-ID,X-Webhook-Execution-ID,X-Request-ID,Preference-Applied,Retry-After"
MAX_AGE = "3600"


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks for permission."""
    return method == "OPTIONS" and "access-control-request-method" in headers


def headers_for(origin: str | None, settings: Settings) -> dict[str, str]:
    """What lets a page of this origin read the answer; nothing where it may not."""
    if not settings.cors_origins:
        return {}
    if "*" in settings.cors_origins:
        return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": EXPOSED}
    if origin not in settings.cors_origins:
        return {"Vary": "Origin"}
    return {
        "Access-Control-Allow-Origin": str(origin),
        "Access-Control-Expose-Headers": EXPOSED,
        "Vary": "Origin",
    }


def preflight_headers(origin: str | None, settings: Settings) -> dict[str, str]:
    """The answer to a preflight; without permission if the origin has none."""
    granted = headers_for(origin, settings)
    if "Access-Control-Allow-Origin" not in granted:
        return granted
    return {
        **granted,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": ALLOWED,
        "Access-Control-Max-Age": MAX_AGE,
    }

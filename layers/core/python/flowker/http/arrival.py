"""Where a request comes from. Behind CloudFront every connection is CloudFront's own, which then says in a header whose
request it is; that word is taken only from our own distribution, which proves itself by a secret."""

import hmac
from ipaddress import ip_address
from typing import Any

from flowker.settings import Settings

ORIGIN = "x-flowker-origin"
"""The secret, which the distribution puts over whatever a caller has sent under this name."""
ADDRESS = "x-flowker-address"
"""The caller's address, put in the same way."""


def as_called(event: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The event as the caller has caused it: from its own address, and without the headers between CloudFront and us, which
    are nobody's business. All else about it stays."""
    headers = event.get("headers") or {}
    if ORIGIN not in headers and ADDRESS not in headers:
        return event
    request = event["requestContext"]
    http = {
        **request["http"],
        "sourceIp": _told(headers, settings.origin_secret) or request["http"]["sourceIp"],
    }
    sent = {name: value for name, value in headers.items() if name not in (ORIGIN, ADDRESS)}
    return {**event, "headers": sent, "requestContext": {**request, "http": http}}


def _told(headers: dict[str, str], secret: str) -> str | None:
    """The address that our own CloudFront tells; None from anybody else."""
    if not secret or not hmac.compare_digest(headers.get(ORIGIN, "").encode(), secret.encode()):
        return None
    try:
        return str(ip_address(headers.get(ADDRESS, "")))
    except ValueError:
        return None

"""Who calls: API keys in `X-API-Key`, compared as digests in constant time (Flowker spec a.1)."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from flowker.errors import Unauthorized
from flowker.model.audit import Actor, ActorType
from flowker.settings import Settings

ANONYMOUS = "anonymous"
"""Whoever calls where authentication is off."""


def actor_of(headers: Mapping[str, str], ip_address: str, request_id: str, settings: Settings) -> Actor:
    """The caller, by the id of the API key that was presented. Raises `Unauthorized`."""
    if not settings.authenticate:
        return Actor(ActorType.USER, ANONYMOUS, ip_address, request_id)
    digest = sha256(headers.get("x-api-key", "").encode()).hexdigest()
    # All keys are compared, so the time taken tells nothing about which one was close.
    matches = [name for name, expected in settings.api_keys.items() if hmac.compare_digest(digest, expected)]
    if not matches:
        raise Unauthorized("X-API-Key is missing or wrong")
    return Actor(ActorType.API_KEY, matches[0], ip_address, request_id)

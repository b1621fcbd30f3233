"""Who calls: API keys in `X-API-Key`, compared as digests in constant time (Flowker spec a.1)."""

import hmac
from collections.abc import Mapping
from hashlib import sha256

from flowker.errors import Unauthorized
from flowker.settings import Settings


def key_id(headers: Mapping[str, str], settings: Settings) -> str | None:
    """The id of the API key that was presented; None where authentication is off. Raises `Unauthorized`."""
    if not settings.authenticate:
        return None
    digest = sha256(headers.get("x-api-key", "").encode()).hexdigest()
    # All keys are compared, so the time taken tells nothing about which one was close.
    matches = [name for name, expected in settings.api_keys.items() if hmac.compare_digest(digest, expected)]
    if not matches:
        raise Unauthorized("X-API-Key is missing or wrong")
    return matches[0]

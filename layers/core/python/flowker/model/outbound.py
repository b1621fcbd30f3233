"""A call to a provider, what came back, and the two ways in which a call can fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TRANSIENT = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A call to a provider. `auth` is `{type, config}` as of Flowker spec section h, or nothing. `timeout` in seconds."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    auth: Mapping[str, Any] | None = None
    timeout: float = 30.0


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What came back. `headers` in canonical case, several values joined by `, `. `url` is the one that answered,
    without userinfo and without a secret added by authentication."""

    status: int
    reason: str
    url: str
    headers: Mapping[str, str]
    body: bytes


def transient(status: int) -> bool:
    """Whether the same request may be answered differently a little later (Flowker spec d.7 [R])."""
    return status in _TRANSIENT or status >= 500


class CallFailed(Exception):
    """A call that can bring no answer: authentication impossible, destination blocked, answer too large, bad URL."""


class CallFailedForNow(CallFailed):
    """A call that may work when repeated: connection or read error, timeout."""

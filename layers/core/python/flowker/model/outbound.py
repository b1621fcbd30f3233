"""A call to a provider, what came back, and the two ways in which a call can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TRANSIENT = frozenset({408, 425, 429})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """A call to a provider. `auth` is `{type, config}` as of Flowker spec section h, or nothing. `timeout` in seconds.

    `follow_redirects` false makes a redirect the answer. `cut` makes an answer that is too large end early, and not fail.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    auth: Mapping[str, Any] | None = None
    timeout: float = 30.0
    follow_redirects: bool = True
    cut: bool = False


@dataclass(frozen=True, slots=True)
class OutboundResponse:
    """What came back. `headers` in canonical case, several values joined by `, `. `url` is the one that answered,
    without userinfo and without a secret added by authentication. `repeated` has the values of headers that came more than
    once, one by one. `cut` tells that `body` is only the beginning."""

    status: int
    reason: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    repeated: Mapping[str, Sequence[str]] = field(default_factory=dict)
    cut: bool = False


def transient(status: int) -> bool:
    """Whether the same request may be answered differently a little later (Flowker spec d.7 [R])."""
    return status in _TRANSIENT or status >= 500


def idempotency(method: str, key: str) -> dict[str, str]:
    """The header that lets a provider recognise a repetition of a call that changes something."""
    return {} if method in _SAFE_METHODS else {"Idempotency-Key": key}


class CallFailed(Exception):
    """A call that can bring no answer: authentication impossible, destination blocked, answer too large, bad URL."""


class CallFailedForNow(CallFailed):
    """A call that may work when repeated: connection or read error, timeout."""


class CallTimedOut(CallFailedForNow):
    """A call that took longer than it may."""

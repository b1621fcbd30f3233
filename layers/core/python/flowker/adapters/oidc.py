"""Access tokens of OpenID Connect: discovery, client credentials, password grant, refresh (Flowker spec h).

Tokens live in the memory of the process, under a hash of all that decides them, so that a change of any secret is
another token. What an endpoint answers never becomes part of an error: errors are shown to users, and answers may repeat
what they were sent.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus, urlencode

from flowker.adapters.credentials import Credentials
from flowker.adapters.deadline import Deadline
from flowker.adapters.oidc_config import Caching, Client
from flowker.adapters.shared_cache import SharedCache
from flowker.model import exact_json
from flowker.model.outbound import CallFailed, CallFailedForNow, OutboundRequest, OutboundResponse, transient

DISCOVERY_SECONDS = 3600.0
_MOST = 256
_LONGEST_LIFE = 10**9
_ERROR_CODE = re.compile(r"[a-z]+(_[a-z]+){0,5}")
_SENDABLE = re.compile(r"[\x20-\x7e]+")
_TOKEN_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_WHOLE_SECONDS = re.compile(r"[0-9]{1,10}")

Send = Callable[[OutboundRequest, Deadline], OutboundResponse]
"""Sends a request of ours to an endpoint: guarded like any call, and bound to the endpoint's origin."""


@dataclass(frozen=True, slots=True)
class Token:
    """`header` is the value of `Authorization`; `lifetime` in seconds, at most 0 for a token that is used once."""

    header: str = field(repr=False)
    lifetime: float
    expires_at: float
    refresh_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    url: str
    known_until: float


class Tokens:
    """The tokens of one process, for many threads. `now` gives seconds since the epoch."""

    def __init__(self, send: Send, now: Callable[[], float], most: int = _MOST) -> None:
        self._send = send
        self._now = now
        self._tokens: SharedCache[Token] = SharedCache(most, kept=lambda token: token.lifetime > 0)
        self._endpoints: SharedCache[_Endpoint] = SharedCache(most)

    def get(self, client: Client, caching: Caching, deadline: Deadline) -> Token:
        """A token to use now. Raises `CallFailed` or `CallFailedForNow`: `failed to apply authentication: …`."""

        def fresh(token: Token) -> bool:
            return self._now() < token.expires_at - caching.early

        def fetch(stale: Token | None) -> Token:
            if caching.use_refresh_token and client.user and stale and stale.refresh_token:
                return self._refreshed(client, stale.refresh_token, deadline)
            return self._granted(client, deadline)

        with _failures_to_apply():
            if not caching.enabled:
                return self._granted(client, deadline)
            return self._tokens.get(client.key, fresh, fetch, deadline)

    def drop(self, client: Client, header: str) -> None:
        """Never use the token with this header again, nor refresh it."""
        self._tokens.drop(client.key, lambda token: token.header == header)

    def _granted(self, client: Client, deadline: Deadline) -> Token:
        form, headers = _grant(client)
        return self._asked(client, form, headers, deadline)

    def _refreshed(self, client: Client, refresh_token: str, deadline: Deadline) -> Token:
        """From the refresh token; where that does not work, from the password."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **_identity(client)}
        try:
            return self._asked(client, form, {}, deadline)
        except CallFailed:
            if deadline.passed:
                raise
            return self._granted(client, deadline)

    def _asked(
        self, client: Client, form: Mapping[str, str], headers: Mapping[str, str], deadline: Deadline
    ) -> Token:
        asked_at = self._now()
        url = client.token_url or self._discovered(client.issuer_url, deadline)
        request = OutboundRequest(
            "POST",
            url,
            {
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
                **headers,
            },
            body=urlencode(form).encode(),
        )
        answer = self._send(request, deadline)
        secrets = [form.get("refresh_token"), client.secret, client.user and client.user.password]
        document = _document("token endpoint", answer, [secret for secret in secrets if secret])
        return _token(document, asked_at, form.get("refresh_token"))

    def _discovered(self, issuer_url: str, deadline: Deadline) -> str:
        """The token endpoint of an issuer, remembered for an hour."""

        def fetch(stale: _Endpoint | None) -> _Endpoint:
            url = issuer_url.strip().rstrip("/") + "/.well-known/openid-configuration"
            answer = self._send(OutboundRequest("GET", url, {"Accept": "application/json"}), deadline)
            endpoint = _document("discovery", answer, []).get("token_endpoint")
            if not isinstance(endpoint, str) or not endpoint:
                raise CallFailed("discovery gave no token_endpoint")
            return _Endpoint(endpoint, self._now() + DISCOVERY_SECONDS)

        known = self._endpoints.get(issuer_url, lambda it: self._now() < it.known_until, fetch, deadline)
        return known.url


@dataclass(frozen=True, slots=True)
class OidcAuthentication:
    """`Authentication` with the token of a client."""

    client: Client
    caching: Caching
    tokens: Tokens

    def credentials(self, deadline: Deadline) -> Credentials:
        token = self.tokens.get(self.client, self.caching, deadline)
        return Credentials({"Authorization": token.header})

    def renewed(self, refused: Credentials, deadline: Deadline) -> Credentials | None:
        self.tokens.drop(self.client, refused.headers["Authorization"])
        return self.credentials(deadline)


def _grant(client: Client) -> tuple[dict[str, str], dict[str, str]]:
    """Form and headers of the first request for a token."""
    form = {**dict(client.extra), "grant_type": "password" if client.user else "client_credentials"}
    if client.user:
        form |= {"username": client.user.name, "password": client.user.password}
    if client.scopes:
        form["scope"] = " ".join(client.scopes)
    if client.audience:
        form["audience"] = client.audience
    if client.in_form:
        return {**form, **_identity(client)}, {}
    # RFC 6749 2.3.1: encoded as in a form first, so that an id may contain a colon.
    pair = f"{quote_plus(client.id)}:{quote_plus(client.secret or '')}"
    return form, {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _identity(client: Client) -> dict[str, str]:
    return {"client_id": client.id} | ({"client_secret": client.secret} if client.secret else {})


def _document(who: str, answer: OutboundResponse, secrets: Collection[str]) -> Mapping[str, Any]:
    """The object in the answer. Raises `CallFailed` with the status and, where it is harmless, the OAuth error code."""
    try:
        document = exact_json.received(answer.body)
    except ValueError:
        document = None
    document = document if isinstance(document, Mapping) else None
    if answer.status != 200:
        kind = CallFailedForNow if transient(answer.status) else CallFailed
        raise kind(f"{who} answered with status {answer.status}{_reason(document or {}, secrets)}")
    if document is None:
        raise CallFailed(f"{who} did not answer with a JSON object")
    return document


def _reason(document: Mapping[str, Any], secrets: Collection[str]) -> str:
    code = document.get("error")
    if not isinstance(code, str) or len(code) > 40 or not _ERROR_CODE.fullmatch(code):
        return ""
    return "" if any(secret in code or code in secret for secret in secrets) else f" ({code})"


def _token(document: Mapping[str, Any], asked_at: float, refresh_token: str | None) -> Token:
    """`refresh_token` is the one that was used; it stays valid where the answer brings no other."""
    access_token, scheme = document.get("access_token"), document.get("token_type") or "Bearer"
    if not isinstance(access_token, str) or not _SENDABLE.fullmatch(access_token):
        raise CallFailed("token endpoint gave no access_token, or one that cannot be sent")
    if not isinstance(scheme, str) or not _TOKEN_TYPE.fullmatch(scheme):
        raise CallFailed("token endpoint gave a token_type that is not valid")
    scheme = (
        "Bearer" if scheme.lower() == "bearer" else scheme
    )  # names in answers are in any case (RFC 6749 5.1)
    rotated = document.get("refresh_token")
    lifetime = _lifetime(document.get("expires_in"))
    return Token(
        header=f"{scheme} {access_token}",
        lifetime=lifetime,
        expires_at=asked_at + lifetime,
        refresh_token=rotated if isinstance(rotated, str) and rotated else refresh_token,
    )


def _lifetime(value: Any) -> float:
    """Seconds. What is not a number means that nothing is known: 0."""
    if isinstance(value, str) and _WHOLE_SECONDS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return 0.0
    return float(min(max(value, 0), _LONGEST_LIFE))


@contextmanager
def _failures_to_apply() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise CallFailedForNow("failed to apply authentication: timed out waiting for a token") from None
    except CallFailedForNow as error:
        raise CallFailedForNow(f"failed to apply authentication: {error}") from None
    except CallFailed as error:
        raise CallFailed(f"failed to apply authentication: {error}") from None

"""Who calls: an API key in `X-API-Key`, compared as digests in constant time (Flowker spec a.1), or an account by the token in
`Authorization: Bearer` (FlowRunner spec b).

Accounts call `/api/v1`, and only they. `/v1` is one room for all who may enter it: holders of API keys, and admins.
"""

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from hashlib import sha256

from flowker import wiring
from flowker.errors import Forbidden, TokenRefused, Unauthorized
from flowker.http.problems import is_api_v1
from flowker.model.account import Principal
from flowker.model.audit import Actor, ActorType, acting

ANONYMOUS = "anonymous"
"""Whoever calls where authentication is off, or where nobody has to say who they are."""

_principal: ContextVar[Principal] = ContextVar("principal")


def principal() -> Principal:
    """The account that calls, in a route of `/api/v1` that is not public."""
    return _principal.get()


@contextmanager
def identified(headers: Mapping[str, str], path: str, stranger: Actor) -> Iterator[None]:
    """Whatever happens inside is done by whoever presented a key or a token; `stranger` tells where from. Raises
    `Unauthorized`, `TokenRefused`, `Forbidden`."""
    if not is_api_v1(path):
        with acting(_caller_of_v1(headers, stranger)):
            yield
        return
    account = _account(headers)
    using = _principal.set(account)
    try:
        with acting(replace(stranger, id=account.account_id)):
            yield
    finally:
        _principal.reset(using)


def _caller_of_v1(headers: Mapping[str, str], stranger: Actor) -> Actor:
    if not wiring.home().settings.authenticate:
        return stranger
    if "x-api-key" not in headers and _bearer(headers) is not None:
        try:
            account = _account(headers)
        except TokenRefused as error:
            raise Unauthorized(error.message) from error
        if not account.admin:
            raise Forbidden("/v1 is for API keys and admins")
        return replace(stranger, id=account.account_id)
    return replace(stranger, type=ActorType.API_KEY, id=_api_key(headers.get("x-api-key", "")))


def _api_key(key: str) -> str:
    """The id of the API key that was presented."""
    digest = sha256(key.encode()).hexdigest()
    # All keys are compared, so the time taken tells nothing about which one was close.
    known = wiring.home().settings.api_keys.items()
    matches = [name for name, expected in known if hmac.compare_digest(digest, expected)]
    if not matches:
        raise Unauthorized("X-API-Key is missing or wrong")
    return matches[0]


def _account(headers: Mapping[str, str]) -> Principal:
    from flowker.wiring.accounts import sessions

    token = _bearer(headers)
    if token is None:
        raise TokenRefused("send your token as Authorization: Bearer <token>")
    return sessions().principal(token)


def _bearer(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None

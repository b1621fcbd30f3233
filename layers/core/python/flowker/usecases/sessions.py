"""Logging in and out, and whose request it is (FlowRunner spec b)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from flowker.errors import AccountNotFound, LoginFailed, TokenRefused, Unavailable
from flowker.model.account import Account, Principal
from flowker.model.audit import AuditEvent, EventType, acting, actor, happened
from flowker.ports import AuditChain, Clock, Ids
from flowker.ports.accounts import AccountStore
from flowker.usecases.passwords import matches
from flowker.usecases.throttle import Throttle
from flowker.usecases.tokens import LEEWAY, LONGEST_SESSION, Claims, Tokens

logger = logging.getLogger(__name__)

Disconnect = Callable[[str, str | None], None]
"""Close the sockets of an account: those of one token, or all."""


@dataclass(frozen=True, slots=True)
class Session:
    """What somebody is given who logs in. `expires_at` is in seconds since 1970."""

    token: str
    expires_at: int
    account_id: str


@dataclass(frozen=True, slots=True)
class Sessions:
    accounts: AccountStore
    tokens: Tokens
    throttle: Throttle
    audit: AuditChain
    clock: Clock
    ids: Ids
    first_admin: Callable[[], object]
    """Makes the first admin, if there is none yet."""
    disconnect: Disconnect

    def login(self, username: str, password: str) -> Session:
        """Raises `LoginFailed`, the same and as late whether there is such an account or not, and `LoginThrottled`."""
        source = actor().ip_address
        self.throttle.check(username, source)
        self.first_admin()
        account = self.accounts.by_email(username)
        if not matches(password, account.password if account else None) or account is None:
            self.throttle.failed(username, source)
            raise LoginFailed("the e-mail address or the password is wrong")
        self.throttle.check(username, source)
        session = self._session(account)
        with acting(replace(actor(), id=account.id)):
            self.audit.announce([self._event(EventType.SESSION_CREATED, account.id)])
        return session

    def principal(self, token: str) -> Principal:
        """Whose token it is, from one read. Raises `TokenRefused`."""
        claims = self.tokens.read(token)
        account = self.accounts.for_token(claims.sub, claims.jti)
        if account is None or account.token_version != claims.tv:
            raise TokenRefused("the token was revoked")
        return _principal(account, claims)

    def refresh(self, principal: Principal) -> Session:
        """A new token; the old one stays valid until it expires (decision D-09). Raises `TokenRefused`."""
        if self.clock.now().timestamp() >= principal.authenticated_at + LONGEST_SESSION:
            raise TokenRefused("the session has lasted long enough; log in again")
        try:
            account = self.accounts.get(principal.account_id)
        except AccountNotFound as error:
            raise TokenRefused("the token was revoked") from error
        session = self._session(account, principal.authenticated_at)
        self.audit.announce([self._event(EventType.SESSION_UPDATED, principal.account_id)])
        return session

    def logout(self, principal: Principal) -> None:
        """From now on the token is refused, and its sockets are closed. Raises `TokenRefused`."""
        event = self._event(EventType.SESSION_DELETED, principal.account_id)
        if not self.accounts.revoke(principal.token_id, principal.expires_at + LEEWAY, [event]):
            raise TokenRefused("the token was revoked")
        close_sockets(self.disconnect, principal.account_id, principal.token_id)

    def _session(self, account: Account, authenticated_at: int | None = None) -> Session:
        token, claims = self.tokens.issue(account, authenticated_at)
        return Session(token, claims.exp, account.id)

    def _event(self, kind: EventType, account_id: str) -> AuditEvent:
        return happened(kind, account_id, id=self.ids.new(), at=self.clock.now())


def close_sockets(disconnect: Disconnect, account_id: str, token_id: str | None = None) -> None:
    """The tokens are revoked by now, and that cannot be repeated, so a failure is no reason to refuse."""
    try:
        disconnect(account_id, token_id)
    except Unavailable as error:
        logger.error("sockets of %s stay open until their tokens expire: %s", account_id, error)


def _principal(account: Account, claims: Claims) -> Principal:
    return Principal(
        account_id=account.id,
        email=account.email,
        role=account.role,
        token_id=claims.jti,
        expires_at=claims.exp,
        authenticated_at=claims.auth_time,
    )

"""Accounts: who may log in, and who administers that (FlowRunner spec a.3, b)."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flowker.errors import EmailTaken, InvalidAccount, InvalidBody, NotPermitted, Unavailable
from flowker.model.account import ACCOUNT_PREFIX, Account, FirstAdmin, Principal, Role
from flowker.model.audit import AuditEvent, EventType, actor, happened
from flowker.model.instant import instant
from flowker.ports import Clock, Ids
from flowker.ports.accounts import AccountStore
from flowker.usecases.passwords import hashed, matches
from flowker.usecases.sessions import Disconnect, close_sockets
from flowker.usecases.throttle import Throttle

logger = logging.getLogger(__name__)

NAME_LENGTH = 100
EMAIL_LENGTH = 254
SETTLED = timedelta(minutes=2)
"""After so long, no request is under way any more that began when the account was still there."""
BATCH = 10
"""Deleted accounts that one call clears away behind."""

_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"[^\s@\"(),:;<>\\\[\]\x00-\x1f\x7f]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to become of an account; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    role: str | None = None
    password: str | None = None
    current_password: str | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    store: AccountStore
    throttle: Throttle
    clock: Clock
    ids: Ids
    disconnect: Disconnect
    cascades: Sequence[Callable[[str], None]] = ()
    """What clears away behind an account that is gone; each can be repeated."""
    erase: Callable[[str], bool] = lambda account_id: True
    """What does so later, some at a time. True if nothing is left."""

    def list(
        self, principal: Principal, role: Role | None, limit: int, offset: int
    ) -> tuple[Sequence[Account], int]:
        """The oldest first, and how many there are. Raises `NotPermitted`."""
        check_admin(principal)
        return self.store.list(role, limit, offset)

    def get(self, principal: Principal, account_id: str) -> Account:
        """Raises `NotPermitted`, `AccountNotFound`."""
        check_own(principal, account_id)
        return self.store.get(account_id)

    def create(
        self, principal: Principal, *, name: str, email: str, password: str, role: str | None = None
    ) -> Account:
        """Raises `NotPermitted`, `InvalidAccount`, `EmailTaken`."""
        check_admin(principal)
        account = self._new(name, email, password, _role(role or Role.USER))
        self.store.add(account, [self._event(EventType.ACCOUNT_CREATED, account)])
        return account

    def create_first(self, first: FirstAdmin) -> bool:
        """Make an admin if there has never been one. Raises `ValueError` if the deployment names none that could be."""
        try:
            account = self._new("Administrator", first.email, first.password, Role.ADMIN)
        except InvalidAccount as error:
            raise ValueError(f"the first admin cannot be made: {error.message}") from error
        try:
            return self.store.add_first(account, [self._event(EventType.ACCOUNT_CREATED, account)])
        except EmailTaken:
            return False  # only admins make accounts, so there is one

    def update(self, principal: Principal, account_id: str, change: Change) -> Account:
        """A new role or password revokes all tokens of the account. Raises `NotPermitted`, `AccountNotFound`, `InvalidBody`,
        `InvalidAccount`, `EmailTaken`, `LastAdmin`, `ChangedConcurrently`, `LoginThrottled`."""
        check_own(principal, account_id)
        if change == Change(current_password=change.current_password):
            raise InvalidBody("send at least one of name, email, role, password")
        before = self.store.get(account_id)
        changed = _checked(change)
        if changed.get("role", before.role) is not before.role:
            check_admin(principal)
        if change.password is not None:
            if principal.account_id == account_id:
                self._check_password(before, change.current_password)
            changed["password"] = hashed(change.password)
        revokes = "password" in changed or changed.get("role", before.role) is not before.role
        version = before.token_version + int(revokes)
        after = before.model_copy(update={**changed, "token_version": version, "updated_at": self._now()})
        names = ",".join(sorted(changed))
        self.store.replace(before, after, [self._event(EventType.ACCOUNT_UPDATED, after, names)])
        if revokes:
            close_sockets(self.disconnect, account_id)
        return after

    def delete(self, principal: Principal, account_id: str) -> None:
        """With everything that belongs to it. Raises `NotPermitted`, `AccountNotFound`, `LastAdmin`, `ChangedConcurrently`."""
        check_own(principal, account_id)
        account = self.store.get(account_id)
        self.store.delete(account, self._now(), [self._event(EventType.ACCOUNT_DELETED, account)])
        try:
            self._clear(account_id)
        except Unavailable as error:
            logger.warning("what belonged to %s is cleared away later: %s", account_id, error)

    def clear_departed(self) -> int:
        """Clear away, once more and for good, behind accounts that are gone for a while. Returns how many have nothing left."""
        cleared = 0
        for account_id in self.store.departed(instant(self.clock.now() - SETTLED), BATCH):
            self._clear(account_id)
            if self.erase(account_id):
                self.store.forget(account_id)
                cleared += 1
        return cleared

    def _clear(self, account_id: str) -> None:
        self.disconnect(account_id, None)
        for cascade in self.cascades:
            cascade(account_id)

    def _new(self, name: str, email: str, password: str, role: Role) -> Account:
        now = self._now()
        return Account(
            id=f"{ACCOUNT_PREFIX}{self.ids.new()}",
            name=_name(name),
            email=_email(email),
            role=role,
            password=hashed(password),
            created_at=now,
            updated_at=now,
        )

    def _check_password(self, account: Account, current: str | None) -> None:
        """Whoever finds a token must not get the account with it, so its owner has to show that it is them."""
        if current is None:
            raise InvalidBody("current_password is required", fields={"current_password": "required"})
        source = actor().ip_address
        self.throttle.check(account.email, source)
        if not matches(current, account.password):
            self.throttle.failed(account.email, source)
            raise InvalidAccount("current_password is wrong", fields={"current_password": "wrong"})
        self.throttle.check(account.email, source)

    def _now(self) -> str:
        return instant(self.clock.now())

    def _event(self, kind: EventType, account: Account, names: str | None = None) -> AuditEvent:
        metadata = {"account.role": account.role.value, "account.changed": names}
        return happened(kind, account.id, id=self.ids.new(), at=self.clock.now(), metadata=metadata)


def check_admin(principal: Principal) -> None:
    """Raises `NotPermitted`."""
    if not principal.admin:
        raise NotPermitted("only an admin may do this")


def check_own(principal: Principal, account_id: str) -> None:
    """Raises `NotPermitted` unless the account is the caller's own, or the caller an admin."""
    if principal.account_id != account_id and not principal.admin:
        raise NotPermitted("this account is not yours")


def _checked(change: Change) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if change.name is not None:
        changed["name"] = _name(change.name)
    if change.email is not None:
        changed["email"] = _email(change.email)
    if change.role is not None:
        changed["role"] = _role(change.role)
    return changed


def _name(name: str) -> str:
    if not name.strip() or len(name) > NAME_LENGTH:
        raise _invalid("name", f"must have 1 to {NAME_LENGTH} characters, not all of them blank")
    return name


def _email(email: str) -> str:
    if len(email) > EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise _invalid("email", "must be an e-mail address")
    return email


def _role(role: str) -> Role:
    if role not in [each.value for each in Role]:
        raise _invalid("role", f"must be one of {', '.join(Role)}")
    return Role(role)


def _invalid(field: str, wanted: str) -> InvalidAccount:
    return InvalidAccount(f"{field} {wanted}", fields={field: wanted})

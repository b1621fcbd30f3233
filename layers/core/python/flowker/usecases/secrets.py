"""Secrets of accounts: written and listed here, read by the worker only (FlowRunner spec f)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowker.errors import InvalidSecret, SecretNotFound
from flowker.model.account import Principal, SecretHead
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.instant import instant
from flowker.ports import Clock, Ids
from flowker.ports.accounts import AccountStore, Secrets
from flowker.usecases.accounts import check_own

KEY = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
MOST_BYTES = 64 * 1024
"""Of a value, as UTF-8."""


@dataclass(frozen=True, slots=True)
class SecretKeeping:
    """Every method raises `NotPermitted` for another one's account, and `AccountNotFound`."""

    store: Secrets
    accounts: AccountStore
    clock: Clock
    ids: Ids

    def list(self, principal: Principal, account_id: str) -> Sequence[SecretHead]:
        """Sorted by key."""
        self._check(principal, account_id)
        return self.store.heads(account_id)

    def get(self, principal: Principal, account_id: str, key: str) -> SecretHead:
        """Raises `SecretNotFound`."""
        self._check(principal, account_id)
        return self.store.head(account_id, key)

    def put(self, principal: Principal, account_id: str, key: str, value: str) -> tuple[SecretHead, bool]:
        """Store or replace; True if it is new (decision D-06). Raises `InvalidSecret`."""
        self._check(principal, account_id)
        _check_rules(key, value)
        created, replaced = (
            [self._event(kind, account_id, key)]
            for kind in (EventType.SECRET_CREATED, EventType.SECRET_UPDATED)
        )
        return self.store.put(account_id, key, value, instant(self.clock.now()), created, replaced)

    def replace(self, principal: Principal, account_id: str, key: str, value: str) -> SecretHead:
        """Of one that exists. Raises `SecretNotFound`, `InvalidSecret`."""
        self.get(principal, account_id, key)
        return self.put(principal, account_id, key, value)[0]

    def delete(self, principal: Principal, account_id: str, key: str) -> None:
        """Raises `SecretNotFound`."""
        self._check(principal, account_id)
        if not KEY.fullmatch(key):
            raise SecretNotFound("there is no secret with this key")
        self.store.delete(account_id, key, [self._event(EventType.SECRET_DELETED, account_id, key)])

    def _check(self, principal: Principal, account_id: str) -> None:
        check_own(principal, account_id)
        if principal.account_id != account_id:
            self.accounts.get(account_id)

    def _event(self, kind: EventType, account_id: str, key: str) -> AuditEvent:
        """About the account, because a key says little without it."""
        metadata = {"secret.key": key}
        return happened(kind, account_id, id=self.ids.new(), at=self.clock.now(), metadata=metadata)


def _check_rules(key: str, value: str) -> None:
    if not KEY.fullmatch(key):
        wanted = "must have 1 to 128 letters, digits or any of _ . @ -"
        raise InvalidSecret(f"key {wanted}", fields={"key": wanted})
    if len(value.encode()) > MOST_BYTES:
        wanted = f"must not be longer than {MOST_BYTES} bytes"
        raise InvalidSecret(f"value {wanted}", fields={"value": wanted})

"""Accounts, tokens and secrets as the use cases see them (FlowRunner spec b, f)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from flowker.model.account import Account, Role, SecretHead
from flowker.model.audit import AuditEvent


class AccountStore(Protocol):
    def add(self, account: Account, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `EmailTaken`."""
        ...

    def get(self, account_id: str) -> Account:
        """Raises `AccountNotFound`."""
        ...

    def by_email(self, email: str) -> Account | None:
        """Whatever the letter case."""
        ...

    def for_token(self, account_id: str, token_id: str) -> Account | None:
        """The account, in one read with the list of revoked tokens; None if it is gone or the token is revoked."""
        ...

    def list(self, role: Role | None, limit: int, offset: int) -> tuple[Sequence[Account], int]:
        """The oldest first, and how many there are in all."""
        ...

    def replace(self, before: Account, after: Account, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ChangedConcurrently`, `EmailTaken`, and `LastAdmin` if no admin would be left."""
        ...

    def delete(self, account: Account, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ChangedConcurrently`, `LastAdmin`."""
        ...

    def revoke(self, token_id: str, until: int) -> bool:
        """Refuse this token from now on, until it expires by itself. False if it was revoked before."""
        ...


class Attempts(Protocol):
    """How often something was tried lately, for throttling."""

    def count(self, what: str, window: int) -> int:
        """Note an attempt in the current window of so many seconds and return how many there are in it, this one included."""
        ...


class Secrets(Protocol):
    """Values are sealed for their account and key, and opened for the worker only."""

    def put(
        self, account_id: str, key: str, value: str, at: str, audit: Sequence[AuditEvent] = ()
    ) -> tuple[SecretHead, bool]:
        """Store or replace; True if it is new."""
        ...

    def heads(self, account_id: str) -> Sequence[SecretHead]:
        """Sorted by key."""
        ...

    def delete(self, account_id: str, key: str, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `SecretNotFound`."""
        ...

    def values(self, account_id: str, keys: Sequence[str] | None) -> Mapping[str, str]:
        """The values of these secrets (None = all) that exist."""
        ...

"""Accounts, tokens and secrets as the use cases see them (FlowRunner spec b, f)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from flowker.model.account import Account, Role, SecretHead, SigningKeys
from flowker.model.audit import AuditEvent


class AccountStore(Protocol):
    def add(self, account: Account, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `EmailTaken`."""
        ...

    def add_first(self, account: Account, audit: Sequence[AuditEvent] = ()) -> bool:
        """Add an admin if there has never been one; False if there has. Raises `EmailTaken`."""
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

    def delete(self, account: Account, at: str, audit: Sequence[AuditEvent] = ()) -> None:
        """What belongs to it is still there, and `departed` names it until `forget`. Raises `ChangedConcurrently`,
        `LastAdmin`."""
        ...

    def departed(self, before: str, limit: int) -> Sequence[str]:
        """Ids of accounts that were deleted before an instant and not forgotten."""
        ...

    def forget(self, account_id: str) -> None:
        """Nothing that belonged to a deleted account is left."""
        ...

    def revoke(self, token_id: str, until: int, audit: Sequence[AuditEvent] = ()) -> bool:
        """Refuse this token from now on, until it expires by itself, in seconds since 1970. False if it was revoked before."""
        ...


class Signing(Protocol):
    def __call__(self, wanted: str | None = None) -> SigningKeys:
        """The keys of now. They may be some minutes old, unless the key with the id `wanted` is not among them."""
        ...


class Attempts(Protocol):
    """How often something was tried in a window of time, for throttling."""

    def seen(self, what: Sequence[str], window: int) -> Sequence[int]:
        """How often each was noted in the window of this number, read consistently."""
        ...

    def note(self, what: Sequence[str], window: int, expires: int) -> None:
        """One more of each. What is noted may be forgotten after `expires`, in seconds since 1970."""
        ...


class Secrets(Protocol):
    """Values are sealed for their account and key, and opened for the worker only."""

    def put(
        self,
        account_id: str,
        key: str,
        value: str,
        at: str,
        created: Sequence[AuditEvent] = (),
        replaced: Sequence[AuditEvent] = (),
    ) -> tuple[SecretHead, bool]:
        """Store it with the events of a new one, and True, or with those of one that was there. Raises
        `ChangedConcurrently`."""
        ...

    def heads(self, account_id: str) -> Sequence[SecretHead]:
        """Sorted by key."""
        ...

    def head(self, account_id: str, key: str) -> SecretHead:
        """Raises `SecretNotFound`."""
        ...

    def delete(self, account_id: str, key: str, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `SecretNotFound`."""
        ...

    def delete_all(self, account_id: str) -> None:
        """Whatever there is."""
        ...

    def values(self, account_id: str, keys: Sequence[str] | None) -> Mapping[str, str]:
        """The values of these secrets (None = all) that exist. What an old key has sealed is sealed anew."""
        ...

"""Accounts as items: the account, its e-mail address as a name, the number of admins, and the tokens that were revoked
(FlowRunner spec b)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Condition, ConditionFailed, Delete, Item, Put, Query, Table, Update
from flowker.adapters.stores.named import UniqueNames, at_version, changed
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.record import Guarded, item, known, read, write
from flowker.errors import AccountNotFound, EmailTaken, LastAdmin
from flowker.model.account import Account, Role
from flowker.model.audit import AuditEvent

KIND = "account"
DEPARTED = "departed_account"
NAMES = UniqueNames(KIND, EmailTaken)
MISSING = "missing"
"""Of `keys.ADMINS`: the number of admins, negative, because conditions of tables know an upper bound only."""


@dataclass(frozen=True, slots=True)
class ItemAccountStore:
    """`ports.accounts.AccountStore` over a table."""

    table: Table

    def add(self, account: Account, audit: Sequence[AuditEvent] = ()) -> None:
        counting = [_counting(1)] if account.role is Role.ADMIN else []
        write(self.table, [*_adding(account, audit), *counting])

    def add_first(self, account: Account, audit: Sequence[AuditEvent] = ()) -> bool:
        if self.table.get([keys.ADMINS])[0]:
            return False
        first = Put(keys.ADMINS.table, item(keys.ADMINS, **{MISSING: -1}), ABSENT)
        try:
            write(self.table, [(first, _AnotherOne()), *_adding(account, audit)])
        except _AnotherOne:
            return False
        return True

    def get(self, account_id: str) -> Account:
        found = read(self.table, [keys.account(account_id)])[0]
        if not found:
            raise AccountNotFound(f"account {account_id} does not exist")
        return _account(found)

    def by_email(self, email: str) -> Account | None:
        lock = read(self.table, [keys.name_lock(KIND, _folded(email))])[0]
        found = lock and read(self.table, [keys.account(str(lock["owner"]))])[0]
        return _account(found) if found else None

    def for_token(self, account_id: str, token_id: str) -> Account | None:
        found, revoked = read(self.table, [keys.account(account_id), keys.revoked_token(token_id)])
        return _account(found) if found and not revoked else None

    def list(self, role: Role | None, limit: int, offset: int) -> tuple[Sequence[Account], int]:
        where = {"status": [role.value]} if role else {}
        rows = self.table.query(Query(keys.DEFINITIONS, KIND, "by_created", where=where))
        page = [str(row["pk"]).partition("#")[2] for row in rows[offset : offset + limit]]
        found = read(self.table, map(keys.account, page))
        return [_account(each) for each in found if each], len(rows)

    def replace(self, before: Account, after: Account, audit: Sequence[AuditEvent] = ()) -> None:
        """What is stored gets the version after the one of `before`."""
        new = _item(after.model_copy(update={"version": before.version + 1}))
        replacing: Guarded = Put(keys.DEFINITIONS, new, at_version(before.version)), changed(KIND)
        naming = NAMES.renaming(_folded(before.email), _folded(after.email), after.id)
        admins = (after.role is Role.ADMIN) - (before.role is Role.ADMIN)
        counting = [_counting(admins)] if admins else []
        write(self.table, [replacing, *naming, *counting, *_announcing(after, audit)])

    def delete(self, account: Account, at: str, audit: Sequence[AuditEvent] = ()) -> None:
        unchanged = at_version(account.version)
        deleting: Guarded = Delete(keys.account(account.id), unchanged), changed(KIND)
        released = NAMES.releasing(_folded(account.email), account.id)
        counting = [_counting(-1)] if account.role is Role.ADMIN else []
        leaving: Guarded = _leaving(account.id, at), changed(KIND)
        write(self.table, [deleting, released, *counting, leaving, *_announcing(account, audit)])

    def departed(self, before: str, limit: int) -> Sequence[str]:
        rows = self.table.query(Query(keys.DEFINITIONS, DEPARTED, "by_created", before=before, limit=limit))
        return [str(row["pk"]).partition("#")[2] for row in rows]

    def forget(self, account_id: str) -> None:
        try:
            self.table.write([Delete(keys.departed_account(account_id))])
        except ConditionFailed:
            return  # somebody else did

    def revoke(self, token_id: str, until: int, audit: Sequence[AuditEvent] = ()) -> bool:
        key = keys.revoked_token(token_id)
        revoking: Guarded = Put(key.table, item(key, expires_at=until)), _AnotherOne()
        said = announcing(audit[0].resource_id, audit) if audit else []
        try:
            write(self.table, [revoking, *((each, changed("token")) for each in said)])
        except _AnotherOne:
            return False
        return True


class _AnotherOne(Exception):
    """What is to be there once is there already."""


def _counting(admins: int) -> Guarded:
    """One admin more, or one less if there is another one."""
    others = Condition(at_most={MISSING: -2}) if admins < 0 else None
    last = LastAdmin("the last admin can neither be deleted nor lose its role")
    return Update(keys.ADMINS, {"schema": 1}, {MISSING: -admins}, when=others), last


def _adding(account: Account, audit: Sequence[AuditEvent]) -> Sequence[Guarded]:
    adding: Guarded = Put(keys.DEFINITIONS, _item(account)), changed(KIND)
    return [NAMES.taking(_folded(account.email), account.id), adding, *_announcing(account, audit)]


def _leaving(account_id: str, at: str) -> Put:
    key = keys.departed_account(account_id)
    return Put(key.table, item(key, kind=DEPARTED, created_sort=keys.sort_text(at, account_id)))


def _announcing(account: Account, audit: Sequence[AuditEvent]) -> Sequence[Guarded]:
    return [(each, changed(KIND)) for each in announcing(account.id, audit)]


def _folded(email: str) -> str:
    return email.casefold()


def _item(account: Account) -> Item:
    return item(
        keys.account(account.id),
        kind=KIND,
        status=account.role.value,  # what lists are filtered by
        created_sort=keys.sort_text(account.created_at, account.id),
        **account.model_dump(mode="json"),
    )


def _account(stored: Item) -> Account:
    return Account.model_validate(dict(known(stored)))

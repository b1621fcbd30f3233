"""The key/value store of each account, which its flows share (FlowRunner spec d.6). Entries are changed in the transaction of
the step that changes them. The longest values are blobs, which nothing deletes: they stay behind their entries."""

from collections.abc import Sequence

from flowker.adapters import keys
from flowker.adapters.items import (
    ABSENT,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Write,
)
from flowker.adapters.stores.payloads import Payloads
from flowker.adapters.stores.record import item, known, read
from flowker.model.run import Entry, EntryChange

BATCH = 50
"""Deletes of one transaction, which handles 4 MB; an entry has little more than 64 KB."""


def entry(table: Table, payloads: Payloads, account_id: str, key: str) -> Entry | None:
    """Read consistently; one that has expired is still there, until it is deleted or replaced."""
    (stored,) = read(table, [keys.entry(account_id, key)])
    return _entry_of(stored, payloads) if stored else None


def entries(
    table: Table, payloads: Payloads, account_id: str, after: str | None, limit: int | None, values: bool
) -> Sequence[Entry]:
    """By key, those behind `after`; without `values` theirs are not read."""
    bound = None if after is None else keys.entry(account_id, after).sk
    pk = keys.entry(account_id, "").pk
    stored = table.query(Query(keys.EXECUTIONS, pk, after=bound, prefix=keys.ENTRIES, limit=limit))
    return [_entry_of(known(each), payloads if values else None) for each in stored]


def delete_all(table: Table, account_id: str) -> None:
    """All entries of an account of which no run goes on; repeating it deletes what is left. Blobs stay."""
    query = Query(keys.EXECUTIONS, keys.entry(account_id, "").pk, prefix=keys.ENTRIES, limit=BATCH)
    while found := table.query(query):
        try:
            table.write([Delete(Key(keys.EXECUTIONS, query.pk, str(each["sk"]))) for each in found])
        except ConditionFailed:
            continue  # somebody else deletes them, too: look again


def writes(account_id: str, changes: Sequence[EntryChange], payloads: Payloads) -> Sequence[Write]:
    """One for each change, in order."""
    return [_write(account_id, change, payloads) for change in changes]


def _write(account_id: str, change: EntryChange, payloads: Payloads) -> Write:
    key = keys.entry(account_id, change.key)
    unchanged = Condition(equals={"version": change.before}) if change.before else ABSENT
    if change.after is None:
        return Delete(key, unchanged)
    new = change.after
    body = payloads.attributes(key, new.value)
    stored = item(key, name=new.key, version=new.version, expires_at=new.expires, **body)
    return Put(keys.EXECUTIONS, stored, unchanged)


def _entry_of(stored: Item, payloads: Payloads | None) -> Entry:
    value = None if payloads is None else payloads.value(stored)
    expires = int(stored["expires_at"]) if "expires_at" in stored else None
    return Entry(str(stored["name"]), value, int(stored["version"]), expires)

"""The key/value store of each account, which its flows share (FlowRunner spec d.6). Entries are changed in the transaction of
the step that changes them. The longest values are blobs of their own: each belongs to one version of one entry, is noted among
the leftovers before it is stored, and noted again with what takes its place, or for when it expires."""

from collections.abc import Iterator, Sequence
from uuid import uuid4

from flowker.adapters import keys
from flowker.adapters.items import (
    ABSENT,
    Blobs,
    Condition,
    Delete,
    Item,
    Put,
    Query,
    Table,
    Write,
)
from flowker.adapters.stores.leftovers import expiring, leaving, staying
from flowker.adapters.stores.payloads import INLINE, Payloads
from flowker.adapters.stores.record import delete_found, item, known, read
from flowker.model import exact_json
from flowker.model.run import Entry, EntryChange


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
    """All entries of an account of which no run goes on; repeating it deletes what is left. Blobs stay until
    nothing else of the account is left, see `run_expiry`."""
    delete_found(table, Query(keys.EXECUTIONS, keys.entry(account_id, "").pk, prefix=keys.ENTRIES))


def writes(table: Table, blobs: Blobs, account_id: str, changes: Sequence[EntryChange]) -> Sequence[Write]:
    """What changes the entries, and one note of all blobs that nothing refers to after that. Stores the blobs of new values."""
    found = [write for change in changes for write in _writes(table, blobs, account_id, change)]
    left = [change.leaves for change in changes if change.leaves is not None]
    return [*found, leaving(*left)] if left else found


def _writes(table: Table, blobs: Blobs, account_id: str, change: EntryChange) -> Iterator[Write]:
    key = keys.entry(account_id, change.key)
    unchanged = Condition(equals={"version": change.before}) if change.before else ABSENT
    if change.after is None:
        yield Delete(key, unchanged)
        return
    new, text = change.after, exact_json.dumps(change.after.value)
    body = {"body": text}
    if len(text) > INLINE:
        name = keys.blob(key, uuid4().hex)
        table.write([leaving(name)])
        blobs.put(name, text.encode())
        yield staying(name)
        if new.expires is not None:
            yield expiring(key, name, new.expires)
        body = {"body_blob": name}
    stored = item(key, name=new.key, version=new.version, expires_at=new.expires, **body)
    yield Put(keys.EXECUTIONS, stored, unchanged)


def _entry_of(stored: Item, payloads: Payloads | None) -> Entry:
    expires = int(stored["expires_at"]) if "expires_at" in stored else None
    place = str(stored["body_blob"]) if _has_its_own(stored) else None
    value = None if payloads is None else payloads.value(stored)
    return Entry(str(stored["name"]), value, int(stored["version"]), expires, place)


def _has_its_own(stored: Item) -> bool:
    """Whether it has a blob that belongs to this version of it alone. Earlier versions of Flowker named blobs by what is in
    them, so entries may share one of those; they stay as long as the account."""
    return "body_blob" in stored and len(str(stored["body_blob"]).rpartition("/")[2]) == len(uuid4().hex)

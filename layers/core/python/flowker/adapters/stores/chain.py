"""The audit trail as items: one chain of entries in blocks, and its head (Flowker spec j.2, architecture §6).

A batch of notices is chained in one transaction: it moves the head if nobody else did, stores the entries, adds the moves
to the counters and takes the notices out of the outbox. Whoever loses a race reads again and tries again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

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
from flowker.adapters.stores.chain_search import BLOCKS, Search, number_of
from flowker.adapters.stores.counters import counter_keys, counting
from flowker.adapters.stores.measured import measure_chained
from flowker.adapters.stores.outbox import Notice, announce, readable
from flowker.adapters.stores.record import SCHEMA, item, read
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.errors import StoreUnavailable
from flowker.model.audit import GENESIS, SEPARATOR, AuditEvent, Entry, link
from flowker.model.instant import MILLISECOND, moment
from flowker.ports import AuditFilter, ChainHead

RACES = 20
"""How often a batch is tried when others move the head meanwhile."""
READ = 250
"""Notices read from one partition of the outbox at a time."""
TOGETHER = 1_500_000
"""Bytes of the notices that are chained together: a transaction holds 4 MB, and entries take no more than their notices."""
SAME_ID = 10
"""Index rows looked at for one event: there is one, unless somebody has put in more."""


@dataclass(frozen=True, slots=True)
class ItemAuditChain:
    """`ports.AuditChain` over a table. One page of a search looks at so many blocks at most."""

    table: Table
    blocks: int = BLOCKS

    def announce(self, events: Sequence[AuditEvent]) -> None:
        announce(self.table, events[0].resource_id, events)

    def append_pending(self) -> int:
        """Chain what waits in the outbox, oldest first. Returns how many notices that were. One that cannot be read stays."""
        done = 0
        places: dict[str, str | None] = dict.fromkeys(map(keys.outbox_of, keys.shards()))
        while places:
            parts = {
                pk: self.table.query(Query(keys.EXECUTIONS, pk, after=after, limit=READ))
                for pk, after in places.items()
            }
            done += self.append_items([stored for part in parts.values() for stored in part])
            places = {pk: str(part[-1]["sk"]) for pk, part in parts.items() if len(part) == READ}
        return done

    def append_items(self, stored: Sequence[Item]) -> int:
        """Chain these notices, oldest first; those that were chained before are passed over. Returns how many were not."""
        return self.append(list(readable(stored)))

    def append(self, notices: Sequence[Notice]) -> int:
        """As `append_items`."""
        distinct = {(notice.key.sk, notice.key.pk): notice for notice in notices}
        return sum(self._append(batch) for batch in _batches([distinct[place] for place in sorted(distinct)]))

    def _append(self, notices: Sequence[Notice]) -> int:
        """Raises `StoreUnavailable` if the head does not fit its entries, which only a change by other hands can bring
        about: nothing is chained until it is put right."""
        for _ in range(RACES):
            if not notices:
                return 0
            head, counted = read(self.table, [keys.CHAIN_HEAD, keys.COUNTED])
            try:
                self.table.write([*_chaining(notices, head), *counting(notices, _version(head), counted)])
            except ConditionFailed as refusal:
                if refusal.index == 0:
                    continue  # somebody else has moved the head
                waiting = self._still_waiting(notices)
                if len(waiting) == len(notices):
                    raise StoreUnavailable(
                        "the head of the audit chain does not fit its entries"
                    ) from refusal
                notices = waiting
            else:
                measure_chained(notices)
                return len(notices)
        raise StoreUnavailable("the audit chain is moved by others all the time")

    def _still_waiting(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        stored = read(self.table, (notice.key for notice in notices))
        return [notice for notice, found in zip(notices, stored, strict=True) if found]

    def head(self) -> ChainHead:
        (stored,) = read(self.table, [keys.CHAIN_HEAD])
        return head_of(stored)

    def entry(self, event_id: str) -> Entry | None:
        """The entry in the chain, whatever else has been given the event's id. One that was listed under the id, but has
        another in its text by now, is better than none: verifying it tells."""
        found = self.table.query(Query(keys.AUDIT, event_id, index="by_event", limit=SAME_ID))
        numbers = dict.fromkeys(filter(None, map(number_of, found)))
        stored = self.table.get([keys.audit_entry(number) for number in numbers])
        entries = [entry_of(each) for each in stored if each and each.get("event_id") == event_id]
        named = (entry for entry in entries if entry.text.split(SEPARATOR, 2)[1:2] == [event_id])
        return next(named, next(iter(entries), None))

    def entries(self, first: int, last: int) -> Iterator[Entry]:
        """Those that are stored from `first` to `last`, both included, in order."""
        (before,) = self.table.get([keys.audit_entry(first - 1)])
        reached = str(before.get("reached", "")) if before else ""
        for number in range(first // keys.BLOCK, last // keys.BLOCK + 1):
            after, end = keys.audit_sort(first - 1), keys.audit_sort(last + 1)
            for stored in self.table.query(
                Query(keys.AUDIT, keys.audit_block(number), after=after, before=end)
            ):
                entry, reached = _following(stored, reached)
                yield entry

    def search(
        self, query: AuditFilter, *, after: int | None, ascending: bool, limit: int
    ) -> tuple[Sequence[Entry], int | None]:
        search = Search(self.table, self.head(), query, ascending, self.blocks)
        found, proceed = search.page(after, limit)
        return [entry_of(stored) for stored in found], proceed


def head_of(stored: Item | None) -> ChainHead:
    """Read a head; there is none before the first entry."""
    if stored is None:
        return ChainHead(0, 0, GENESIS, "", 0)
    return ChainHead(
        version=int(stored["version"]),
        sequence=int(stored["sequence"]),
        hash=str(stored["hash"]),
        reached=str(stored["reached"]),
        longest_lag=int(stored["longest_lag"]),
    )


def entry_of(stored: Item) -> Entry:
    """Read an entry, whatever is left of it."""
    return Entry(number_of(stored), str(stored.get("text", "")), str(stored.get("hash", "")))


def _following(stored: Item, reached: str) -> tuple[Entry, str]:
    """As `entry_of`, and the latest time of the entries so far. Faithful is an item that is exactly what was written."""
    entry = entry_of(stored)
    reached = max(reached, entry.text[entry.text.rfind(SEPARATOR) + 1 :])
    return (entry if stored == _entry_item(entry, reached) else entry._replace(faithful=False)), reached


def _entry_item(entry: Entry, reached: str) -> Item:
    """What is searched by is stored beside the text; what is shown is read from the text."""
    number, text, digest, _ = entry
    parts = text.split(SEPARATOR, 6)
    _, event_id, event_type, _, result, resource_id, _ = parts if len(parts) == 7 else _NO_PARTS
    return {
        "pk": keys.audit_block(number // keys.BLOCK),
        "sk": keys.audit_sort(number),
        "schema": SCHEMA,
        "text": text,
        "hash": digest,
        "event_id": event_id,
        "event_type": event_type,
        "result": result,
        "resource_id": resource_id,
        "reached": reached,
    }


_NO_PARTS = [""] * 7


def _version(head: Item | None) -> int:
    """Of the head that follows this one."""
    return head_of(head).version + 1


def _chaining(notices: Sequence[Notice], stored: Item | None) -> Iterator[Write]:
    """The head first: its condition decides every race."""
    head = head_of(stored)
    reached, lag, entry, entries = head.reached, timedelta(), Entry(head.sequence, "", head.hash), []
    for event in (event for notice in notices for event in notice.events):
        reached = max(reached, event.at)
        lag = max(lag, moment(reached) - moment(event.at))
        entry = link(event, entry.sequence + 1, entry.hash)
        entries.append(_entry_item(entry, reached))
    moved = item(
        keys.CHAIN_HEAD,
        version=head.version + 1,
        sequence=entry.sequence,
        hash=entry.hash,
        reached=reached,
        longest_lag=max(head.longest_lag, -(-lag // MILLISECOND)),
    )
    yield Put(keys.AUDIT, moved, Condition(equals={"version": head.version}) if stored else ABSENT)
    yield from (Delete(notice.key) for notice in notices)
    yield from (Put(keys.AUDIT, each) for each in entries)


def _batches(notices: Sequence[Notice]) -> Iterator[Sequence[Notice]]:
    """As many at a time as a transaction takes: two writes, and one for each removed notice, each entry and each counter."""
    batch: list[Notice] = []
    entries, size, counters = 0, 0, set[Key]()
    for notice in notices:
        moved = {key for move in notice.moves for key in counter_keys(move)}
        writes = 2 + len(batch) + 1 + entries + len(notice.events) + len(counters | moved)
        if batch and (writes > MAX_ITEMS or size + notice.size > TOGETHER):
            yield batch
            batch, entries, size, counters = [], 0, 0, set()
        batch.append(notice)
        entries += len(notice.events)
        size += notice.size
        counters |= moved
    if batch:
        yield batch

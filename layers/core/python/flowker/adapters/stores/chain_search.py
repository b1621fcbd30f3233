"""Pages of the audit trail, in the order of the chain (Flowker spec j.2).

Entries of one resource come from an index. Other searches walk the chain block by block. Either looks at a bounded part of
it at a time: a page may hold fewer entries than asked for and still not be the last. Dates narrow the search at once,
because entries carry the latest time that the chain had reached with them, which never decreases.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flowker.adapters import keys
from flowker.adapters.items import Item, Query, Table
from flowker.adapters.stores.record import read
from flowker.model.audit import SEPARATOR, EventType, microseconds
from flowker.model.instant import MILLISECOND, span
from flowker.ports import AuditFilter, ChainHead

BLOCKS = 50
"""Blocks that one page looks at."""
ROWS = 100
"""Rows of a resource's index that are read at a time; one page looks at so many times `BLOCKS`."""

_Stretch = tuple[Sequence[Item], int]
"""Entries that may match, and the number of the last entry that was looked at for them."""


@dataclass(frozen=True, slots=True)
class Search:
    """One search in one direction over the chain as it is with this head."""

    table: Table
    head: ChainHead
    query: AuditFilter
    ascending: bool
    blocks: int = BLOCKS

    def page(self, after: int | None, limit: int) -> tuple[Sequence[Item], int | None]:
        """The next matching entries behind number `after`, and behind which number to go on if there may be more."""
        low, high = self._range(after)
        if low > high or not all(self._where().values()):
            return [], None
        found: list[Item] = []
        reached = end = high if self.ascending else low
        of_resource = "resource_id" in self.query.where
        stretches = self._of_resource(low, high) if of_resource else self._walk(low, high, limit + 1)
        for rows, looked_at in stretches:
            reached = looked_at
            found += [row for row in rows if number_of(row) and self._in_time(row)]
            if len(found) > limit:
                return found[:limit], number_of(found[limit - 1])
        return found, None if reached == end else reached

    def _range(self, after: int | None) -> tuple[int, int]:
        """The first and the last entry that can match."""
        low, high = 1, self.head.sequence
        start, end = span(self.query.since, self.query.until)
        if start:
            low = self._first_reaching(start)
        if end:  # whatever happened before stands at most so much behind something later
            high = self._first_reaching(end + self.head.longest_lag * MILLISECOND) - 1
        if after is None:
            return low, high
        return (max(low, after + 1), high) if self.ascending else (low, min(high, after - 1))

    def _first_reaching(self, at: datetime) -> int:
        """The number of the first entry with which the chain reached this time; by halves. What is not stored any more was
        before."""
        wanted = microseconds(at)
        low, high = 1, self.head.sequence + 1
        while low < high:
            middle = (low + high) // 2
            (stored,) = read(self.table, [keys.audit_entry(middle)])
            if stored is None or str(stored.get("reached", "")) < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def _walk(self, low: int, high: int, most: int) -> Iterator[_Stretch]:
        """A block at a time, or less if that must suffice for the page."""
        limit = None if self.query.since or self.query.until else most
        for _ in range(self.blocks):
            block = (low if self.ascending else high) // keys.BLOCK
            first, last = max(low, block * keys.BLOCK), min(high, (block + 1) * keys.BLOCK - 1)
            rows = self._rows(keys.audit_block(block), None, first, last, limit)
            reached = self._reached(rows, limit, first, last)
            yield rows, reached
            low, high = (reached + 1, high) if self.ascending else (low, reached - 1)
            if low > high:
                return

    def _of_resource(self, low: int, high: int) -> Iterator[_Stretch]:
        """Only what is in the chain counts, whatever else has got into the index."""
        resource = self.query.where["resource_id"]
        where = self._where()
        for _ in range(self.blocks):
            rows = self._rows(resource, "by_resource", low, high, ROWS)
            passing = (row for row in rows if all(row.get(name) in values for name, values in where.items()))
            numbers = dict.fromkeys(map(number_of, passing))
            stored = read(self.table, [keys.audit_entry(number) for number in numbers])
            reached = self._reached(rows, ROWS, low, high)
            yield [each for each in stored if each and each.get("resource_id") == resource], reached
            low, high = (reached + 1, high) if self.ascending else (low, reached - 1)
            if low > high:
                return

    def _rows(
        self, partition: str, index: str | None, low: int, high: int, limit: int | None
    ) -> Sequence[Item]:
        after, before = keys.audit_sort(low - 1), keys.audit_sort(high + 1)
        where = {} if index else self._where()
        return self.table.query(
            Query(keys.AUDIT, partition, index, after, before, None, self.ascending, limit, where)
        )

    def _reached(self, rows: Sequence[Item], limit: int | None, low: int, high: int) -> int:
        """The number of the last entry that was looked at: rows beyond the limit were not."""
        numbers = list(filter(None, map(number_of, rows)))
        if limit is None or len(rows) < limit or not numbers:
            return high if self.ascending else low
        return numbers[-1]

    def _where(self) -> Mapping[str, Sequence[str]]:
        """What entries are filtered by in the store: action and kind of resource follow from the type."""
        where = self.query.where
        types = [kind.value for kind in EventType if _suits(kind, where)]
        results = [where["result"]] if "result" in where else []
        return ({"event_type": types} if len(types) < len(EventType) else {}) | (
            {"result": results} if results else {}
        )

    def _in_time(self, row: Item) -> bool:
        """By the time as it is shown; an entry that has lost it is not hidden."""
        start, end = span(self.query.since, self.query.until)
        at = str(row.get("text", "")).rpartition(SEPARATOR)[2]
        return (start is None or microseconds(start) <= at) and (end is None or at < microseconds(end))


def number_of(row: Item) -> int:
    """The number of an entry or of its index row; 0 for something else in their place."""
    sort = str(row["sk"])
    return int(sort) if sort.isascii() and sort.isdecimal() else 0


def _suits(kind: EventType, where: Mapping[str, str]) -> bool:
    asked = {"event_type": kind, "action": kind.action, "resource_type": kind.resource_type}
    return all(where.get(name, value) == value for name, value in asked.items())

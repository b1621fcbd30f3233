"""How many things are in each status, kept by the consumer of the change feed (Flowker spec j.1).

Executions are counted in total and per day, hour and minute of their acceptance. Any span of time is a handful of those
plus, at either end, part of a minute that is counted by looking. So the cost of an answer does not depend on how many
executions there are. What waits in the outbox is counted along, so an answer misses nothing that has happened.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import inf

from flowker.adapters import keys
from flowker.adapters.items import Item, Key, Put, Query, Table, Update, Write
from flowker.adapters.stores.outbox import WORKFLOWS, Move, Notice, notice_of
from flowker.adapters.stores.record import SCHEMA, item, known, read
from flowker.errors import StoreUnavailable
from flowker.model import exact_json
from flowker.model.instant import MILLISECOND, instant, moment, span

FOREVER = timedelta.max
_WIDTHS = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1))
_NAMES = {FOREVER: ("total", 0)} | dict(
    zip(_WIDTHS, (("day", 10), ("hour", 13), ("minute", 16)), strict=True)
)
_MINUTE = 16
"""Characters of an instant up to its minute: the counters of a move depend on no more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TRIES = 5
REMEMBERED = 8
"""Batches whose notices are remembered after they have been counted."""


def bucket(width: timedelta, at: str) -> str:
    """`total#`, `day#2026-03-01`, `hour#2026-03-01T10`, `minute#2026-03-01T10:05`: the name sorts like the time."""
    name, length = _NAMES[width]
    return f"{name}#{at[:length]}"


# --- writing: part of the transaction that chains a batch of notices -------------------------------------------------


def counter_keys(move: Move) -> Sequence[Key]:
    """The counters that a move changes."""
    return _counter_keys(move.kind, move.at[:_MINUTE])


@lru_cache(maxsize=1024)
def _counter_keys(kind: str, minute: str) -> Sequence[Key]:
    widths = (FOREVER,) if kind == WORKFLOWS else (FOREVER, *_WIDTHS)
    return tuple(keys.counts(kind, bucket(width, minute)) for width in widths)


def counting(notices: Sequence[Notice], version: int, stored: Item | None) -> Iterator[Write]:
    """One update for each counter that changes. Which notices were counted is kept for a while, so that whoever has seen
    them waiting can tell; `stored` is what is kept so far. `version` numbers the batches."""
    changes: dict[Key, Counter[str]] = {}
    for move, times in Counter(move for notice in notices for move in notice.moves).items():
        for key in counter_keys(move):
            _add(move, changes.setdefault(key, Counter()), times)
    for key, change in changes.items():
        amounts = {name: amount for name, amount in change.items() if amount}
        if amounts:
            yield Update(key, set={"schema": SCHEMA, "version": version}, add=amounts, when=None)
    if changes:
        names = [notice.name for notice in notices if notice.moves]
        batches = [*_Recently.of(stored).batches, (version, names)][-REMEMBERED:]
        yield Put(keys.EXECUTIONS, item(keys.COUNTED, body=exact_json.dumps(batches)), when=None)


def _add(move: Move, counter: Counter[str], times: int = 1) -> None:
    if move.before:
        counter[move.before] -= times
    if move.after:
        counter[move.after] += times


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Recently:
    """The last batches that were counted: their versions, which grow, and the names of their notices."""

    batches: Sequence[tuple[int, Sequence[str]]]

    @staticmethod
    def of(stored: Item | None) -> "_Recently":
        return _Recently(exact_json.loads(str(stored["body"])) if stored else [])

    @property
    def version(self) -> int:
        return self.batches[-1][0] if self.batches else 0

    def goes_back_to(self, version: int) -> bool:
        """Whether it holds all batches after this one."""
        return len(self.batches) < REMEMBERED or version >= self.batches[0][0]

    def by_name(self) -> Mapping[str, int]:
        """The version of the batch that has counted a notice."""
        return {name: version for version, names in self.batches for name in names}


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, UTC; None is no bound. `width` is that of the counters that cover it exactly; without
    one it is counted by looking."""

    start: datetime | None = None
    end: datetime | None = None
    width: timedelta | None = None

    def holds(self, at: str) -> bool:
        """Whether an instant is in it."""
        return (self.start is None or self.start <= moment(at)) and (
            self.end is None or moment(at) < self.end
        )

    def split(self, widths: Sequence[timedelta] = _WIDTHS) -> Iterator["Span"]:
        """The widest counters in the middle, narrower ones towards the ends, and what no counter covers."""
        if self.start is None and self.end is None:
            yield Span(width=FOREVER)
            return
        if self.start and self.end and self.start >= self.end:
            return
        if not widths:
            yield self
            return
        width, *finer = widths
        first = None if self.start is None else _EPOCH - (_EPOCH - self.start) // width * width
        last = None if self.end is None else _EPOCH + (self.end - _EPOCH) // width * width
        if first and last and first >= last:
            yield from self.split(finer)
            return
        yield Span(first, last, width)
        if first:
            yield from Span(self.start, first).split(finer)
        if last:
            yield from Span(last, self.end).split(finer)


@dataclass(frozen=True, slots=True)
class ItemCounters:
    """`ports.Counters` over a table."""

    table: Table

    def workflows(self) -> Mapping[str, int]:
        """Raises `StoreUnavailable` if the counters change faster than they can be read."""
        return self._counted(WORKFLOWS, [Span(width=FOREVER)])

    def executions(self, start: datetime | None, end: datetime | None) -> Mapping[str, int]:
        """Raises `StoreUnavailable` if the counters change faster than they can be read."""
        spans = list(Span(*span(start, end)).split())
        total = self._counted(keys.EXECUTIONS, [each for each in spans if each.width])
        for each in spans:
            if each.width is None:
                total.update(self._seen(each))
        return total

    def _counted(self, kind: str, spans: Sequence[Span]) -> Counter[str]:
        """What the counters of these spans say and the notices add that were waiting before and are not yet counted in
        them. A counter tells the last batch that has changed it, so nothing is counted twice or not at all, however busy
        the consumer is meanwhile."""
        for _ in range(_TRIES):
            before = self._recently().version
            waiting = list(self._waiting(kind, spans))
            counters = {str(each["sk"]): each for each in self._counters(kind, spans)}
            recently = self._recently()
            if recently.goes_back_to(before):
                return _sum(counters, waiting, recently.by_name())
        raise StoreUnavailable("the counters change faster than they can be read")

    def _recently(self) -> _Recently:
        (stored,) = read(self.table, [keys.COUNTED])
        return _Recently.of(stored)

    def _waiting(self, kind: str, spans: Sequence[Span]) -> Iterator[tuple[str, str, Move]]:
        """The moves in these spans that are announced: the name of the notice and that of the counter."""
        for shard in keys.shards():
            for notice in map(notice_of, self.table.query(Query(keys.EXECUTIONS, keys.outbox_of(shard)))):
                for move in (move for move in notice.moves if move.kind == kind):
                    for each in (each for each in spans if each.width and each.holds(move.at)):
                        yield notice.name, bucket(each.width or FOREVER, move.at), move

    def _counters(self, kind: str, spans: Sequence[Span]) -> Iterator[Item]:
        """All counters that cover the spans."""
        partition = keys.counts(kind, "").pk
        for each in spans:
            width = each.width or FOREVER
            name, _ = _NAMES[width]
            after = bucket(width, instant(each.start - width)) if each.start else name
            before = bucket(width, instant(each.end)) if each.end else f"{name}$"  # sorts after all of them
            found = self.table.query(Query(keys.EXECUTIONS, partition, after=after, before=before))
            yield from map(known, found)

    def _seen(self, part: Span) -> Counter[str]:
        """What the lists of executions show for less than a minute."""
        after = keys.sort_end(instant(part.start - MILLISECOND)) if part.start else None
        before = keys.sort_end(instant(part.end - MILLISECOND)) if part.end else None
        ranges = (
            Query(keys.EXECUTIONS, shard, index="by_started", after=after, before=before)
            for shard in keys.shards()
        )
        return Counter(str(found["status"]) for each in ranges for found in self.table.query(each))


def _sum(
    counters: Mapping[str, Item], waiting: Sequence[tuple[str, str, Move]], counted: Mapping[str, int]
) -> Counter[str]:
    """Some amounts may be negative on the way, when the end of something is counted before its start."""
    total: Counter[str] = Counter()
    for each in counters.values():
        total.update({name: int(amount) for name, amount in each.items() if name not in _NO_STATUS})
    for notice, counter, move in waiting:
        version = counters[counter]["version"] if counter in counters else 0
        if counted.get(notice, inf) > int(version):
            _add(move, total)
    return total


_NO_STATUS = {"pk", "sk", "schema", "version"}

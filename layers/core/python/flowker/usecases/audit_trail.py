"""Read the audit trail, prove it, and keep it going (Flowker spec j.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowker.errors import AuditEventNotFound, InvalidQuery
from flowker.model.audit import NOTHING, Entry, EventType, Result, happened
from flowker.model.chain import BEGINNING, Checkpoint, Verdict, verify
from flowker.model.exact_json import Json
from flowker.model.page import Cursor, Page, PageQuery
from flowker.ports import AuditChain, AuditFilter, ChainHead, Clock, Ids

SORT = "sequence"
"""The only order there is: that of the chain."""
MISSING = "MISSING"
"""The hash of an entry that is not there any more: nothing can be linked to it."""


@dataclass(frozen=True, slots=True)
class Export:
    """The entries behind a checkpoint, and the head of the whole chain."""

    start: Checkpoint
    entries: Sequence[Entry]
    head: ChainHead


@dataclass(frozen=True, slots=True)
class AuditTrail:
    chain: AuditChain
    clock: Clock
    ids: Ids

    def refused(self, kind: EventType, resource_id: str | None, metadata: dict[str, Json]) -> None:
        """Record that an attempt to change something failed. Without a resource nothing came to exist."""
        resource = resource_id or NOTHING
        now = self.clock.now()
        event = happened(kind, resource, id=self.ids.new(), at=now, result=Result.FAILED, metadata=metadata)
        self.chain.announce([event])

    def search(self, query: AuditFilter, page: PageQuery) -> Page[Entry]:
        """Entries in the order of the chain; `page.cursor` decides direction and place, if there is one. A page may hold
        fewer entries than asked for without being the last."""
        ascending = page.cursor.ascending if page.cursor else page.ascending
        after = int(page.cursor.value) if page.cursor else None
        found, proceed = self.chain.search(query, after=after, ascending=ascending, limit=page.limit)
        return Page(found, None if proceed is None else Cursor(SORT, ascending, str(proceed)))

    def get(self, event_id: str) -> Entry:
        """Raises `AuditEventNotFound`."""
        entry = self.chain.entry(event_id)
        if entry is None:
            raise AuditEventNotFound(f"the audit trail has no event {event_id}")
        return entry

    def verify(self, event_id: str) -> Verdict:
        """From the first entry to this one, which must be what was linked to next, or what the head of the chain names.
        Raises `AuditEventNotFound`."""
        last = self.get(event_id).sequence
        verdict = verify(self.chain.entries(1, last))
        if not verdict.valid:
            return verdict
        end = verdict.end
        broken, reason = self._behind(end) if end.sequence == last else (end.sequence + 1, _missing(end))
        return replace(verdict, broken=broken, reason=reason) if reason else verdict

    def _behind(self, end: Checkpoint) -> tuple[int, str]:
        """Which entry is wrong about what follows a chain that holds, and why; no reason if none is."""
        head = self.chain.head()
        if head.sequence <= end.sequence:
            named = (head.sequence, head.hash) == (end.sequence, end.hash)
            return (
                end.sequence,
                "" if named else f"entry {end.sequence} is not what the head of the chain names",
            )
        following = next(iter(self.chain.entries(end.sequence + 1, end.sequence + 1)), None)
        if following is None:
            return end.sequence + 1, _missing(end)
        linked = following.previous_hash == end.hash or not following.intact
        return (
            end.sequence,
            "" if linked else f"entry {end.sequence} is not what the entry behind it is linked to",
        )

    def export(self, after: int, limit: int) -> Export:
        """The entries behind number `after`, as they are stored. Raises `InvalidQuery` beyond the end of the chain."""
        head = self.chain.head()
        if after > head.sequence:
            raise InvalidQuery(
                "the audit trail is not that long", fields={"after": f"at most {head.sequence}"}
            )
        before = next(iter(self.chain.entries(after, after)), None) if after else None
        start = Checkpoint(after, before.hash if before else MISSING) if after else BEGINNING
        entries = list(self.chain.entries(after + 1, min(after + limit, head.sequence)))
        return Export(start, entries, head)

    def append_pending(self) -> int:
        """Chain what was announced and not yet chained. Returns how many notices that were."""
        return self.chain.append_pending()


def _missing(end: Checkpoint) -> str:
    return f"entry {end.sequence + 1} is missing"

"""The account's key/value store as a node sees it: what has expired is not there (FlowRunner spec d.6)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from flowker.model.run import Entry, EntryChange
from flowker.ports.runs import RunStore

_PAGE = 100
"""Entries that are read at once: with the largest values 25 MiB."""


@dataclass(slots=True)
class LiveEntries:
    """`nodes.flow.base.Entries`. `now` is in seconds since 1970."""

    store: RunStore
    account_id: str
    now: float
    _stored: dict[str, int] = field(default_factory=dict)
    """Versions of entries that have expired and are still there."""
    _places: dict[str, str | None] = field(default_factory=dict)
    """Where the values are kept of all entries that were read."""

    def get(self, key: str) -> Entry | None:
        found = self.store.entry(self.account_id, key)
        return found if found is not None and self._lives(found) else None

    def all(self, *, values: bool = True) -> Iterator[Entry]:
        after: str | None = None
        while True:
            page = self.store.entries(self.account_id, after=after, limit=_PAGE, values=values)
            yield from filter(self._lives, page)
            if len(page) < _PAGE:
                return
            after = page[-1].key

    def _lives(self, entry: Entry) -> bool:
        self._places[entry.key] = entry.place
        if entry.expires is None or entry.expires > self.now:
            return True
        self._stored[entry.key] = entry.version
        return False

    def conditions(self, changes: Sequence[EntryChange]) -> Sequence[EntryChange]:
        """The changes as they are to be stored: what takes the place of an expired entry continues its versions, and what was
        kept elsewhere is left there."""
        return [replace(self._instead(change), leaves=self._places.get(change.key)) for change in changes]

    def _instead(self, change: EntryChange) -> EntryChange:
        version = self._stored.get(change.key)
        if change.before or version is None:
            return change
        after = change.after and replace(change.after, version=version + 1)
        return replace(change, before=version, after=after)

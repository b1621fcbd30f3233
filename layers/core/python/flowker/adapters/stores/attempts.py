"""What was tried how often, as items that count and expire (FlowRunner spec b)."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import Table, Update
from flowker.adapters.stores.record import SCHEMA, read


@dataclass(frozen=True, slots=True)
class ItemAttempts:
    """`ports.accounts.Attempts` over a table."""

    table: Table

    def seen(self, what: Sequence[str], window: int) -> Sequence[int]:
        found = read(self.table, (keys.attempts(each, window) for each in what))
        return [int(stored["count"]) if stored else 0 for stored in found]

    def note(self, what: Sequence[str], window: int, expires: int) -> None:
        for each in what:  # one by one: a counter that many add to must not be part of a larger transaction
            kept = {"schema": SCHEMA, "expires_at": expires}
            self.table.write([Update(keys.attempts(each, window), kept, {"count": 1}, when=None)])

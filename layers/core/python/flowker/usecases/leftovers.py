"""What was deleted or replaced is gone for good a while later, also what was too large for an item (architecture §6)."""

from dataclasses import dataclass

from flowker.ports import Clock, Leftovers


@dataclass(frozen=True, slots=True)
class Sweeping:
    store: Leftovers
    clock: Clock

    def sweep(self) -> int:
        """Delete some of the payloads that nothing refers to any more; returns how many. Raises `StoreUnavailable`; what was
        not deleted is by the next run."""
        return self.store.sweep(int(self.clock.now().timestamp()))

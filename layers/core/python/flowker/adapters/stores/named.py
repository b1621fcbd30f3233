"""Things with a unique name: the name is an item of its own, written in the transaction that writes the thing."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import Condition, Delete, Put
from flowker.adapters.stores.record import Guarded, item
from flowker.errors import ChangedConcurrently


@dataclass(frozen=True, slots=True)
class UniqueNames:
    """The names of one kind of thing. `taken` is the error that says that another one has the name."""

    kind: str
    taken: type[Exception]

    def taking(self, name: str, owner_id: str) -> Guarded:
        """The write that takes the name."""
        lock = keys.name_lock(self.kind, name)
        refusal = self.taken(f"the name {name!r} is in use")
        return Put(lock.table, item(lock, owner=owner_id)), refusal

    def releasing(self, name: str, owner_id: str) -> Guarded:
        """The write that gives the name back."""
        held = Condition(equals={"owner": owner_id})
        return Delete(keys.name_lock(self.kind, name), when=held), changed(self.kind)

    def renaming(self, before: str, after: str, owner_id: str) -> Sequence[Guarded]:
        """The writes that swap names, none if the name stays."""
        if before == after:
            return []
        return [self.taking(after, owner_id), self.releasing(before, owner_id)]


def at_version(version: int) -> Condition:
    """The condition of every change: nobody else made one since."""
    return Condition(equals={"version": version})


def changed(kind: str) -> ChangedConcurrently:
    """What a failed `at_version` means."""
    return ChangedConcurrently(
        f"the {kind.replace('_', ' ')} was changed or deleted meanwhile; read it again"
    )

"""Published state machines as items: a HEAD that is in an index by when to look at it next, and a USE for each workflow."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import (
    ABSENT,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Query,
    Table,
    Update,
    Write,
)
from flowker.adapters.stores.record import SCHEMA, item, known, read
from flowker.errors import StoreUnavailable
from flowker.model.machine import MachineUse, PublishedMachine

KIND = "machine"
RACES = 5
"""How often a claim is tried while others change the same machine."""


@dataclass(frozen=True, slots=True)
class ItemMachineRegistry:
    """`ports.MachineRegistry` over a table."""

    table: Table

    def claim(self, reference: str, use: MachineUse, due: str) -> None:
        """Machines are shared by all graphs of a shape, so claims neither read the uses of others nor wait for each other: only
        one that nobody used at the last look can be doomed, so only there something has to be decided."""
        for _ in range(RACES):
            found = self._head(reference)
            if found is not None and found.doomed:
                raise StoreUnavailable("the state machine is being deleted and can be made anew in a moment")
            settled = found is not None and found.unused_since is None
            claiming = [] if settled else [_claiming(reference, found, due)]
            try:
                self.table.write([*claiming, _using(reference, use)])
            except ConditionFailed:
                continue
            return
        raise StoreUnavailable("the state machine is claimed by others all the time")

    def due(self, until: str, limit: int) -> Sequence[str]:
        before = keys.sort_end(until)
        rows = self.table.query(Query(keys.DEFINITIONS, KIND, "by_updated", before=before, limit=limit))
        return [str(row["pk"]).removeprefix(keys.MACHINES) for row in rows]

    def _head(self, reference: str) -> PublishedMachine | None:
        """Without its uses."""
        (stored,) = read(self.table, [keys.machine(reference)])
        return PublishedMachine.model_validate(stored) if stored else None

    def get(self, reference: str) -> PublishedMachine | None:
        head = keys.machine(reference)
        stored = [known(each) for each in self.table.query(Query(head.table, head.pk))]
        heads = [each for each in stored if each["sk"] == head.sk]
        uses = [MachineUse.model_validate(each) for each in stored if each["sk"] != head.sk]
        return PublishedMachine.model_validate({**heads[0], "uses": uses}) if heads else None

    def drop(self, reference: str, use: MachineUse) -> None:
        unchanged = Condition(equals={"at": use.at, "revision": use.revision})
        self._try([Delete(keys.machine_use(reference, use.workflow_id), unchanged)])

    def look_again(self, machine: PublishedMachine, due: str, unused_since: str | None) -> bool:
        since = {} if unused_since is None else {"unused_since": unused_since}
        gone = ["unused_since"] if unused_since is None and machine.unused_since is not None else []
        return self._try([_changing(machine, {**_sorted(machine.reference, due), **since}, gone)])

    def doom(self, machine: PublishedMachine) -> bool:
        return machine.unused_since is not None and self._try([_changing(machine, {"doomed": True}, [])])

    def remove(self, reference: str) -> None:
        self._try([Delete(keys.machine(reference), Condition(equals={"doomed": True}))])

    def _try(self, writes: Sequence[Write]) -> bool:
        try:
            self.table.write(writes)
        except ConditionFailed:
            return False
        return True


def _claiming(reference: str, found: PublishedMachine | None, due: str) -> Write:
    if found is not None:
        gone = ["unused_since"] if found.unused_since is not None else []
        return _changing(found, _sorted(reference, due), gone)
    new = item(keys.machine(reference), kind=KIND, reference=reference, version=1, **_sorted(reference, due))
    return Put(keys.DEFINITIONS, new, ABSENT)


def _using(reference: str, use: MachineUse) -> Write:
    """A workflow's latest activation is the one that counts."""
    key = keys.machine_use(reference, use.workflow_id)
    return Update(key, set={**use.model_dump(mode="json", exclude_none=True), "schema": SCHEMA}, when=None)


def _changing(machine: PublishedMachine, values: Item, gone: Sequence[str]) -> Write:
    """A change of what was read, and of nothing else."""
    unchanged = Condition(equals={"version": machine.version})
    return Update(keys.machine(machine.reference), values, {"version": 1}, gone, unchanged)


def _sorted(reference: str, due: str) -> Item:
    return {"due": due, "updated_sort": keys.sort_text(due, reference)}

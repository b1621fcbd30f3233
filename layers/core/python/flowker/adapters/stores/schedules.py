"""Schedules as items of their owner, in an index by when they are due next."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Condition, ConditionFailed, Delete, Item, Put, Query, Table
from flowker.adapters.stores.record import item, known, read
from flowker.model import exact_json
from flowker.model.schedule import Schedule

KIND = "schedule"
_TEXTS = {"payload", "fired", "launch"}
"""Attributes that hold JSON."""


@dataclass(frozen=True, slots=True)
class ItemScheduleStore:
    """`ports.schedules.ScheduleStore` over a table."""

    table: Table

    def put(self, before: Schedule | None, after: Schedule) -> bool:
        unchanged = ABSENT
        if before is not None:
            unchanged = Condition(equals={"changes": before.changes, "created_at": before.created_at})
            after = after.model_copy(update={"changes": before.changes + 1})
        try:
            self.table.write([Put(keys.DEFINITIONS, schedule_item(after), unchanged)])
        except ConditionFailed:
            return False
        return True

    def get(self, owner_id: str, schedule_id: str) -> Schedule | None:
        (stored,) = read(self.table, [keys.schedule(owner_id, schedule_id)])
        return _schedule_of(stored) if stored else None

    def of_owner(self, owner_id: str) -> Sequence[Schedule]:
        pk = keys.schedule(owner_id, "").pk
        return [_schedule_of(known(each)) for each in self.table.query(Query(keys.DEFINITIONS, pk))]

    def delete(self, owner_id: str, schedule_id: str) -> bool:
        try:
            self.table.write([Delete(keys.schedule(owner_id, schedule_id))])
        except ConditionFailed:
            return False
        return True

    def due(self, until: str, limit: int) -> Sequence[tuple[str, str]]:
        before = keys.sort_end(until)
        rows = self.table.query(Query(keys.DEFINITIONS, KIND, "by_updated", before=before, limit=limit))
        return [(str(row["pk"]).removeprefix(keys.SCHEDULES), str(row["sk"])) for row in rows]


def schedule_item(schedule: Schedule) -> Item:
    """What is stored of a schedule."""
    fields = schedule.model_dump(exclude={"payload", "fired", "launch"})
    launch = schedule.launch
    return item(
        keys.schedule(schedule.owner_id, schedule.id),
        kind=KIND,
        updated_sort=keys.sort_text(schedule.next_run_at, f"{schedule.owner_id}/{schedule.id}"),
        payload=exact_json.dumps(dict(schedule.payload)),
        fired=exact_json.dumps([each.model_dump() for each in schedule.fired]),
        launch=exact_json.dumps(launch.model_dump(mode="json", exclude_none=True)) if launch else None,
        **fields,
    )


def _schedule_of(stored: Item) -> Schedule:
    """Its owner is that of its key: earlier versions called the attribute otherwise."""
    read = {name: exact_json.loads(str(stored[name])) for name in _TEXTS & stored.keys()}
    owner_id = str(stored["pk"]).removeprefix(keys.SCHEDULES)
    return Schedule.model_validate({**stored, **read, "owner_id": owner_id})

"""Schedules as items of their account, in an index by when they are due next."""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Condition, ConditionFailed, Delete, Item, Put, Query, Table
from flowker.adapters.stores.record import item, known, read
from flowker.model import exact_json
from flowker.model.schedule import Schedule

KIND = "schedule"


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
            self.table.write([Put(keys.DEFINITIONS, _item_of(after), unchanged)])
        except ConditionFailed:
            return False
        return True

    def get(self, account_id: str, schedule_id: str) -> Schedule | None:
        (stored,) = read(self.table, [keys.schedule(account_id, schedule_id)])
        return _schedule_of(stored) if stored else None

    def of_account(self, account_id: str) -> Sequence[Schedule]:
        pk = keys.schedule(account_id, "").pk
        return [_schedule_of(known(each)) for each in self.table.query(Query(keys.DEFINITIONS, pk))]

    def delete(self, account_id: str, schedule_id: str) -> bool:
        try:
            self.table.write([Delete(keys.schedule(account_id, schedule_id))])
        except ConditionFailed:
            return False
        return True

    def due(self, until: str, limit: int) -> Sequence[tuple[str, str]]:
        before = keys.sort_end(until)
        rows = self.table.query(Query(keys.DEFINITIONS, KIND, "by_updated", before=before, limit=limit))
        return [(str(row["pk"]).removeprefix(keys.SCHEDULES), str(row["sk"])) for row in rows]


def _item_of(schedule: Schedule) -> Item:
    fields = schedule.model_dump(exclude={"payload", "fired"})
    return item(
        keys.schedule(schedule.account_id, schedule.id),
        kind=KIND,
        updated_sort=keys.sort_text(schedule.next_run_at, f"{schedule.account_id}/{schedule.id}"),
        payload=exact_json.dumps(dict(schedule.payload)),
        fired=exact_json.dumps([each.model_dump() for each in schedule.fired]),
        **fields,
    )


def _schedule_of(stored: Item) -> Schedule:
    opened = {name: exact_json.loads(str(stored[name])) for name in ("payload", "fired")}
    return Schedule.model_validate({**stored, **opened})

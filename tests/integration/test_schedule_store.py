"""The contract of `ports.schedules.ScheduleStore`, over every home's table (FlowRunner spec d.11)."""

import pytest

from flowker.adapters.items import Table
from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.model.schedule import Fired, Schedule

AT = "2026-03-01T10:00:00.000Z"
OWNER, OTHER = "account-1", "account-2"


@pytest.fixture
def store(table: Table) -> ItemScheduleStore:
    return ItemScheduleStore(table)


def schedule(name: str = "daily", account: str = OWNER, due: str = AT) -> Schedule:
    return Schedule(
        id=name,
        account_id=account,
        flow_id="flow-1",
        cron="0 10 * * *",
        timezone="Europe/Berlin",
        payload={"amount": 12.5, "list": [1, {"a": None}], "ü": True},
        next_run_at=due,
        created_at=AT,
        fired=(Fired(scheduled_for=AT, execution_id="exec-1"),),
    )


def test_what_is_stored_is_what_is_read(store: ItemScheduleStore) -> None:
    assert store.put(None, schedule())
    assert store.get(OWNER, "daily") == schedule()
    assert store.get(OTHER, "daily") is None
    assert store.get(OWNER, "weekly") is None


def test_a_schedule_is_made_once(store: ItemScheduleStore) -> None:
    assert store.put(None, schedule())
    assert not store.put(None, schedule(due="2026-03-02T10:00:00.000Z"))
    assert store.get(OWNER, "daily") == schedule()


def test_of_two_changes_of_the_same_schedule_one_counts(store: ItemScheduleStore) -> None:
    store.put(None, schedule())
    before = store.get(OWNER, "daily")
    assert before is not None
    first, second = (before.model_copy(update={"cron": f"{minute} * * * *"}) for minute in (1, 2))
    assert store.put(before, first)
    assert not store.put(before, second)
    after = store.get(OWNER, "daily")
    assert after is not None
    assert (after.cron, after.changes) == ("1 * * * *", 2)


def test_a_schedule_that_was_deleted_is_not_changed(store: ItemScheduleStore) -> None:
    store.put(None, schedule())
    assert store.delete(OWNER, "daily")
    assert not store.delete(OWNER, "daily")
    assert not store.put(schedule(), schedule())
    again = schedule().model_copy(update={"created_at": "2026-03-01T11:00:00.000Z"})
    assert store.put(None, again)
    assert not store.put(schedule(), schedule())


def test_an_account_has_its_schedules_in_order(store: ItemScheduleStore) -> None:
    for name in ("b", "c", "a"):
        store.put(None, schedule(name))
    store.put(None, schedule("d", OTHER))
    assert [each.id for each in store.of_account(OWNER)] == ["a", "b", "c"]
    assert [each.id for each in store.of_account(OTHER)] == ["d"]
    assert store.of_account("account") == []


def test_those_that_are_due_come_first_who_waited_longest(store: ItemScheduleStore) -> None:
    times = {"late": "2026-03-01T10:05:00.000Z", "now": AT, "early": "2026-03-01T09:00:00.000Z"}
    for name, due in times.items():
        store.put(None, schedule(name, OTHER if name == "early" else OWNER, due))
    assert store.due(AT, 10) == [(OTHER, "early"), (OWNER, "now")]
    assert store.due(AT, 1) == [(OTHER, "early")]
    assert store.due("2026-03-01T08:59:59.999Z", 10) == []
    now = store.get(OWNER, "now")
    assert now is not None
    store.put(now, now.model_copy(update={"next_run_at": "2026-03-02T10:00:00.000Z"}))
    store.delete(OTHER, "early")
    assert store.due("2026-03-01T11:00:00.000Z", 10) == [(OWNER, "late")]

"""The contract of `ports.schedules.ScheduleStore`, over every home's table, and how schedules of workflows come and go with
their activation (FlowRunner spec d.11; an extension of Flowker spec g.3)."""

from uuid import uuid4

import pytest
from pydantic import ValidationError

from flowker.adapters import keys
from flowker.adapters.items import Put, Table
from flowker.adapters.stores.schedules import ItemScheduleStore, schedule_item
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ChangedConcurrently, InvalidTriggerConfig, WebhookRouteTaken
from flowker.model.schedule import Fired, Schedule
from flowker.model.workflow import MOST_ROUTES, MachineType, Workflow, WorkflowStatus
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import InterruptedTable, WatchedTable, launch, route, workflow

AT = "2026-03-01T10:00:00.000Z"
OWNER, OTHER = "account-1", "account-2"


@pytest.fixture
def store(table: Table) -> ItemScheduleStore:
    return ItemScheduleStore(table)


def schedule(name: str = "daily", owner: str = OWNER, due: str = AT) -> Schedule:
    return Schedule(
        id=name,
        owner_id=owner,
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


def test_a_schedule_of_an_earlier_version_is_read(table: Table, store: ItemScheduleStore) -> None:
    """It named its owner otherwise."""
    owned = schedule_item(schedule())
    earlier = {"account_id" if name == "owner_id" else name: value for name, value in owned.items()}
    table.write([Put(keys.DEFINITIONS, earlier)])
    found = store.get(OWNER, "daily")
    assert found == schedule()
    assert store.of_owner(OWNER) == [found]
    assert store.put(found, schedule(due="2026-03-02T10:00:00.000Z"))
    assert store.delete(OWNER, "daily")


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


def test_an_owner_has_its_schedules_in_order(store: ItemScheduleStore) -> None:
    for name in ("b", "c", "a"):
        store.put(None, schedule(name))
    store.put(None, schedule("d", OTHER))
    assert [each.id for each in store.of_owner(OWNER)] == ["a", "b", "c"]
    assert [each.id for each in store.of_owner(OTHER)] == ["d"]
    assert store.of_owner("account") == []


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


def test_a_schedule_is_for_one_thing() -> None:
    both = schedule().model_dump() | {"launch": launch("w").model_dump()}
    for fields in (both, both | {"launch": None, "flow_id": None}):
        with pytest.raises(ValidationError):
            Schedule.model_validate(fields)


# --- schedules of workflows ---------------------------------------------------------------------------------------------


def workflows(table: Table) -> ItemWorkflowStore:
    return ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())


def drafted(table: Table) -> Workflow:
    draft = workflow()
    workflows(table).add(draft)
    return draft


def activated(before: Workflow) -> Workflow:
    active = {"status": WorkflowStatus.ACTIVE, "launch": launch(before.id), "version": before.version + 1}
    return before.model_copy(update=active)


def deactivated(before: Workflow) -> Workflow:
    gone = {"status": WorkflowStatus.INACTIVE, "launch": None, "version": before.version + 1}
    return before.model_copy(update=gone)


def of_workflow(owner: Workflow, trigger: str = "nightly") -> Schedule:
    starts = launch(owner.id).model_copy(update={"entry": trigger, "type": MachineType.EXPRESS})
    given = {"id": trigger, "owner_id": owner.id, "flow_id": None, "launch": starts}
    return schedule().model_copy(update=given)


def test_an_activation_brings_its_schedules_and_a_deactivation_takes_them(table: Table) -> None:
    store, draft = ItemScheduleStore(table), drafted(table)
    one, two = of_workflow(draft), of_workflow(draft, "weekly")
    hook = route(draft.id, f"/{uuid4()}")
    active = activated(draft)
    workflows(table).replace(draft, active, [hook], schedules=[one, two])
    assert store.get(draft.id, "nightly") == one
    assert store.of_owner(draft.id) == [one, two]
    assert (draft.id, "weekly") in store.due(AT, 10)
    assert store.put(one, one.model_copy(update={"next_run_at": "2026-03-02T10:00:00.000Z"}))
    workflows(table).replace(active, deactivated(active))
    assert store.of_owner(draft.id) == []
    assert store.due("2026-03-03T10:00:00.000Z", 10) == []
    assert workflows(table).route("POST", hook.path) is None


def test_a_workflow_that_is_deleted_leaves_no_schedule(table: Table) -> None:
    draft = drafted(table)
    active = activated(draft)
    workflows(table).replace(draft, active, schedules=[of_workflow(draft)])
    workflows(table).delete(active)
    assert ItemScheduleStore(table).of_owner(draft.id) == []


def test_an_activation_that_is_refused_makes_no_schedule(table: Table) -> None:
    first, second = drafted(table), drafted(table)
    path = f"/{uuid4()}"
    workflows(table).replace(first, activated(first), [route(first.id, path)])
    with pytest.raises(WebhookRouteTaken):
        workflows(table).replace(
            second, activated(second), [route(second.id, path)], schedules=[of_workflow(second)]
        )
    assert ItemScheduleStore(table).of_owner(second.id) == []


def test_a_schedule_that_has_removed_itself_keeps_no_workflow_active(table: Table) -> None:
    draft = drafted(table)
    active = activated(draft)
    workflows(table).replace(draft, active, schedules=[of_workflow(draft), of_workflow(draft, "weekly")])

    def removes_itself() -> None:
        assert ItemScheduleStore(table).delete(draft.id, "nightly")

    slower = workflows(InterruptedTable(table, before_write=[removes_itself]))
    with pytest.raises(ChangedConcurrently):
        slower.replace(active, deactivated(active))
    slower.replace(active, deactivated(active))
    assert ItemScheduleStore(table).of_owner(draft.id) == []


def test_as_many_routes_and_schedules_as_fit_are_stored_and_more_are_refused(table: Table) -> None:
    watched = WatchedTable(table)
    draft = drafted(watched)
    active = activated(draft).model_copy(update={"name": f"renamed {draft.id}"})
    routes = [route(draft.id, f"/{uuid4()}") for _ in range(MOST_ROUTES // 2)]
    found = [of_workflow(draft, f"t{number}") for number in range(MOST_ROUTES - len(routes) + 1)]
    with pytest.raises(InvalidTriggerConfig):
        workflows(watched).replace(draft, active, routes, schedules=found)
    workflows(watched).replace(draft, active, routes, schedules=found[1:])
    assert len(ItemScheduleStore(table).of_owner(draft.id)) == len(found) - 1
    workflows(watched).replace(active, deactivated(active))
    assert ItemScheduleStore(table).of_owner(draft.id) == []
    assert max(watched.writes) <= 100

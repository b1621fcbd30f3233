"""The contract of `ports.ExecutorConfigurationStore`, over every home's table (Flowker spec c.2)."""

from base64 import b64decode
from decimal import Decimal
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Put, Query, Table
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.outbox import notice_of
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import (
    ChangedConcurrently,
    ExecutorConfigurationNameTaken,
    ExecutorConfigurationNotFound,
    InvalidQuery,
    UnknownSchema,
)
from flowker.model.audit import EventType, happened
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorConfigurationStatus
from flowker.model.instant import moment
from flowker.model.page import PageQuery
from flowker.model.workflow import Workflow, WorkflowStatus
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    BOTH_DIRECTIONS,
    InterruptedTable,
    WatchedTable,
    executor_configuration,
    in_order,
    instant,
    listed,
    workflow,
)

Status = ExecutorConfigurationStatus


def over(table: Table, blobs: MemoryBlobs | None = None) -> ItemExecutorConfigurationStore:
    return ItemExecutorConfigurationStore(table, blobs or MemoryBlobs(), PlainCipher())


@pytest.fixture
def store(table: Table) -> ItemExecutorConfigurationStore:
    return over(table)


def changed(before: ExecutorConfiguration, **values: object) -> ExecutorConfiguration:
    return before.model_copy(update={"version": before.version + 1, "updated_at": instant(1), **values})


def test_what_was_added_is_read_back_whole(store: ItemExecutorConfigurationStore) -> None:
    added = executor_configuration(
        description="scores", metadata={"team": None, "limit": Decimal("1.50")}, last_tested_at=instant(3)
    )
    store.add(added)
    assert store.get(added.id) == added


def test_an_unconfigured_one_is_read_back(store: ItemExecutorConfigurationStore) -> None:
    added = ExecutorConfiguration(
        id=str(uuid4()),
        name=f"later {uuid4()}",
        status=Status.UNCONFIGURED,
        created_at=instant(0),
        updated_at=instant(0),
    )
    store.add(added)
    assert store.get(added.id) == added


def test_an_unknown_one_is_not_found(store: ItemExecutorConfigurationStore) -> None:
    with pytest.raises(ExecutorConfigurationNotFound):
        store.get(str(uuid4()))


def test_many_are_read_at_once_and_absent_ones_are_left_out(table: Table) -> None:
    one, two = executor_configuration(), executor_configuration()
    over(table).add(one)
    over(table).add(two)
    watched = WatchedTable(table)
    found = over(watched).get_many([two.id, str(uuid4()), one.id, two.id])
    assert found == {one.id: one, two.id: two}
    assert watched.gets == [3]


def test_adding_costs_one_write_and_reading_one_read(table: Table) -> None:
    watched = WatchedTable(table)
    added = executor_configuration()
    over(watched).add(added)
    over(watched).get(added.id)
    assert watched.requests == (1, 0, 1)


def test_a_name_is_taken_once(store: ItemExecutorConfigurationStore) -> None:
    first = executor_configuration()
    second = executor_configuration(name=first.name)
    store.add(first)
    with pytest.raises(ExecutorConfigurationNameTaken):
        store.add(second)
    assert store.get_many([first.id, second.id]) == {first.id: first}


def test_a_replacement_is_stored_under_the_next_version(store: ItemExecutorConfigurationStore) -> None:
    before = executor_configuration(description="old")
    store.add(before)
    after = changed(before, description=None, status=Status.TESTED, last_tested_at=instant(1))
    store.replace(before, after)
    assert store.get(before.id) == after
    store.replace(before=after, after=after)
    assert store.get(before.id).version == 3


def test_renaming_swaps_the_names(store: ItemExecutorConfigurationStore) -> None:
    before, other = executor_configuration(), executor_configuration()
    store.add(before)
    store.add(other)
    with pytest.raises(ExecutorConfigurationNameTaken):
        store.replace(before, changed(before, name=other.name))
    assert store.get(before.id) == before
    after = changed(before, name=f"renamed {before.id}")
    store.replace(before, after)
    store.add(executor_configuration(name=before.name))
    with pytest.raises(ExecutorConfigurationNameTaken):
        store.add(executor_configuration(name=after.name))


def test_of_two_writers_who_read_the_same_the_second_is_refused(table: Table) -> None:
    store, seen = over(table), executor_configuration()
    store.add(seen)
    faster = changed(seen, description="faster")
    slower = over(InterruptedTable(table, before_write=[lambda: store.replace(seen, faster)]))
    with pytest.raises(ChangedConcurrently):
        slower.replace(seen, changed(seen, description="slower"))
    with pytest.raises(ChangedConcurrently):
        store.delete(seen)
    assert store.get(seen.id) == faster


def test_deleting_frees_the_name_and_happens_once(store: ItemExecutorConfigurationStore) -> None:
    gone = executor_configuration()
    store.add(gone)
    store.delete(gone)
    with pytest.raises(ExecutorConfigurationNotFound):
        store.get(gone.id)
    with pytest.raises(ChangedConcurrently):
        store.delete(gone)
    with pytest.raises(ChangedConcurrently):
        store.replace(gone, changed(gone))
    store.add(executor_configuration(name=gone.name))


def test_every_change_announces_its_events(table: Table, store: ItemExecutorConfigurationStore) -> None:
    added = executor_configuration()
    events = [
        happened(kind, added.id, id=str(uuid4()), at=moment(instant(number)))
        for number, kind in enumerate(
            [
                EventType.EXECUTOR_CONFIG_CREATED,
                EventType.EXECUTOR_CONFIG_UPDATED,
                EventType.EXECUTOR_CONFIG_DELETED,
            ]
        )
    ]
    store.add(added, events[:1])
    store.replace(added, changed(added), events[1:2])
    store.delete(store.get(added.id), events[2:])
    waiting = table.query(Query(keys.EXECUTIONS, keys.outbox_of(keys.shard(added.id))))
    assert [event for stored in waiting for event in notice_of(stored).events] == events


# --- lists ------------------------------------------------------------------------------------------------------------


@BOTH_DIRECTIONS
@pytest.mark.parametrize(
    ("sort_by", "field"), [("createdAt", "created_at"), ("updatedAt", "updated_at"), ("name", "name")]
)
def test_they_are_listed_in_the_order_asked_ties_by_id(
    sort_by: str, field: str, ascending: bool, store: ItemExecutorConfigurationStore
) -> None:
    added = [
        executor_configuration(created_at=instant(number // 3), updated_at=instant(number % 3))
        for number in range(7)
    ]
    for each in added:
        store.add(each)
    found = listed(store.list, PageQuery(3, sort_by, ascending))
    assert found == in_order(added, lambda each: getattr(each, field), ascending)


def test_they_are_filtered_by_status(store: ItemExecutorConfigurationStore) -> None:
    added = [executor_configuration(status=status) for status in Status for _ in range(2)]
    for each in added:
        store.add(each)
    found = listed(store.list, PageQuery(2, "name", True, where={"status": ["tested"]}))
    assert found == in_order(added[4:6], lambda each: each.name, True)


def test_the_list_is_sorted_by_nothing_else(store: ItemExecutorConfigurationStore) -> None:
    with pytest.raises(InvalidQuery):
        store.list(PageQuery(10, "status"))


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_credentials_are_sealed(table: Table, store: ItemExecutorConfigurationStore) -> None:
    added = executor_configuration()
    store.add(added)
    (stored,) = table.get([keys.executor_configuration(added.id)])
    assert stored is not None
    assert "hunter2" not in str(stored)
    assert b64decode(str(stored["body"])).startswith(f"sealed for {stored['pk']}:".encode())


def test_credentials_cannot_be_moved_to_another_one(
    table: Table, store: ItemExecutorConfigurationStore
) -> None:
    one, other = executor_configuration(), executor_configuration()
    store.add(one)
    store.add(other)
    from_one, of_other = table.get(
        [keys.executor_configuration(one.id), keys.executor_configuration(other.id)]
    )
    assert from_one is not None
    assert of_other is not None
    table.write([Put(keys.DEFINITIONS, {**of_other, "body": from_one["body"]}, when=None)])
    with pytest.raises(ValueError, match="sealed for something else"):
        store.get(other.id)


def test_a_large_one_goes_to_a_blob(table: Table) -> None:
    added = executor_configuration(metadata={"notes": "x" * 900_000})
    blobs = MemoryBlobs()
    store = over(table, blobs)
    store.add(added)
    assert store.get(added.id) == added
    (stored,) = table.get([keys.executor_configuration(added.id)])
    assert stored is not None
    assert blobs.get(str(stored["body_blob"])).startswith(b"sealed for ")


def test_an_item_of_an_unknown_schema_is_refused(table: Table, store: ItemExecutorConfigurationStore) -> None:
    added = executor_configuration()
    store.add(added)
    (stored,) = table.get([keys.executor_configuration(added.id)])
    assert stored is not None
    table.write([Put(keys.DEFINITIONS, {**stored, "schema": 0}, when=None)])
    with pytest.raises(UnknownSchema):
        store.get(added.id)


# --- promotion --------------------------------------------------------------------------------------------------------


def activated(before: Workflow) -> Workflow:
    changes = {"status": WorkflowStatus.ACTIVE, "version": before.version + 1, "updated_at": instant(5)}
    return before.model_copy(update=changes)


def test_it_becomes_active_with_the_workflow_that_refers_to_it(
    table: Table, store: ItemExecutorConfigurationStore
) -> None:
    workflows = ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())
    draft, earlier, later = (
        workflow(),
        executor_configuration(),
        executor_configuration(updated_at=instant(4)),
    )
    workflows.add(draft)
    store.add(earlier)
    store.add(later)
    workflows.replace(draft, activated(draft), promoted=[earlier])
    promoted = changed(earlier, status=Status.ACTIVE, updated_at=instant(5))
    assert store.get(earlier.id) == promoted
    assert workflows.get(draft.id).status == "active"
    assert listed(store.list, PageQuery(10, "updatedAt")) == [earlier.id, later.id]
    store.replace(promoted, changed(promoted, status=Status.DISABLED))


@pytest.mark.parametrize("gone", [False, True])
def test_neither_becomes_active_if_it_is_no_longer_what_was_read(
    table: Table, store: ItemExecutorConfigurationStore, gone: bool
) -> None:
    workflows = ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())
    draft, seen = workflow(), executor_configuration()
    workflows.add(draft)
    store.add(seen)
    if gone:
        store.delete(seen)
    else:
        store.replace(seen, changed(seen, endpoints=()))
    with pytest.raises(ChangedConcurrently, match="executor configuration"):
        workflows.replace(draft, activated(draft), promoted=[seen])
    assert workflows.get(draft.id) == draft

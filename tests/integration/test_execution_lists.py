"""The list of executions, page by page, over every home's table (Flowker spec a.1)."""

from collections.abc import Sequence
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters import keys
from flowker.adapters.items import Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.errors import InvalidQuery
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.page import Cursor, Page, PageQuery
from tests.fakes import MemoryBlobs, MemoryTable
from tests.integration.samples import (
    BOTH_DIRECTIONS,
    GatheringTable,
    InterruptedTable,
    WatchedTable,
    execution,
    failure,
    in_order,
    instant,
    listed,
    pages,
)


def executions_over(table: Table) -> ItemExecutionStore:
    return ItemExecutionStore(table, MemoryBlobs())


def start(store: ItemExecutionStore, count: int, workflow_id: str) -> Sequence[Execution]:
    """Executions that started in pairs at the same time."""
    added = [execution(workflow_id, started_at=instant(number // 2)) for number in range(count)]
    gathering = GatheringTable(store.table)
    for each in added:
        executions_over(gathering).add(each, {}, None)
    gathering.flush()
    return added


@BOTH_DIRECTIONS
def test_executions_of_a_workflow_are_listed_over_many_pages(ascending: bool, faithful_table: Table) -> None:
    """Not on moto, which takes ten seconds for it."""
    store, workflow_id = executions_over(faithful_table), str(uuid4())
    added = start(store, 130, workflow_id)
    start(store, 2, str(uuid4()))
    query = PageQuery(50, "startedAt", ascending, where={"workflow_id": [workflow_id]})
    walked = [[each.id for each in page.items] for page in pages(store.list, query)]
    assert [len(page) for page in walked] == [50, 50, 30]
    assert [each for page in walked for each in page] == in_order(
        added, lambda each: each.started_at, ascending
    )


@BOTH_DIRECTIONS
def test_unfinished_executions_come_last_by_their_start_when_sorted_by_completion(
    ascending: bool, table: Table
) -> None:
    store, workflow_id = executions_over(table), str(uuid4())
    added = start(store, 12, workflow_id)
    for number, each in enumerate(added[:7]):
        store.finish(
            each.id, failure(20 - number // 2) if number % 2 else Outcome(at=instant(20 - number // 2))
        )
    ended = in_order([store.get(each.id) for each in added[:7]], completed_at, ascending)
    unfinished = in_order(added[7:], lambda each: each.started_at, ascending)
    for limit in (1, 5, 7, 12):
        query = PageQuery(limit, "completedAt", ascending, where={"workflow_id": [workflow_id]})
        assert listed(store.list, query) == ended + unfinished


def completed_at(each: Execution) -> str:
    assert each.outcome is not None
    return each.outcome.at


@BOTH_DIRECTIONS
@pytest.mark.parametrize("sort_by", ["startedAt", "completedAt"])
def test_executions_are_filtered_by_status(sort_by: str, ascending: bool, table: Table) -> None:
    store, workflow_id = executions_over(table), str(uuid4())
    added = start(store, 9, workflow_id)
    for number, each in enumerate(added[:6]):
        store.finish(each.id, failure(20 + number) if number % 2 else Outcome(at=instant(20 + number)))
    expected = {"completed": added[0:6:2], "failed": added[1:6:2], "pending": added[6:], "running": []}
    for status, those in expected.items():
        query = PageQuery(2, sort_by, ascending, where={"workflow_id": [workflow_id], "status": [status]})
        assert listed(store.list, query) == in_order(those, lambda each: each.started_at, ascending)
    query = PageQuery(
        2, sort_by, ascending, where={"workflow_id": [workflow_id], "status": ["failed", "pending"]}
    )
    assert set(listed(store.list, query)) == {each.id for each in [*expected["failed"], *expected["pending"]]}


def test_the_list_of_unfinished_executions_passes_over_no_finished_one(table: Table) -> None:
    watched = WatchedTable(table)
    where = {"status": [status.value for status in ExecutionStatus if not status.terminal]}
    executions_over(watched).list(PageQuery(10, "startedAt", True, where=where))
    assert {query.prefix for query in watched.queries} == {keys.OPEN}
    assert len(watched.queries) == keys.SHARDS


@BOTH_DIRECTIONS
def test_all_executions_are_listed_whatever_their_workflow(ascending: bool, table: Table) -> None:
    store = executions_over(table)
    added = [*start(store, 10, str(uuid4())), *start(store, 11, str(uuid4()))]
    found = listed(store.list, PageQuery(100, "startedAt", ascending))
    assert found == in_order(added, lambda each: each.started_at, ascending)


def test_a_page_of_executions_costs_a_query_for_each_partition_and_one_read(table: Table) -> None:
    start(executions_over(table), 3, workflow_id := str(uuid4()))
    watched = WatchedTable(table)
    executions_over(watched).list(PageQuery(100, "startedAt", where={"workflow_id": [workflow_id]}))
    assert watched.requests == (1, keys.SHARDS, 0)


def test_an_execution_that_ends_while_a_page_is_read_does_not_pass_the_old_filter(table: Table) -> None:
    store, workflow_id = executions_over(table), str(uuid4())
    added = start(store, 3, workflow_id)
    ending = [lambda: None] * (keys.SHARDS - 1) + [lambda: assert_ended(store, added[1].id)]
    watched = executions_over(InterruptedTable(table, after_query=ending))
    where = {"workflow_id": [workflow_id], "status": ["pending"]}
    page = watched.list(PageQuery(3, "startedAt", True, where=where))
    assert [each.id for each in page.items] == [added[0].id, added[2].id]


def assert_ended(store: ItemExecutionStore, execution_id: str) -> None:
    assert store.finish(execution_id, failure())


# --- cursors ---------------------------------------------------------------------------------------------------------


def test_the_cursor_brings_its_own_sort(table: Table) -> None:
    store, workflow_id = executions_over(table), str(uuid4())
    added = start(store, 4, workflow_id)
    where = {"workflow_id": [workflow_id]}
    first = store.list(PageQuery(2, "startedAt", True, where=where))
    second = store.list(PageQuery(2, "completedAt", False, first.next_cursor, where))
    assert [each.id for page in (first, second) for each in page.items] == in_order(
        added, lambda each: each.started_at, True
    )
    assert second.next_cursor is None


def test_a_sort_that_the_list_does_not_know_is_refused_in_a_cursor_too(table: Table) -> None:
    with pytest.raises(InvalidQuery):
        executions_over(table).list(PageQuery(1, "createdAt"))
    with pytest.raises(InvalidQuery):
        executions_over(table).list(PageQuery(1, "startedAt", cursor=Cursor("createdAt", True, "x")))


def test_a_list_of_nothing_is_one_empty_page(table: Table) -> None:
    for sort_by in ("startedAt", "completedAt"):
        query = PageQuery(10, sort_by, where={"workflow_id": [str(uuid4())]})
        assert executions_over(table).list(query) == Page([], None)


def test_a_walk_sees_every_old_row_once_while_new_ones_arrive(table: Table) -> None:
    for ascending in (True, False):
        store, workflow_id = executions_over(table), str(uuid4())
        added = start(store, 7, workflow_id)
        seen: list[str] = []
        query = PageQuery(2, "startedAt", ascending, where={"workflow_id": [workflow_id]})
        for page in pages(store.list, query):
            seen += [each.id for each in page.items]
            if len(seen) < 6:
                start(store, 2, workflow_id)
        assert len(seen) == len(set(seen))
        assert [each for each in seen if each in {old.id for old in added}] == in_order(
            added, lambda each: each.started_at, ascending
        )


@settings(max_examples=60, deadline=None)
@given(
    old=st.lists(st.tuples(st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=14),
    new=st.lists(st.lists(st.integers(0, 5), max_size=3), max_size=8),
    limit=st.integers(1, 5),
    sort_by=st.sampled_from(["startedAt", "completedAt"]),
    ascending=st.booleans(),
)
def test_any_walk_sees_every_old_row_once_and_in_order(
    old: list[tuple[int, int | None]], new: list[list[int]], limit: int, sort_by: str, ascending: bool
) -> None:
    store, workflow_id = executions_over(MemoryTable()), str(uuid4())
    for started, ended in old:
        store.add(each := execution(workflow_id, started_at=instant(started)), {}, None)
        if ended is not None:
            store.finish(each.id, Outcome(at=instant(ended)))
    before = listed(store.list, PageQuery(100, sort_by, ascending))
    assert len(before) == len(old)
    seen: list[str] = []
    for number, page in enumerate(pages(store.list, PageQuery(limit, sort_by, ascending))):
        seen += [each.id for each in page.items]
        for started in new[number] if number < len(new) else []:
            store.add(execution(workflow_id, started_at=instant(started)), {}, None)
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in set(before)] == before

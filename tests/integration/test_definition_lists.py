"""The lists of workflows and provider configurations, page by page, over every home's table (Flowker spec a.1)."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Put, Table
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.listing import MOST_BYTES
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import InvalidQuery
from flowker.model.page import Cursor, PageQuery
from flowker.model.provider import ProviderConfigurationStatus
from flowker.model.workflow import Workflow, WorkflowStatus
from tests.fakes import MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import (
    BOTH_DIRECTIONS,
    InterruptedTable,
    WatchedTable,
    configuration,
    executor_configuration,
    in_order,
    instant,
    listed,
    pages,
    workflow,
)


def workflows_over(table: Table) -> ItemWorkflowStore:
    return ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())


def configurations_over(table: Table) -> ItemProviderConfigurationStore:
    return ItemProviderConfigurationStore(table, MemoryBlobs(), PlainCipher())


class ReadBlobs(MemoryBlobs):
    """Blobs that count how many were read."""

    reads = 0

    def get(self, key: str) -> bytes:
        self.reads += 1
        return super().get(key)


@BOTH_DIRECTIONS
@pytest.mark.parametrize(
    ("sort_by", "field"), [("createdAt", "created_at"), ("updatedAt", "updated_at"), ("name", "name")]
)
def test_workflows_are_listed_whole_in_the_order_asked_ties_by_id(
    sort_by: str, field: str, ascending: bool, table: Table
) -> None:
    store = workflows_over(table)
    added = [workflow(created_at=instant(number // 3), updated_at=instant(number % 3)) for number in range(7)]
    for each in added:
        store.add(each)
    found = listed(store.list, PageQuery(3, sort_by, ascending))
    assert found == in_order(added, lambda each: getattr(each, field), ascending)
    assert sorted(store.list(PageQuery(100, sort_by)).items, key=added.index) == added


def test_a_name_precedes_the_names_that_begin_with_it(table: Table) -> None:
    store, root = workflows_over(table), f"n{uuid4()}"
    added = [workflow(name=root + ending) for ending in ("", " b", "!", "#", "0", "é", "😀", "\uffff")]
    for each in added:
        store.add(each)
    assert listed(store.list, PageQuery(3, "name", True)) == in_order(added, lambda each: each.name, True)


def test_workflows_are_filtered_by_status(table: Table) -> None:
    store = workflows_over(table)
    added = [workflow(status=status) for status in WorkflowStatus for _ in range(2)]
    for each in added:
        store.add(each)
    found = listed(store.list, PageQuery(2, "createdAt", True, where={"status": ["active"]}))
    assert found == in_order(added[2:4], lambda each: each.created_at, True)


def test_a_page_of_workflows_costs_one_query_and_a_read_for_each_fifty(table: Table) -> None:
    store = workflows_over(table)
    for _ in range(3):
        store.add(workflow())
    watched = WatchedTable(table)
    workflows_over(watched).list(PageQuery(3, "createdAt"))
    assert watched.requests == (1, 1, 0)
    assert watched.gets == [6]


def test_no_request_names_more_keys_than_a_read_takes() -> None:
    watched = WatchedTable(MemoryTable())
    store = workflows_over(watched)
    for _ in range(101):
        store.add(workflow())
    page = store.list(PageQuery(100, "createdAt"))
    assert (len(page.items), page.next_cursor is None) == (100, False)
    assert watched.gets == [100, 100]


def large(share: float) -> dict[str, str]:
    """Metadata that take this share of a page."""
    return {"text": "x" * int(MOST_BYTES * share)}


@BOTH_DIRECTIONS
@pytest.mark.parametrize("kind", ["workflows", "executors", "provider configurations"])
def test_a_page_ends_before_it_is_too_large_for_an_answer(kind: str, ascending: bool, table: Table) -> None:
    make: Callable[..., Any]
    store: Any
    store, make = {
        "workflows": (workflows_over(table), workflow),
        "executors": (
            ItemExecutorConfigurationStore(table, MemoryBlobs(), PlainCipher()),
            executor_configuration,
        ),
        "provider configurations": (configurations_over(table), configuration),
    }[kind]
    shares = [0.0, 0.3, 0.3, 0.3, 0.6, 1.1, 0.2, 0.0]
    added = [
        make(metadata=large(share), created_at=instant(number), updated_at=instant(number))
        for number, share in enumerate(shares)
    ]
    for each in added:
        store.add(each)
    walked = list(pages(store.list, PageQuery(100, "createdAt", ascending)))
    numbers = [[added.index(each) for each in page.items] for page in walked]
    assert numbers == ([[0, 1, 2, 3], [4], [5], [6, 7]] if ascending else [[7, 6], [5], [4, 3], [2, 1, 0]])


def test_what_does_not_fit_on_a_page_is_not_read_for_it() -> None:
    blobs = ReadBlobs()
    store = ItemWorkflowStore(watched := WatchedTable(MemoryTable()), blobs, PlainCipher())
    for number in range(8):
        store.add(workflow(metadata=large(0.4), created_at=instant(number)))
    assert len(store.list(PageQuery(100, "createdAt")).items) == 2
    assert (watched.gets, blobs.reads) == ([4], 2)


def test_a_change_changes_how_many_fit_on_a_page(table: Table) -> None:
    store = workflows_over(table)
    added = [workflow(created_at=instant(number)) for number in range(3)]
    for each in added:
        store.add(each)
    assert [len(page.items) for page in pages(store.list, PageQuery(100, "createdAt", True))] == [3]
    for each in added[:2]:
        store.replace(each, each.model_copy(update={"metadata": large(0.6), "version": 2}))
    assert [len(page.items) for page in pages(store.list, PageQuery(100, "createdAt", True))] == [1, 2]


@BOTH_DIRECTIONS
def test_provider_configurations_are_filtered_by_status_and_provider(ascending: bool, table: Table) -> None:
    store, provider_id = configurations_over(table), f"p{uuid4()}"
    added = [configuration(provider_id=provider_id, created_at=instant(number // 2)) for number in range(5)]
    disabled = configuration(provider_id=provider_id, status=ProviderConfigurationStatus.DISABLED)
    for each in [*added, disabled, configuration()]:
        store.add(each)
    where = {"provider_id": [provider_id], "status": ["active"]}
    found = listed(store.list, PageQuery(2, "createdAt", ascending, where=where))
    assert found == in_order(added, lambda each: each.created_at, ascending)
    all_of_it = listed(store.list, PageQuery(4, "name", ascending, where={"provider_id": [provider_id]}))
    assert all_of_it == in_order([*added, disabled], lambda each: each.name, ascending)


def test_what_is_deleted_or_changed_while_a_page_is_read_is_left_out_and_paging_goes_on(table: Table) -> None:
    store, provider_id = configurations_over(table), f"p{uuid4()}"
    added = [configuration(provider_id=provider_id, created_at=instant(number)) for number in range(6)]
    for each in added:
        store.add(each)

    def interfere() -> None:
        store.delete(added[1])
        disabled = added[2].model_copy(update={"status": ProviderConfigurationStatus.DISABLED})
        store.replace(added[2], disabled)

    watched = configurations_over(InterruptedTable(table, after_query=[interfere]))
    where = {"provider_id": [provider_id], "status": ["active"]}
    walked = list(pages(watched.list, PageQuery(3, "createdAt", True, where=where)))
    assert [[each.id for each in page.items] for page in walked] == [
        [added[0].id],
        [each.id for each in added[3:]],
    ]


def only(one: Workflow) -> PageQuery:
    """A page that begins and ends with this workflow."""
    return PageQuery(1, "name", cursor=Cursor("name", True, keys.sort_text(one.name, "")))


def test_a_workflow_that_is_deleted_while_a_page_is_read_is_left_out(table: Table) -> None:
    store, gone = workflows_over(table), workflow()
    store.add(gone)
    assert store.list(only(gone)).items == (gone,)
    deleting = workflows_over(InterruptedTable(table, after_query=[lambda: store.delete(gone)]))
    assert deleting.list(only(gone)).items == ()


@pytest.mark.parametrize("deleted", [False, True])
def test_a_list_never_mixes_two_versions_of_a_workflow(deleted: bool, table: Table) -> None:
    store, before = workflows_over(table), workflow(description="old")
    store.add(before)
    (stale,) = table.get([keys.workflow_body(before.id)])
    after = before.model_copy(update={"version": 2, "description": "new"})
    store.replace(before, after)
    (current,) = table.get([keys.workflow_body(before.id)])
    assert stale is not None
    assert current is not None
    table.write([Put(keys.DEFINITIONS, stale, when=None)])

    def settle() -> None:
        table.write([Put(keys.DEFINITIONS, current, when=None)])
        if deleted:
            store.delete(after)

    between = workflows_over(InterruptedTable(table, after_get=[settle]))
    assert between.list(only(before)).items == (() if deleted else (after,))


def test_a_sort_that_the_list_does_not_know_is_refused_in_a_cursor_too(table: Table) -> None:
    for list_page in (workflows_over(table).list, configurations_over(table).list):
        with pytest.raises(InvalidQuery):
            list_page(PageQuery(1, "startedAt"))
        with pytest.raises(InvalidQuery):
            list_page(PageQuery(1, "name", cursor=Cursor("startedAt", True, "x")))

"""Whoever walks a list sees every row that stays where it is exactly once and in order, whatever happens to the others
meanwhile, between two pages and between the reads of one (Flowker spec a.1)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from uuid import NAMESPACE_OID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.items import Blobs, Cipher, Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.listing import MOST_BYTES
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.instant import moment
from flowker.model.page import Page, PageQuery
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    configuration,
    execution,
    executor_configuration,
    failure,
    instant,
    launch,
    pages,
    step,
    workflow,
)

WORKFLOW = str(uuid5(NAMESPACE_OID, "the workflow"))
LARGE = "x" * (MOST_BYTES * 2 // 3)
Action = tuple[str, int, int]
"""What is done, to which row, and a number that goes into it."""


def identity(number: int) -> str:
    """Ids that sort differently than their numbers."""
    return str(uuid5(NAMESPACE_OID, str(number)))


class Rows(Protocol):
    """Rows of one list, and what happens to them. A verb that is not possible now does nothing."""

    now: dict[str, Any]
    """What is stored, by id."""

    def add(self, number: int) -> None: ...

    def act(self, verb: str, row_id: str, number: int) -> None: ...

    def page(self, table: Table, query: PageQuery) -> Page[Any]: ...

    def sort_key(self, row: Any, sort_by: str) -> tuple[Any, ...]: ...


@dataclass
class Definitions:
    """Workflows or configurations: they are renamed, touched, turned and deleted. Some are so large that only one of them
    fits on a page."""

    table: Table
    store: Callable[[Table, Blobs, Cipher], Any]
    make: Callable[..., Any]
    statuses: Sequence[str]
    now: dict[str, Any] = field(default_factory=dict)
    changes: int = 0
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)

    def add(self, number: int) -> None:
        new_id = identity(self.changes)
        times = {"created_at": instant(number % 4), "updated_at": instant(number % 3)}
        status = self.statuses[number % len(self.statuses)]
        metadata = {"text": LARGE} if number == 11 else {}
        new = self.make(id=new_id, name=self._name(number), status=status, metadata=metadata, **times)
        self._store(self.table).add(new, self._event(new_id))
        self.now[new_id] = new

    def act(self, verb: str, row_id: str, number: int) -> None:
        before = self.now[row_id]
        if verb == "remove":
            self._store(self.table).delete(self.now.pop(row_id), self._event(row_id))
            return
        changes: dict[str, Any] = {"updated_at": instant(number)}
        if verb == "rename":
            changes = {"name": self._name(number)}
        if verb == "turn":
            changes = {"status": type(before.status)(self.statuses[number % len(self.statuses)])}
        after = before.model_copy(update={**changes, "version": before.version + 1})
        self._store(self.table).replace(before, after, audit=self._event(row_id))
        self.now[row_id] = after

    def _name(self, number: int) -> str:
        self.changes += 1
        return f"{'!m~'[number % 3]}{self.changes}"

    def _event(self, row_id: str) -> Sequence[AuditEvent]:
        self.changes += 1
        at = moment(instant(0))
        return [happened(EventType.WORKFLOW_UPDATED, row_id, id=identity(self.changes), at=at)]

    def page(self, table: Table, query: PageQuery) -> Page[Any]:
        page: Page[Any] = self._store(table).list(query)
        return page

    def _store(self, table: Table) -> Any:
        return self.store(table, self.blobs, PlainCipher())

    def sort_key(self, row: Any, sort_by: str) -> tuple[Any, ...]:
        names = {"createdAt": "created_at", "updatedAt": "updated_at", "name": "name"}
        return getattr(row, names[sort_by]), row.id


@dataclass
class Executions:
    """They start to run, and end, well or badly."""

    table: Table
    now: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def add(self, number: int) -> None:
        new = execution(id=identity(self.count), launch=launch(WORKFLOW), started_at=instant(number % 4))
        self.count += 1
        self._store(self.table).add(new, {}, None)
        self.now[new.id] = new

    def act(self, verb: str, row_id: str, number: int) -> None:
        row: Execution = self.now[row_id]
        if row.status.terminal:
            return
        if verb == "turn":
            runs = ItemNodeRunStore(self.table, MemoryBlobs(), PlainCipher())
            runs.record(row, [step(f"node {row.recorded}")], 1, None)
            self.now[row_id] = self._store(self.table).get(row_id)
        else:
            at = 10 + number % 3
            outcome = failure(at) if verb == "remove" else Outcome(at=instant(at))
            assert self._store(self.table).finish(row_id, outcome)
            self.now[row_id] = self._store(self.table).get(row_id)

    def page(self, table: Table, query: PageQuery) -> Page[Any]:
        where = {**query.where, "workflow_id": [WORKFLOW]}
        whose = PageQuery(query.limit, query.sort_by, query.ascending, query.cursor, where)
        return self._store(table).list(query if query.limit % 2 else whose)

    def _store(self, table: Table) -> ItemExecutionStore:
        return ItemExecutionStore(table, MemoryBlobs())

    def sort_key(self, row: Any, sort_by: str) -> tuple[Any, ...]:
        """Unfinished ones are last in both directions, see `in_walk`."""
        if sort_by == "startedAt":
            return row.started_at, row.id
        return row.outcome.at if row.outcome else row.started_at, row.id


LISTS: Mapping[str, Callable[[Table], Rows]] = {
    "workflows": lambda table: Definitions(table, ItemWorkflowStore, workflow, ["draft", "active"]),
    "executors": lambda table: Definitions(
        table, ItemExecutorConfigurationStore, executor_configuration, ["tested", "active"]
    ),
    "provider-configurations": lambda table: Definitions(
        table, ItemProviderConfigurationStore, configuration, ["active", "disabled"]
    ),
    "executions": Executions,
}
SORTS = {"executions": ["startedAt", "completedAt"]}
FILTERS: Mapping[str, Sequence[Sequence[str]]] = {
    "workflows": [["draft"], ["active"]],
    "executors": [["tested"], ["active"]],
    "provider-configurations": [["active"], ["disabled"]],
    "executions": [["pending"], ["running"], ["completed"], ["failed"], ["pending", "running"]],
}

NUMBERS = st.integers(0, 11)
ACTIONS = st.tuples(st.sampled_from(["add", "touch", "rename", "turn", "remove"]), NUMBERS, NUMBERS)
HAPPENINGS = st.lists(st.lists(ACTIONS, max_size=3), max_size=12)
"""What happens after each read, in turn."""


@dataclass
class Observed:
    """Rows, and which of them have kept their place and have passed the filter since the walk began."""

    rows: Rows
    query: PageQuery
    steady: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steady = {row_id: self._place(row) for row_id, row in self.rows.now.items() if self._passes(row)}

    def happen(self, actions: Sequence[Action]) -> None:
        for verb, index, number in actions:
            ids = sorted(self.rows.now)
            if verb == "add" or not ids:
                self.rows.add(number)
                continue
            row_id = ids[index % len(ids)]
            self.rows.act(verb, row_id, number)
            row = self.rows.now.get(row_id)
            if row is None or not self._passes(row) or self._place(row) != self.steady.get(row_id):
                self.steady.pop(row_id, None)

    def _passes(self, row: Any) -> bool:
        return row.status in self.query.where.get("status", [row.status])

    def _place(self, row: Any) -> tuple[Any, ...]:
        by_end = self.query.sort_by == "completedAt"
        return by_end and not row.status.terminal, *self.rows.sort_key(row, self.query.sort_by)

    def in_walk(self) -> list[str]:
        """The steady rows in the order of the walk: unfinished executions after the others, whatever the direction."""
        by_place = sorted(
            self.steady, key=lambda row_id: self.steady[row_id][1:], reverse=not self.query.ascending
        )
        return sorted(by_place, key=lambda row_id: self.steady[row_id][0])


@contextmanager
def empty_table(home: str) -> Iterator[Table]:
    if home == "memory":
        yield MemoryTable()
        return
    with TemporaryDirectory() as folder, closing(SqliteTable(Path(folder) / "flowker.db")) as table:
        yield table


def check_walk(home: str, name: str, data: st.DataObject) -> None:
    with empty_table(home) as table:
        rows = LISTS[name](table)
        for number in data.draw(st.lists(NUMBERS, min_size=4, max_size=12), label="rows"):
            rows.add(number)
        before = data.draw(st.lists(ACTIONS, max_size=8), label="before the walk")
        statuses = data.draw(st.none() | st.sampled_from(FILTERS[name]), label="statuses")
        query = PageQuery(
            limit=data.draw(st.integers(1, 4), label="limit"),
            sort_by=data.draw(st.sampled_from(SORTS.get(name, ["createdAt", "updatedAt", "name"]))),
            ascending=data.draw(st.booleans(), label="ascending"),
            where={"status": statuses} if statuses else {},
        )
        Observed(rows, query).happen(before)
        observed = Observed(rows, query)
        script = [partial(observed.happen, each) for each in data.draw(HAPPENINGS, label="during the walk")]
        busy = InterruptedTable(table, after_query=script[::2], after_get=script[1::2])
        seen: list[Any] = []
        for page in pages(partial(rows.page, busy), query):
            seen += page.items
        ids = [each.id for each in seen]
        assert [row_id for row_id in ids if row_id in observed.steady] == observed.in_walk()
        assert all(each.status in (statuses or [each.status]) for each in seen)


@pytest.mark.parametrize("name", sorted(LISTS.keys() - {"executions"}))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_walk_over_definitions_repeats_and_skips_no_row_that_stays(name: str, data: st.DataObject) -> None:
    check_walk("memory", name, data)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_walk_over_executions_repeats_and_skips_no_row_that_stays(data: st.DataObject) -> None:
    check_walk("memory", "executions", data)


@pytest.mark.parametrize("name", LISTS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_walk_over_sqlite_repeats_and_skips_no_row_that_stays(name: str, data: st.DataObject) -> None:
    check_walk("sqlite", name, data)


def test_the_rows_of_these_tests_have_every_status() -> None:
    assert {status for group in FILTERS["executions"] for status in group} == {*ExecutionStatus}

"""Dashboards count exactly, at once, whoever is at work meanwhile, and at a cost that does not grow (Flowker spec j.1)."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters import keys
from flowker.adapters.items import Item, Key, Put, Query, Table, Write
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.counters import REMEMBERED, ItemCounters, Span, counting
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.outbox import Move, Notice
from flowker.adapters.stores.record import item
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.errors import StoreUnavailable
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.instant import MILLISECOND, instant, moment, span
from flowker.model.workflow import WorkflowStatus
from tests.fakes import MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import InterruptedTable, WatchedTable, execution, failure, step, workflow
from tests.trails import START, outbox

END = Outcome(at="2026-03-02T10:00:00.000Z")


class World:
    """Executions and workflows that change, over a table, and a consumer that follows when it is told to."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.executions = ItemExecutionStore(table, MemoryBlobs())
        self.runs = ItemNodeRunStore(table, MemoryBlobs(), PlainCipher())
        self.workflows = ItemWorkflowStore(table, MemoryBlobs(), PlainCipher())
        self.ids: list[str] = []

    def start(self, at: datetime = START) -> Execution:
        started = execution(started_at=instant(at))
        self.executions.add(started, {}, None)
        self.ids.append(started.id)
        return started

    def go_on(self, execution_id: str, choice: int) -> None:
        """A step, a step that is the last, or an end from outside; nothing if it has ended."""
        before = self.executions.get(execution_id)
        if before.status.terminal:
            return
        if choice == 2:
            self.executions.finish(execution_id, failure())
        else:
            self.runs.record(before, [step(str(uuid4()))], 1, END if choice else None)

    def chain(self, count: int = 10**6) -> int:
        return ItemAuditChain(self.table).append_items(outbox(self.table)[:count])

    def naive(self, since: datetime | None = None, until: datetime | None = None) -> Counter[str]:
        """A look at every execution."""
        all_of_them = map(self.executions.get, self.ids)
        return Counter(
            each.status.value
            for each in all_of_them
            if (since is None or since <= moment(each.started_at))
            and (until is None or moment(each.started_at) <= until)
        )

    def counted(self, since: datetime | None = None, until: datetime | None = None) -> Counter[str]:
        return positive(ItemCounters(self.table).executions(since, until))


def positive(counted: object) -> Counter[str]:
    """Without zeros, but with whatever is negative."""
    return Counter({name: count for name, count in dict(counted).items() if count})  # type: ignore[call-overload]


# --- exact -----------------------------------------------------------------------------------------------------------


def test_every_status_is_counted_at_once_and_after_it_was_chained(table: Table) -> None:
    world = World(table)
    assert world.counted() == {}
    _, running, completed, failed = [world.start() for _ in range(4)]
    world.go_on(running.id, 0)
    world.go_on(completed.id, 0)
    world.go_on(completed.id, 1)
    world.go_on(failed.id, 2)
    for _ in range(2):
        assert world.counted() == {"pending": 1, "running": 1, "completed": 1, "failed": 1}
        assert world.counted(START, START) == world.counted()
        world.chain()
    assert outbox(table) == []


def test_workflows_are_counted_by_status(table: Table) -> None:
    world = World(table)
    one, other = workflow(), workflow()
    for each in (one, other):
        world.workflows.add(each)
    active = one.model_copy(update={"status": WorkflowStatus.ACTIVE, "version": 2})
    world.workflows.replace(one, active)
    for _ in range(2):
        assert positive(ItemCounters(table).workflows()) == {"draft": 1, "active": 1}
        world.chain()
    world.workflows.delete(other)
    inactive = active.model_copy(update={"status": WorkflowStatus.INACTIVE, "version": 3})
    world.workflows.replace(active, inactive)
    for _ in range(2):
        assert positive(ItemCounters(table).workflows()) == {"inactive": 1}
        world.chain()


SECONDS = [0, 0.001, 0.999, 29.5, 59.999, 60, 61, 3599.999, 3600, 3661.5, 86399.999, 86400, 90061.001, 259200]
"""After ten o'clock: on the borders of minutes, hours and days, beside them, and in the middle."""
BOUNDS = st.one_of(
    st.none(),
    st.sampled_from(SECONDS).map(lambda seconds: START + timedelta(seconds=seconds)),
    st.integers(-90_000_000, 300_000_000).map(lambda number: START + timedelta(milliseconds=number)),
    st.integers(-5, 5).map(lambda number: START + timedelta(minutes=number, microseconds=number * 300)),
)
STEPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(SECONDS)),
    st.tuples(st.just("go on"), st.tuples(st.integers(0, 20), st.integers(0, 2))),
    st.tuples(st.just("chain"), st.integers(1, 5)),
)


@given(
    st.lists(STEPS, max_size=40), st.lists(st.tuples(BOUNDS, BOUNDS), min_size=1, max_size=4), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_any_span_of_any_history_is_counted_as_by_looking_at_everything(
    history: list[tuple[str, object]], bounds: list[tuple[datetime | None, datetime | None]], chained: bool
) -> None:
    world = World(MemoryTable())
    for what, argument in history:
        match what, argument:
            case "start", float(seconds) | int(seconds):
                world.start(START + timedelta(seconds=seconds))
            case "go on", (int(number), int(choice)) if world.ids:
                world.go_on(world.ids[number % len(world.ids)], choice)
            case "chain", int(count):
                world.chain(count)
    if chained:
        world.chain()
    assert world.counted() == world.naive()
    for since, until in bounds:
        assert world.counted(since, until) == world.naive(since, until), (since, until)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_consumer_at_work_meanwhile_changes_no_number(data: st.DataObject) -> None:
    world = World(MemoryTable())
    started = [world.start(START + timedelta(seconds=seconds)) for seconds in SECONDS]
    for each in started:
        for choice in data.draw(st.lists(st.integers(0, 2), max_size=2)):
            world.go_on(each.id, choice)
    world.chain(data.draw(st.integers(0, 10)))

    def interrupt() -> list[Callable[[], object]]:
        counts = data.draw(st.lists(st.integers(0, 4), max_size=25))
        return [partial(world.chain, count) for count in counts]

    busy = InterruptedTable(world.table, after_get=interrupt(), after_query=interrupt())
    since, until = data.draw(BOUNDS), data.draw(BOUNDS)
    assert positive(ItemCounters(busy).executions(since, until)) == world.naive(since, until)


def test_a_counter_that_never_stands_still_is_an_error_and_no_wrong_number() -> None:
    world = World(MemoryTable())

    def batches() -> None:
        for _ in range(REMEMBERED + 1):
            world.start()
            world.chain()

    busy = InterruptedTable(world.table, after_query=[batches] * 100)
    with pytest.raises(StoreUnavailable, match="faster than they can be read"):
        ItemCounters(busy).executions(None, None)


@pytest.mark.parametrize("table", ["memory", "sqlite"], indirect=True)
def test_numbers_stay_right_while_everything_happens_at_once(table: Table) -> None:
    """Not on moto, whose transactions are not atomic under threads."""
    world = World(table)
    accepted = [world.start() for _ in range(5)]
    stop: list[bool] = []

    def consume() -> None:
        while not stop:
            ItemAuditChain(table).append_pending()

    def work(number: int) -> None:
        for _ in range(10):
            each = world.start(START + timedelta(minutes=number))
            for choice in (0, 0, 1):
                world.go_on(each.id, choice)

    def watch() -> None:
        before = len(accepted)
        while not stop:
            numbers = ItemCounters(table).executions(None, None)
            assert min(numbers.values(), default=0) >= 0
            assert before <= sum(numbers.values()) <= len(world.ids) + 4  # a start may not be noted yet
            before = sum(numbers.values())

    with ThreadPoolExecutor(8) as pool:
        background = [pool.submit(consume), pool.submit(consume), pool.submit(watch)]
        try:
            list(pool.map(work, range(4)))
        finally:
            stop.append(True)
        for each in background:
            each.result()
    assert world.counted() == {"pending": 5, "completed": 40}
    world.chain()
    assert world.counted() == {"pending": 5, "completed": 40}


def test_two_branches_that_both_report_the_first_step_count_once(table: Table) -> None:
    world = World(table)
    started = world.start()
    other = ItemNodeRunStore(table, MemoryBlobs(), PlainCipher())
    faster = [lambda: other.record(started, [step("left")], 1, None)]
    slower = ItemNodeRunStore(InterruptedTable(table, before_write=faster), MemoryBlobs(), PlainCipher())
    slower.record(started, [step("right")], 1, None)
    assert world.counted() == {"running": 1}
    world.chain()
    assert world.counted() == {"running": 1}


def test_an_end_that_is_chained_before_its_start_is_put_right_by_it(table: Table) -> None:
    world = World(table)
    started = world.start()
    world.go_on(started.id, 2)
    late, early = sorted(outbox(table), key=lambda each: "failed" not in str(each["body"]))
    for notice in (late, early):
        ItemAuditChain(table).append_items([notice])
        assert world.counted() == {"failed": 1}
        assert world.counted(START, None) == {"failed": 1}


# --- spans -----------------------------------------------------------------------------------------------------------


@given(BOUNDS, BOUNDS)
@settings(max_examples=200, deadline=None)
def test_a_span_is_split_into_parts_that_hold_every_instant_once(
    since: datetime | None, until: datetime | None
) -> None:
    parts = list(Span(*span(since, until)).split())
    assert len(parts) <= 7
    points = {
        START,
        *(START + timedelta(seconds=seconds) for seconds in SECONDS),
        since or START,
        until or START,
    }
    for point in (near + number * MILLISECOND for near in points for number in (-1, 0, 1)):
        rounded = moment(instant(point))
        inside = (since is None or since <= rounded) and (until is None or rounded <= until)
        assert sum(part.holds(instant(point)) for part in parts) == inside
    for part in parts:
        if part.width is None:
            assert part.start is not None
            assert part.end is not None
            assert part.end - part.start < timedelta(minutes=2)  # no whole minute is in it


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("00.000", "00.000", 1),
        ("00.000", "00.001", 2),
        ("00.001", "59.999", 2),
        ("00.0001", "00.0011", 1),  # only .001 is between them
        (None, "00.0009", 1),
        ("59.9981", None, 1),
        ("59.9991", None, 0),
    ],
)
def test_both_ends_belong_to_a_span_to_the_microsecond(
    table: Table, since: str | None, until: str | None, expected: int
) -> None:
    world = World(table)
    for milliseconds in (0, 1, 59_999):
        world.start(START + milliseconds * MILLISECOND)
    bounds = [text and datetime.fromisoformat(f"2026-03-01T10:00:{text}+00:00") for text in (since, until)]
    for _ in range(2):
        assert sum(world.counted(bounds[0] or None, bounds[1] or None).values()) == expected
        world.chain()


def test_the_ends_of_the_calendar_are_bounds_like_others(table: Table) -> None:
    world = World(table)
    world.start()
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for _ in range(2):
        assert world.counted(first, last) == {"pending": 1}
        assert world.counted(first, START) == {"pending": 1}
        assert world.counted(START, last) == {"pending": 1}
        assert world.counted(None, first) == {}
        assert world.counted(last, None) == {}
        assert world.counted(last, first) == {}
        world.chain()


# --- cost ------------------------------------------------------------------------------------------------------------


class RowsTable(WatchedTable):
    """Counts also the rows that it gave out."""

    rows = 0

    def query(self, query: Query) -> list[Item]:
        found = super().query(query)
        self.rows += len(found)
        return found


DAYS = 2
SHOWN = (START + timedelta(minutes=7, seconds=13), START + timedelta(days=1, hours=5, seconds=41))


def populated(count: int) -> RowsTable:
    """So many executions that ended, spread over two days, with their counters."""
    table = MemoryTable()
    writes: list[Write] = []
    moves = []
    for number in range(count):
        at = instant(START + timedelta(days=DAYS) * number / count)
        shard = str(number % keys.SHARDS)
        key = Key(keys.EXECUTIONS, f"EXECUTION#{number}", "META")
        sort = keys.sort_text(at, str(number))
        writes.append(
            Put(keys.EXECUTIONS, item(key, shard=shard, started_sort=sort, status="completed"), None)
        )
        moves.append(Move(keys.EXECUTIONS, None, "completed", at))
    notice = Notice(Key(keys.EXECUTIONS, "OUTBOX#0", "x"), [], moves)
    writes += counting([notice], 1, None)
    for start in range(0, len(writes), MAX_ITEMS):
        table.write(writes[start : start + MAX_ITEMS])
    return RowsTable(table)


def test_an_answer_costs_the_same_with_a_thousand_executions_and_with_a_hundred_thousand() -> None:
    small, large = populated(1_000), populated(100_000)
    for bounds in [(None, None), (SHOWN[0], None), (None, SHOWN[1]), SHOWN]:
        for table in (small, large):
            table.gets.clear()
            table.queries.clear()
        few, many = (sum(ItemCounters(table).executions(*bounds).values()) for table in (small, large))
        assert abs(many - 100 * few) < 200
        assert small.requests == large.requests
        assert sum(large.requests) <= 32
    in_a_minute = 100_000 / DAYS / 1440
    assert large.rows - small.rows < 6 * in_a_minute  # those of the part of a minute at either end
    assert large.rows < 1000


def test_what_all_executions_cost_is_a_counter_and_the_outbox() -> None:
    table = populated(1_000)
    ItemCounters(table).executions(None, None)
    assert table.requests == (2, 1 + keys.SHARDS, 0)


def test_counting_status_by_status_is_what_the_store_lists() -> None:
    """The numbers agree with the lists, whatever happened."""
    world = World(MemoryTable())
    chooser = random.Random(5)
    for _ in range(60):
        each = world.start(START + timedelta(seconds=chooser.uniform(0, 200_000)))
        for _ in range(chooser.randrange(3)):
            world.go_on(each.id, chooser.randrange(3))
        world.chain(chooser.randrange(4))
    statuses: Sequence[str] = [status.value for status in ExecutionStatus]
    assert set(world.counted()) <= set(statuses)
    assert world.counted() == world.naive()

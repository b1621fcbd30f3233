"""The contract of `ports.runs.RunStore`, over every home's table (FlowRunner spec h, i)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Query, Table
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.record import PAGE
from flowker.adapters.stores.runs import ItemRunStore
from flowker.errors import EXECUTION_CANCELLED, ExecutionNotFound
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome
from flowker.model.page import PageQuery
from flowker.model.run import (
    START,
    Entry,
    EntryChange,
    EventKind,
    FlowStep,
    Known,
    Level,
    RunEvent,
    RunStatus,
    status_of,
)
from flowker.model.workflow import Launch
from flowker.ports import AlreadyRecorded, ExecutionEnded, IdempotencyKeyTaken
from flowker.ports.runs import EntryChanged, Recording, SignalAwaited
from flowker.usecases.flow_worker.entries import LiveEntries
from tests.fakes import MemoryBlobs
from tests.integration.samples import InterruptedTable, WatchedTable, claim, execution, instant


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def store(table: Table, blobs: MemoryBlobs) -> ItemRunStore:
    return ItemRunStore(table, blobs)


def run(account_id: str = "account-1", flow_id: str = "flow-1", **values: Any) -> Execution:
    launch = Launch(
        workflow_id=flow_id,
        revision="ab" * 32,
        machine="machine-1",
        total_steps=3,
        entry="__start",
        account_id=account_id,
        label="1.0.0",
        longest=60,
    )
    defaults = {
        "id": f"exec-{uuid4()}",
        "launch": launch,
        "status": ExecutionStatus.PENDING,
        "started_at": instant(0),
    }
    return Execution.model_validate(defaults | values)


def line(message: str, node: str = "one") -> RunEvent:
    return RunEvent(
        kind=EventKind.LOG, at=instant(1), level=Level.INFO, message=message, node_id=node, node_type="base"
    )


def step(path: str, value: Any = None, **more: Any) -> FlowStep:
    values = {
        "path": path,
        "node_id": "one",
        "answer": {"step": path},
        "known": Known(results={"one": path}, input=path, visits=1),
        "value": value,
        "has_value": value is not None,
        "started_at": instant(1),
        "ended_at": instant(2),
    }
    return FlowStep.model_validate(values | more)


def started(store: ItemRunStore, data: Any = None, **values: Any) -> Execution:
    new = run(**values)
    store.start(new, data or {}, None, [line("Execution started")], (), ("one", "base"))
    return new


DONE = Outcome(at=instant(9))
BROKEN = Outcome(at=instant(9), error_message="it broke", error_code="FLK-0504", failed_node_id="one")
CANCELLED = Outcome(at=instant(9), error_message="cancelled", error_code=EXECUTION_CANCELLED)


def test_a_run_is_read_with_its_input_and_the_steps_asked_for_in_one_request(
    table: Table, blobs: MemoryBlobs, store: ItemRunStore
) -> None:
    new = started(store, {"price": Decimal("1.10")})
    first = step("1", {"big": "x" * 100_000}, shared={"a": 1}, state={"until": "later"}, child="exec-2")
    store.record(store.load(new.id, ["1"]), Recording([first], [line("one")], node=("two", "base")))
    watched = WatchedTable(table)
    state = ItemRunStore(watched, blobs).load(new.id, [START, "1", "2"])
    assert watched.requests == (1, 0, 0)
    assert state.steps == {"1": first}
    assert state.input == {"price": Decimal("1.10")}
    assert state.execution.status is ExecutionStatus.RUNNING
    assert state.execution.recorded == 1
    assert (state.events, state.node_id, state.node_type) == (2, "two", "base")
    assert state.execution.launch == new.launch
    assert store.values(new.id, [START, "1"]) == {START: state.input, "1": first.value}
    assert store.began(new.id) == instant(1)


def test_an_unknown_run_and_an_execution_of_a_workflow_are_no_runs(
    table: Table, blobs: MemoryBlobs, store: ItemRunStore
) -> None:
    other = execution()
    ItemExecutionStore(table, blobs).add(other, {}, None)
    for unknown in (other.id, "exec-none"):
        with pytest.raises(ExecutionNotFound):
            store.load(unknown, ())
        with pytest.raises(ExecutionNotFound):
            store.get(unknown)


def test_starting_a_run_again_changes_nothing_and_tells_what_was_stored(store: ItemRunStore) -> None:
    new = started(store, {"a": 1})
    again = new.model_copy(update={"started_at": instant(5)})
    assert store.start(again, {"b": 2}, None, [], ()).started_at == instant(0)
    assert store.load(new.id, ()).input == {"a": 1}


def test_an_idempotency_key_starts_one_run(store: ItemRunStore) -> None:
    first, second = run(), run()
    kept = claim(first)
    store.start(first, {}, kept, [])
    store.start(first, {}, kept, [])  # the answer was lost
    with pytest.raises(IdempotencyKeyTaken) as taken:
        store.start(second, {}, Claim(key=kept.key, fingerprint="00", execution_id=second.id), [])
    assert taken.value.claim == kept
    assert store.claim(kept.key) == kept
    with pytest.raises(ExecutionNotFound):
        store.get(second.id)


def test_a_step_is_recorded_once(store: ItemRunStore) -> None:
    new = started(store)
    state = store.load(new.id, ())
    store.record(state, Recording([step("1", {"first": True})], [line("first")]))
    with pytest.raises(AlreadyRecorded):
        store.record(state, Recording([step("1", {"second": True})], [line("second")]))
    assert store.values(new.id, ["1"]) == {"1": {"first": True}}
    assert [event.message for event in store.events(new.id, 0)] == ["Execution started", "first"]


def test_events_of_branches_that_meet_are_numbered_without_gaps(
    table: Table, blobs: MemoryBlobs, store: ItemRunStore
) -> None:
    new = started(store)
    state = store.load(new.id, ())
    other = Recording([step("1.1.1", 2)], [line("right 1"), line("right 2")])
    interrupted = InterruptedTable(table, before_write=[lambda: store.record(state, other)])
    ItemRunStore(interrupted, blobs).record(state, Recording([step("1.0.1", 1)], [line("left")]))
    store.tell(new.id, [line("besides")])
    told = [(event.sequence, event.message) for event in store.events(new.id, 0)]
    assert told == [(1, "Execution started"), (2, "right 1"), (3, "right 2"), (4, "left"), (5, "besides")]
    assert store.load(new.id, ()).execution.recorded == 2
    assert [event.sequence for event in store.events(new.id, 2)] == [3, 4, 5]
    assert [event.sequence for event in store.events(new.id, 1, 2)] == [2, 3]
    assert store.events(new.id, 5) == []


def test_the_last_step_ends_the_run(store: ItemRunStore) -> None:
    new = started(store)
    store.record(
        store.load(new.id, ()), Recording([step("1", {"x": 1})], [line("end")], outcome=DONE, result_of="1")
    )
    state = store.load(new.id, ())
    assert state.execution.outcome == DONE
    assert state.result_of == "1"
    assert not store.finish(new.id, BROKEN)
    with pytest.raises(ExecutionEnded):
        store.tell(new.id, [line("late")])
    with pytest.raises(ExecutionEnded):
        store.record(state, Recording([step("2", 1)]))
    assert len(store.events(new.id, 0)) == 2


@pytest.mark.parametrize(
    ("outcome", "message", "kind", "status"),
    [
        (BROKEN, "Execution failed", EventKind.FAILED, RunStatus.FAILED),
        (CANCELLED, "Execution cancelled", EventKind.UPDATE, RunStatus.CANCELLED),
        (DONE, "Execution completed", EventKind.COMPLETED, RunStatus.COMPLETED),
    ],
)
def test_whoever_ends_a_run_tells_it(
    table: Table,
    blobs: MemoryBlobs,
    store: ItemRunStore,
    outcome: Outcome,
    message: str,
    kind: EventKind,
    status: RunStatus,
) -> None:
    new = started(store)
    state = store.load(new.id, ())
    step_before = Recording([step("1", 1)], [line("meanwhile")], node=("two", "base"))
    interrupted = InterruptedTable(table, before_write=[lambda: store.record(state, step_before)])
    assert ItemRunStore(interrupted, blobs).finish(new.id, outcome)
    assert not store.finish(new.id, DONE)
    log, last = store.events(new.id, 2)
    assert (log.message, log.node_id) == (message, "two")
    assert (last.kind, last.status, last.sequence) == (kind, status, 4)
    assert status_of(store.get(new.id)) is status


def test_runs_of_an_account_are_listed_newest_first_and_counted(store: ItemRunStore) -> None:
    made = [started(store, flow_id=f"flow-{number % 2}", started_at=instant(number)) for number in range(5)]
    started(store, account_id="account-2")
    store.finish(made[0].id, DONE)
    store.finish(made[1].id, CANCELLED)
    newest = [each.id for each in reversed(made)]

    def listed(limit: int = 10, offset: int = 0, **where: str) -> tuple[list[str], int]:
        wanted = {name: [value] for name, value in where.items()}
        found, total = store.of_account("account-1", wanted, limit, offset)
        return [each.id for each in found], total

    assert listed() == (newest, 5)
    assert listed(limit=2, offset=1) == (newest[1:3], 5)
    assert listed(limit=2, offset=5) == ([], 5)
    assert listed(flow_id="flow-1") == ([made[3].id, made[1].id], 2)
    assert listed(status="cancelled") == ([made[1].id], 1)
    assert listed(status="running", flow_id="flow-0") == ([made[4].id, made[2].id], 2)
    assert listed(status="failed") == ([], 0)


def test_unfinished_runs_are_found_and_no_list_of_workflows_has_them(
    table: Table, blobs: MemoryBlobs, store: ItemRunStore
) -> None:
    first, second, third = (started(store, started_at=instant(number)) for number in (1, 2, 3))
    store.record(store.load(second.id, ()), Recording([step("1", 1)]))
    store.finish(third.id, DONE)
    query = PageQuery(10, "startedAt", ascending=True, where={"status": ["pending", "running"]})
    assert [each.id for each in store.list(query).items] == [first.id, second.id]
    pending = PageQuery(10, "startedAt", ascending=True, where={"status": ["pending"]})
    assert [each.id for each in store.list(pending).items] == [first.id]
    executions = ItemExecutionStore(table, blobs)
    assert executions.list(PageQuery(10, "startedAt", ascending=True)).items == []
    store.hand_over(first.id, instant(4))
    store.hand_over(second.id, instant(4))
    assert (store.get(first.id).handed_over, store.get(second.id).handed_over) == (instant(4), None)


def test_a_run_inside_another_one_needs_it_to_run(store: ItemRunStore) -> None:
    parent = started(store)
    child = started(store, parent=parent.id, depth=1)
    assert (store.get(child.id).parent, store.get(child.id).depth) == (parent.id, 1)
    alone = run(parent=parent.id)
    store.start(alone, {}, None, [], (), None, waited=False)
    assert store.children(parent.id) == [child.id]
    store.finish(parent.id, CANCELLED)
    with pytest.raises(ExecutionEnded):
        started(store, parent=parent.id)


def test_a_step_may_begin_another_leg(store: ItemRunStore) -> None:
    new = started(store)
    store.record(store.load(new.id, ()), Recording([step("1", 1)], leg=1))
    assert store.get(new.id).leg == 1


def test_entries_change_with_the_step_that_changes_them(store: ItemRunStore) -> None:
    new = started(store)
    added = EntryChange("k", 0, Entry("k", {"n": Decimal("0.5")}, 1, 2_000_000_000))
    other = EntryChange("a/b", 0, Entry("a/b", [1], 1))
    store.record(store.load(new.id, ()), Recording([step("1", 1)], changes=[added, other]))
    assert store.entry("account-1", "k") == added.after
    assert store.entry("account-2", "k") is None
    assert store.entries("account-1") == [other.after, added.after]
    state = store.load(new.id, ())
    with pytest.raises(EntryChanged):
        store.record(state, Recording([step("2", 1)], changes=[added]))
    with pytest.raises(EntryChanged):
        store.record(state, Recording([step("2", 1)], changes=[EntryChange("k", 2, None)]))
    assert store.steps(new.id, ["2"]) == {}
    store.record(state, Recording([step("2", 1)], changes=[EntryChange("k", 1, None)]))
    assert store.entry("account-1", "k") is None


def added_entries(store: ItemRunStore, account_id: str, names: range) -> None:
    launch = run(account_id).launch
    new = started(store, launch=launch)
    for number, name in enumerate(names, 1):
        value = "x" * (70_000 if name == 3 else 1)
        change = EntryChange(f"k{name}", 0, Entry(f"k{name}", value, 1))
        store.record(store.load(new.id, ()), Recording([step(f"{number}")], changes=[change]))


def test_all_entries_of_an_account_are_deleted_and_nobody_elses(store: ItemRunStore) -> None:
    added_entries(store, "account-1", range(PAGE + 2))
    added_entries(store, "account-10", range(1))
    store.delete_entries("account-1")
    store.delete_entries("account-1")
    assert store.entries("account-1") == []
    assert len(store.entries("account-10")) == 1


def test_entries_may_be_deleted_by_two_at_once(table: Table, blobs: MemoryBlobs, store: ItemRunStore) -> None:
    added_entries(store, "account-1", range(3))
    interrupted = InterruptedTable(table, before_write=[lambda: store.delete_entries("account-1")])
    ItemRunStore(interrupted, blobs).delete_entries("account-1")
    assert store.entries("account-1") == []


def test_entries_are_read_in_pages_and_without_their_values(store: ItemRunStore) -> None:
    new = started(store)
    made = [Entry(key, {"text": key * 100_000}, 1) for key in ("a", "b", "c", "d")]
    changes = [EntryChange(entry.key, 0, entry) for entry in made]
    store.record(store.load(new.id, ()), Recording([step("1", 1)], changes=changes))
    account = new.launch.account_id or ""
    assert store.entries(account, limit=2) == made[:2]
    assert store.entries(account, after="b", limit=5) == made[2:]
    assert store.entries(account, after="d") == []
    bare = store.entries(account, limit=3, values=False)
    assert [(entry.key, entry.value, entry.version) for entry in bare] == [(key, None, 1) for key in "abc"]


def test_entries_that_live_are_found_behind_pages_of_expired_ones(store: ItemRunStore) -> None:
    new = started(store)
    made = [Entry(f"k{number:03}", number, 1, 1_000 if number < 105 else None) for number in range(120)]
    for start in range(0, len(made), 60):
        changes = [EntryChange(entry.key, 0, entry) for entry in made[start : start + 60]]
        store.record(store.load(new.id, ()), Recording([step(f"{start + 1}", 1)], changes=changes))
    account = new.launch.account_id or ""
    assert list(LiveEntries(store, account, 2_000.0).all()) == made[105:]
    bare = LiveEntries(store, account, 0.0).all(values=False)
    assert [entry.key for entry in bare] == [entry.key for entry in made]


def test_a_signal_is_heard_by_who_listens_in_any_order(store: ItemRunStore) -> None:
    for token_first in (True, False):
        new = started(store)
        assert store.hear(new.id, "go", {"x": 1}) is None
        waiting = step("1", answer={"step": "1", "signal": True})
        store.record(store.load(new.id, ()), Recording([waiting], awaits="go"))
        with pytest.raises(SignalAwaited):
            store.record(store.load(new.id, ()), Recording([step("2")], awaits="go"))
        if token_first:
            listening = store.listen(new.id, "go", "1", "token")
            assert listening is not None
            assert (listening.token, listening.came) == ("token", False)
        heard = store.hear(new.id, "go", {"x": 1})
        assert heard is not None
        assert (heard.path, heard.token, heard.body) == ("1", "token" if token_first else None, {"x": 1})
        listening = store.listen(new.id, "go", "1", "token")
        assert listening is not None
        assert (listening.came, listening.body) == (True, {"x": 1})
        again = store.hear(new.id, "go", {"x": 2})
        assert again is not None
        assert again.body == {"x": 1}
        store.record(store.load(new.id, ()), Recording([step("2", 1)], heard=again))
        assert store.signal(new.id, "go") is None
        assert store.hear(new.id, "go", {"x": 1}) is None


def test_a_wait_cannot_be_given_up_once_the_signal_came(store: ItemRunStore) -> None:
    new = started(store)
    store.record(store.load(new.id, ()), Recording([step("1")], awaits="go"))
    silent = store.signal(new.id, "go")
    store.hear(new.id, "go", {})
    with pytest.raises(EntryChanged):
        store.record(store.load(new.id, ()), Recording([step("2")], heard=silent))


def test_a_run_that_has_ended_hears_nothing(store: ItemRunStore) -> None:
    new = started(store)
    store.record(store.load(new.id, ()), Recording([step("1")], awaits="go"))
    store.finish(new.id, CANCELLED)
    assert store.hear(new.id, "go", {}) is None


def test_runs_are_forgotten_with_all_their_items_when_their_time_is_over(
    table: Table, store: ItemRunStore
) -> None:
    old, new = started(store), started(store, started_at="2026-04-01T10:00:00.000Z")
    store.record(store.load(old.id, ()), Recording([step("1", 1)], [line("x")], awaits="go"))
    month = 30 * 24 * 3600
    begun = 1_772_359_200  # 2026-03-01T10:00:00Z
    assert store.forget(begun + month + 59) == 0
    assert store.forget(begun + month + 60) == 1
    assert table.query(Query(keys.EXECUTIONS, keys.execution(old.id).pk)) == []
    assert store.get(new.id) == new
    assert store.of_account("account-1", {}, 10, 0)[1] == 1

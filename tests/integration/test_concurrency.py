"""Whoever comes at the same moment: one wins, nothing is lost, nothing is half written. On every home that can judge it."""

from collections.abc import Callable
from functools import partial

import pytest

from flowker.adapters.items import Check, Condition, ConditionFailed, Item, Key, Put, Query, Table, Update
from flowker.adapters.keys import EXECUTIONS
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ChangedConcurrently, FlowkerError, StoreUnavailable, WebhookRouteTaken
from flowker.model.breaker import Breaker
from flowker.model.execution import Outcome
from flowker.model.machine import MachineUse
from flowker.model.workflow import MachineType, Workflow, WorkflowStatus
from flowker.ports import AlreadyRecorded, IdempotencyKeyTaken
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import claim, execution, failure, instant, launch, route, step, workflow
from tests.integration.threads import at_once

THREADS = 8
KEY = Key(EXECUTIONS, "COUNTER", "TOTAL")


def item(key: Key, **attributes: int | str) -> Item:
    return {"pk": key.pk, "sk": key.sk, **attributes}


def persistently(attempt: Callable[[], object]) -> None:
    """What is refused for conflicts, as many at once may be for long, has written nothing."""
    while True:
        try:
            attempt()
        except StoreUnavailable:
            continue
        return


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_one_of_many_writers_creates_an_item(faithful_table: Table, together: bool) -> None:
    keys = [Key(EXECUTIONS, f"EXECUTION#{number}", "META") for number in range(20)]
    beside = Key(EXECUTIONS, "BESIDE", "META")
    companions = [Check(beside, Condition(absent=True))] if together else []

    def create(thread: int) -> list[object]:
        """Who has each item, as this thread learns."""
        winners: list[object] = []
        for key in keys:
            try:
                faithful_table.write([Put(EXECUTIONS, item(key, winner=thread)), *companions])
            except ConditionFailed as refusal:
                winners.append(refusal.item and refusal.item["winner"])
            else:
                winners.append(thread)
        return winners

    told = at_once(THREADS, create)
    stored = faithful_table.get(keys)
    assert told == [[each and each["winner"] for each in stored]] * THREADS


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_no_addition_is_lost(faithful_table: Table, together: bool) -> None:
    faithful_table.write([Put(EXECUTIONS, item(KEY))])

    def add(thread: int) -> None:
        own = Key(EXECUTIONS, "COUNTER", str(thread))
        for _ in range(20):
            companions = [Update(own, add={"count": 1}, when=None)] if together else []
            update = Update(KEY, set={"last": thread}, add={"count": 1})
            persistently(partial(faithful_table.write, [update, *companions]))

    at_once(THREADS, add)
    total, *own = (each["count"] for each in reversed(faithful_table.query(Query(EXECUTIONS, "COUNTER"))))
    assert total == THREADS * 20
    assert own == ([20] * THREADS if together else [])


def test_a_condition_and_what_it_guards_are_one(faithful_table: Table) -> None:
    """Eight threads book seats until none is left; two writes belong to a booking."""
    seats = 30
    faithful_table.write([Put(EXECUTIONS, item(KEY, booked=0))])

    def book(thread: int) -> int:
        for turn in range(seats):
            booking = Put(EXECUTIONS, item(Key(EXECUTIONS, "BOOKING", f"{thread}#{turn}")))
            counting = Update(KEY, add={"booked": 1}, when=Condition(at_most={"booked": seats - 1}))
            try:
                persistently(partial(faithful_table.write, [booking, counting]))
            except ConditionFailed:
                return turn
        return seats

    booked = at_once(THREADS, book)
    assert sum(booked) == seats
    assert faithful_table.get([KEY]) == [item(KEY, booked=seats)]
    assert len(faithful_table.query(Query(EXECUTIONS, "BOOKING"))) == seats


def test_of_many_who_change_the_same_version_one_does(faithful_table: Table) -> None:
    faithful_table.write([Put(EXECUTIONS, item(KEY, version=1))])

    def change(thread: int) -> int:
        won = 0
        for version in range(1, 21):
            unchanged = Condition(equals={"version": version})
            try:
                faithful_table.write([Put(EXECUTIONS, item(KEY, version=version + 1), unchanged)])
            except ConditionFailed:
                continue
            won += 1
        return won

    changes = at_once(THREADS, change)
    (stored,) = faithful_table.get([KEY])
    assert stored == item(KEY, version=1 + sum(changes))


# --- the stores ------------------------------------------------------------------------------------------------------


def test_one_idempotency_key_starts_one_execution(faithful_table: Table) -> None:
    store = ItemExecutionStore(faithful_table, MemoryBlobs())
    starts = [execution() for _ in range(THREADS)]

    def start(thread: int) -> str:
        try:
            store.add(starts[thread], {"thread": thread}, claim(starts[thread], "one key"))
        except IdempotencyKeyTaken as taken:
            return taken.claim.execution_id
        return starts[thread].id

    (winner,) = set(at_once(THREADS, start))
    assert store.history(winner).input == {"thread": [each.id for each in starts].index(winner)}
    stored = faithful_table.get([Key(EXECUTIONS, f"EXECUTION#{each.id}", "META") for each in starts])
    assert [each["id"] for each in stored if each] == [winner]


def test_a_step_delivered_many_times_at_once_is_recorded_once(faithful_table: Table) -> None:
    blobs = MemoryBlobs()
    store, runs = (
        ItemExecutionStore(faithful_table, blobs),
        ItemNodeRunStore(faithful_table, blobs, PlainCipher()),
    )
    started = execution()
    store.add(started, {}, None)

    def deliver(thread: int) -> bool:
        try:
            persistently(lambda: runs.record(started, [step("check", output=thread)], 1, None))
        except AlreadyRecorded:
            return False
        return True

    recorded = at_once(THREADS, deliver)
    assert recorded.count(True) == 1
    history = store.history(started.id)
    assert history.steps["check"].output == recorded.index(True)
    assert history.execution.recorded == 1


def test_branches_that_record_at_the_same_time_are_all_counted(faithful_table: Table) -> None:
    blobs = MemoryBlobs()
    store, runs = (
        ItemExecutionStore(faithful_table, blobs),
        ItemNodeRunStore(faithful_table, blobs, PlainCipher()),
    )
    started = execution()
    store.add(started, {}, None)
    at_once(THREADS, lambda thread: persistently(lambda: runs.record(started, [step(f"n{thread}")], 1, None)))
    history = store.history(started.id)
    assert history.execution.recorded == THREADS
    assert len(history.steps) == THREADS


def test_an_execution_ends_once(faithful_table: Table) -> None:
    store = ItemExecutionStore(faithful_table, MemoryBlobs())
    started = execution()
    store.add(started, {}, None)
    outcomes = [failure(9) if thread % 2 else Outcome(at=instant(thread)) for thread in range(THREADS)]
    ended = at_once(THREADS, lambda thread: store.finish(started.id, outcomes[thread]))
    assert ended.count(True) == 1
    assert store.get(started.id).outcome == outcomes[ended.index(True)]


def test_one_of_many_activations_gets_a_route(faithful_table: Table) -> None:
    store = ItemWorkflowStore(faithful_table, MemoryBlobs(), PlainCipher())
    drafts = [workflow() for _ in range(THREADS)]
    for draft in drafts:
        store.add(draft)

    def activate(thread: int) -> FlowkerError | None:
        draft = drafts[thread]
        try:
            store.replace(
                draft, _activated(draft), [route(draft.id, "/shared"), route(draft.id, f"/{thread}")]
            )
        except WebhookRouteTaken as refusal:
            return refusal
        return None

    refusals = at_once(THREADS, activate)
    assert refusals.count(None) == 1
    winner = refusals.index(None)
    shared = store.route("POST", "/shared")
    assert shared is not None
    assert shared.launch.workflow_id == drafts[winner].id
    assert [store.route("POST", f"/{thread}") is not None for thread in range(THREADS)] == [
        thread == winner for thread in range(THREADS)
    ]


def test_of_many_changes_to_a_workflow_one_is_stored(faithful_table: Table) -> None:
    store = ItemWorkflowStore(faithful_table, MemoryBlobs(), PlainCipher())
    draft = workflow()
    store.add(draft)

    def rename(thread: int) -> bool:
        after = draft.model_copy(update={"name": f"name {thread}", "version": 2})
        try:
            store.replace(draft, after)
        except ChangedConcurrently:
            return False
        return True

    renamed = at_once(THREADS, rename)
    assert renamed.count(True) == 1
    assert store.get(draft.id).name == f"name {renamed.index(True)}"


def test_one_trial_of_an_open_circuit_is_granted(faithful_table: Table) -> None:
    runs = ItemNodeRunStore(faithful_table, MemoryBlobs(), PlainCipher())
    state = Breaker().after_failure(1000)
    granted = at_once(THREADS, lambda _: runs.save_breaker("configuration", state))
    assert granted.count(True) == 1


def _activated(before: Workflow) -> Workflow:
    changes = {"version": before.version + 1, "status": WorkflowStatus.ACTIVE, "launch": launch(before.id)}
    return before.model_copy(update=changes)


# --- state machines that many flows share ------------------------------------------------------------------------------


def test_any_number_of_flows_claim_a_machine_at_once(faithful_table: Table) -> None:
    registry = ItemMachineRegistry(faithful_table)
    registry.claim("m", machine_use("first"), instant(10))

    def use(thread: int) -> None:
        for number in range(10):
            registry.claim("m", machine_use(f"{thread}-{number}"), instant(10))

    at_once(THREADS, use)
    found = registry.get("m")
    assert found is not None
    assert len(found.uses) == 10 * THREADS + 1


def machine_use(flow_id: str) -> MachineUse:
    return MachineUse(workflow_id=flow_id, revision="ab" * 32, type=MachineType.EXPRESS, at=instant(0))

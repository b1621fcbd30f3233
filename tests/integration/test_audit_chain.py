"""The audit trail in every home: whatever was announced is chained exactly once, and in order (Flowker spec j.2)."""

import random
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import ConditionFailed, Item, Put, Table
from flowker.adapters.stores.chain import READ, ItemAuditChain, head_of
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.node_runs import ItemNodeRunStore
from flowker.adapters.stores.outbox import MOST_EVENTS, Move, announce, announcing, notice_of
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import ChangedConcurrently, FlowkerError, StoreUnavailable, WorkflowNameTaken
from flowker.events import append_audit
from flowker.model.audit import Actor, ActorType, AuditEvent, EventType, acting
from flowker.model.chain import verify
from flowker.model.execution import Outcome
from flowker.ports import AlreadyRecorded, ExecutionEnded, IdempotencyKeyTaken
from tests.fakes import MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    WatchedTable,
    claim,
    configuration,
    execution,
    failure,
    instant,
    step,
    workflow,
)
from tests.trails import chained_ids, event, events, outbox, records, say, trail, use, uuid


@pytest.fixture
def chain(table: Table) -> ItemAuditChain:
    return ItemAuditChain(table)


def holds(table: Table, count: int) -> bool:
    """The chain is valid, as long as it says, and ends as its head says."""
    head = ItemAuditChain(table).head()
    verdict = verify(trail(table))
    assert (verdict.valid, verdict.reason) == (True, "")
    return verdict.checked == head.sequence == count and verdict.end.hash == head.hash


# --- order, once -----------------------------------------------------------------------------------------------------


def test_what_was_announced_is_chained_in_order_and_waits_no_longer(
    table: Table, chain: ItemAuditChain
) -> None:
    announced = events(30)
    say(table, random.Random(1).sample(announced, 30))
    assert len(outbox(table)) == 30
    assert chain.append_pending() == 30
    assert [entry.event for entry in trail(table)] == announced
    assert outbox(table) == []
    assert holds(table, 30)
    assert chain.append_pending() == 0
    assert holds(table, 30)


def test_an_event_comes_back_whole(table: Table, chain: ItemAuditChain) -> None:
    with acting(Actor(ActorType.API_KEY, "bank of Zürich", "2001:db8::1", "request-1")):
        metadata = {"workflow.name": 'a|b "quoted" ☃ \\', "attempt": 3, "hasApiKey": True, "statusCode": None}
        whole = event(1, kind=EventType.PROVIDER_CALL_FAILED, metadata=metadata)
    say(table, [whole])
    chain.append_pending()
    (entry,) = trail(table)
    assert entry.event == whole
    assert entry.event.context == {"request.id": "request-1"}
    assert "statusCode" not in entry.event.metadata
    assert chain.entry(whole.id) == entry
    assert chain.entry(uuid(99)) is None


def test_events_of_one_thing_are_chained_in_their_order_however_late_the_others_are(
    table: Table, chain: ItemAuditChain
) -> None:
    own = [event(number, resource=uuid(1, 7)) for number in (1, 2, 3)]
    say(table, [own[0], event(9)])
    chain.append_pending()
    say(table, [event(4), own[2], own[1]])
    chain.append_pending()
    about = [entry.event for entry in trail(table) if entry.event.resource_id == uuid(1, 7)]
    assert [each for each in about if each in own] == own
    assert holds(table, 5)


def test_announcing_again_changes_nothing_while_it_waits(table: Table) -> None:
    for _ in range(2):
        say(table, events(3))
    assert len(outbox(table)) == 3


def test_what_belongs_to_no_change_is_announced_in_a_transaction(table: Table) -> None:
    """Only transactions can be repeated safely after a lost answer, when the notice may be chained already."""
    watched = WatchedTable(table)
    announce(watched, uuid(1), [event(1)])
    announce(watched, uuid(1), [])
    assert watched.writes == [2]
    assert len(outbox(table)) == 1


# --- the stream ------------------------------------------------------------------------------------------------------


def done(appended: int, *unreadable: int) -> dict[str, object]:
    """What the consumer answers: how many notices it has chained, and which records it could not read."""
    failures = [{"itemIdentifier": str(number)} for number in unreadable]
    return {"appended": appended, "batchItemFailures": failures}


def test_a_batch_that_comes_twice_is_chained_once(table: Table) -> None:
    use(table)
    say(table, events(60))
    batch = records(outbox(table))
    assert append_audit.handle(batch, None) == done(60)
    assert append_audit.handle(batch, None) == done(0)
    assert holds(table, 60)


def test_records_may_come_twice_late_and_in_any_order(table: Table) -> None:
    use(table)
    say(table, events(40))
    items = outbox(table)
    shuffled = [*items, *items[::3], *items[5:15]]
    random.Random(2).shuffle(shuffled)
    batches = [shuffled[start : start + 7] for start in range(0, len(shuffled), 7)]
    assert sum(append_audit.handle(records(batch), None)["appended"] for batch in batches) == 40
    assert sorted(chained_ids(table)) == sorted(each.id for each in events(40))
    assert holds(table, 40)


def test_a_batch_that_is_partly_chained_already_is_finished(table: Table, chain: ItemAuditChain) -> None:
    use(table)
    say(table, events(5))
    early = outbox(table)
    chain.append_pending()
    say(table, [event(number) for number in (6, 7)])
    assert append_audit.handle(records([*early, *outbox(table)]), None) == done(2)
    assert chained_ids(table) == [each.id for each in events(7)]


def test_other_changes_of_the_table_are_passed_over(table: Table) -> None:
    use(table)
    store = ItemExecutionStore(table, MemoryBlobs())
    started = execution()
    store.add(started, {"amount": 1}, claim(started), [event(1)])
    (notice,) = outbox(table)
    others = [
        item
        for key in (keys.execution, keys.execution_input)
        for item in table.get([key(started.id)])
        if item
    ]
    assert append_audit.handle(records(others), None) == done(0)
    removed = {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "1", "OldImage": {}}}
    assert append_audit.handle({"Records": [removed]}, None) == done(0)
    assert append_audit.handle(records([notice], "MODIFY"), None) == done(0)
    assert append_audit.handle(records([*others, notice]), None) == done(1)


# --- what cannot be read ----------------------------------------------------------------------------------------------


def damaged(notice: Item, **changes: object) -> Item:
    return {name: value for name, value in {**notice, **changes}.items() if value is not None}  # type: ignore[misc]


POISON: Mapping[str, tuple[Callable[[Item], Item], str]] = {
    "of another version": (lambda notice: damaged(notice, schema=2), "has schema 2, this version reads 1"),
    "without its text": (lambda notice: damaged(notice, body=None), "KeyError: 'body'"),
    "cut off": (lambda notice: damaged(notice, body=str(notice["body"])[:-9]), "JSONDecodeError"),
    "not a notice at all": (lambda notice: damaged(notice, body="[]"), "TypeError"),
    "of an unknown kind": (
        lambda notice: damaged(notice, body=str(notice["body"]).replace('"type":"', '"type":"NEW_')),
        "ValueError: 'NEW_",
    ),
    "at an impossible time": (
        lambda notice: damaged(notice, body=str(notice["body"]).replace("2026-03-01", "2026-13-01")),
        "ValueError: ",
    ),
}


@pytest.mark.parametrize("kind", POISON)
def test_a_notice_that_cannot_be_read_holds_up_no_other(log: pytest.LogCaptureFixture, kind: str) -> None:
    table = MemoryTable()
    use(table)
    damage, reason = POISON[kind]
    say(table, events(7))
    items = outbox(table)
    items[3] = damage(items[3])
    table.write([Put(keys.EXECUTIONS, items[3], None)])
    assert append_audit.handle(records(items), None) == done(6, 1003)
    assert chained_ids(table) == [each.id for each in events(7) if each != event(4)]
    (told,) = [record for record in log.records if record.message == "a notice cannot be read"]
    assert reason in told.__dict__["reason"]
    assert [told.__dict__[name] for name in ("pk", "sk", "sequence_number")] == [
        *(items[3][name] for name in ("pk", "sk")),
        "1003",
    ]
    assert "Wörk" not in log.text, "what is in it is not told"
    # It is delivered again, alone or with what follows, until it is put aside; the outbox keeps it.
    assert append_audit.handle(records(items[3:]), None) == done(0, 1000)
    assert outbox(table) == [items[3]]
    assert holds(table, 6)


def test_an_image_that_is_none_is_put_aside(table: Table) -> None:
    use(table)
    say(table, events(3))
    batch = records(outbox(table))
    del batch["Records"][0]["dynamodb"]["NewImage"]
    batch["Records"][1]["dynamodb"]["NewImage"]["body"] = {"L": []}
    assert append_audit.handle(batch, None) == done(1, 1000, 1001)
    assert len(outbox(table)) == 2
    assert ItemAuditChain(table).append_pending() == 2, "the outbox has them whole"
    assert holds(table, 3)


def test_the_reconciliation_passes_over_what_it_cannot_read_however_much_it_is(
    table: Table, log: pytest.LogCaptureFixture
) -> None:
    use(table)
    poison = [
        Put(keys.EXECUTIONS, damaged(item, schema=2))
        for item in (each.item for each in announcing(uuid(1, 7), events(READ * MOST_EVENTS)))
    ]
    for start in range(0, len(poison), 50):
        table.write(poison[start : start + 50])
    say(table, [event(0, seconds=1e6, resource=uuid(1, 7))])
    assert ItemAuditChain(table).append_pending() == 1
    assert len(outbox(table)) == READ
    assert holds(table, 1)
    assert len(log.records) == READ


def test_what_was_unreadable_is_chained_once_it_is_put_right(table: Table) -> None:
    use(table)
    say(table, events(4))
    items = outbox(table)
    table.write([Put(keys.EXECUTIONS, damaged(items[1], schema=2), None)])
    assert ItemAuditChain(table).append_pending() == 3
    table.write([Put(keys.EXECUTIONS, items[1], None)])
    assert ItemAuditChain(table).append_pending() == 1
    assert sorted(chained_ids(table)) == sorted(each.id for each in events(4))
    assert holds(table, 4)


def test_a_batch_that_cannot_be_stored_is_delivered_again(table: Table) -> None:
    """Halved, until what cannot be stored is alone; here the store is gone for all of it."""
    say(table, events(4))
    batch = records(outbox(table))

    def gone() -> None:
        raise StoreUnavailable("throttled")

    use(InterruptedTable(table, before_write=[gone] * 3))
    with pytest.raises(StoreUnavailable):
        append_audit.handle(batch, None)
    assert len(outbox(table)) == 4
    use(table)
    for half in (batch["Records"][:2], batch["Records"][2:]):
        assert append_audit.handle({"Records": half}, None) == done(2)
    assert holds(table, 4)


# --- consumers at the same time --------------------------------------------------------------------------------------


def test_of_two_consumers_the_slower_one_chains_what_is_left(table: Table) -> None:
    say(table, events(10))
    items = outbox(table)
    faster = [lambda: ItemAuditChain(table).append_items(items[:4])]
    assert ItemAuditChain(InterruptedTable(table, after_get=faster)).append_items(items) == 6
    assert sorted(chained_ids(table)) == sorted(each.id for each in events(10))
    assert holds(table, 10)


def test_a_consumer_that_finds_everything_chained_has_nothing_to_do(table: Table) -> None:
    say(table, events(10))
    items = outbox(table)
    faster = [lambda: ItemAuditChain(table).append_items(items)]
    assert ItemAuditChain(InterruptedTable(table, before_write=faster)).append_items(items) == 0
    assert holds(table, 10)


def test_a_consumer_that_is_overtaken_all_the_time_gives_up_and_loses_nothing(table: Table) -> None:
    say(table, [event(0, seconds=-1)])
    item, numbers = outbox(table), iter(range(1, 1000))

    def overtake() -> None:
        say(table, [event(next(numbers))])
        others = [each for each in outbox(table) if each not in item]
        ItemAuditChain(table).append_items(others)

    crowded = InterruptedTable(table, after_get=[overtake] * 30)
    with pytest.raises(StoreUnavailable, match="by others all the time"):
        ItemAuditChain(crowded).append_items(item)
    assert outbox(table) == item
    assert ItemAuditChain(table).append_pending() == 1
    assert holds(table, len(trail(table)))


@pytest.mark.parametrize("table", ["memory", "sqlite"], indirect=True)
def test_many_consumers_of_overlapping_batches_chain_everything_once(table: Table) -> None:
    """Not on moto, whose transactions are not atomic under threads."""
    say(table, events(300))
    items = outbox(table)
    batches = [items[start : start + 40] for start in range(0, 300, 10)] * 2
    random.Random(3).shuffle(batches)
    with ThreadPoolExecutor(6) as pool:
        pending = [pool.submit(_until_done, table, lambda chain: chain.append_pending()) for _ in range(2)]
        chained = [pool.submit(_until_done, table, partial(_append, batch)) for batch in batches]
        assert sum(each.result() for each in [*pending, *chained]) == 300
    assert sorted(chained_ids(table)) == sorted(each.id for each in events(300))
    assert holds(table, 300)


def _append(batch: list[Item], chain: ItemAuditChain) -> int:
    return chain.append_items(batch)


def _until_done(table: Table, work: Callable[[ItemAuditChain], int]) -> int:
    """As the stream does: a batch that failed comes again."""
    while True:
        try:
            return work(ItemAuditChain(table))
        except StoreUnavailable:
            continue


# --- transactions ----------------------------------------------------------------------------------------------------


def test_a_batch_larger_than_a_transaction_is_chained_in_several(table: Table) -> None:
    moves = [Move(keys.EXECUTIONS, None, "pending", instant(number)) for number in range(1, 100)]
    notices = [announcing(uuid(n), [event(n)], [move]) for n, move in enumerate(moves, start=1)]
    table.write([each for notice in notices for each in notice])
    watched = WatchedTable(table)
    assert ItemAuditChain(watched).append_items(outbox(table)) == 99
    assert max(watched.writes) <= 100
    assert watched.requests == (3, 0, 3)  # for each transaction one read and one write
    assert holds(table, 99)


def test_more_events_than_a_transaction_takes_are_announced_in_parts(
    table: Table, chain: ItemAuditChain
) -> None:
    announced = events(2 * MOST_EVENTS + 1)
    table.write(list(announcing(uuid(1), announced, [Move("workflows", None, "draft")])))
    notices = [notice_of(item) for item in outbox(table)]
    assert [len(notice.events) for notice in notices] == [MOST_EVENTS, MOST_EVENTS, 1]
    assert [len(notice.moves) for notice in notices] == [1, 0, 0]
    assert chain.append_pending() == 3
    assert chained_ids(table) == [each.id for each in announced]


def test_large_events_are_chained_a_few_at_a_time(table: Table, chain: ItemAuditChain) -> None:
    large = [event(number, metadata={"workflow.name": "é" * 30_000}) for number in range(1, 11)]
    say(table, large)
    watched = WatchedTable(table)
    assert ItemAuditChain(watched).append_items(outbox(table)) == 10
    assert len(watched.writes) == 2
    assert [entry.event for entry in trail(table)] == large
    with pytest.raises(ValueError, match="too large"):
        say(table, [event(11, metadata={"workflow.name": "é" * 60_000})])


def test_nothing_to_say_is_no_write() -> None:
    assert announcing(uuid(1), [], [Move("workflows", "draft", "draft")]) == []


def test_a_head_that_was_set_back_stops_the_chain_instead_of_forking_it(
    table: Table, chain: ItemAuditChain
) -> None:
    say(table, events(3))
    chain.append_pending()
    (head,) = table.get([keys.CHAIN_HEAD])
    say(table, [event(4)])
    chain.append_pending()
    assert head is not None
    table.write([Put(keys.AUDIT, head, when=None)])
    say(table, [event(5)])
    with pytest.raises(StoreUnavailable, match="does not fit its entries"):
        chain.append_pending()
    assert len(outbox(table)) == 1


def test_an_entry_is_never_written_over(table: Table, chain: ItemAuditChain) -> None:
    say(table, events(1))
    chain.append_pending()
    (stored,) = table.get([keys.audit_entry(1)])
    assert stored is not None
    with pytest.raises(ConditionFailed):
        table.write([Put(keys.AUDIT, stored)])


def test_the_head_keeps_the_time_reached_and_the_longest_lag(table: Table, chain: ItemAuditChain) -> None:
    assert head_of(None) == chain.head()
    for seconds in (10, 25.0005, 5, 30):
        say(table, [event(int(seconds), seconds=seconds)])
        chain.append_pending()
    head = chain.head()
    assert (head.sequence, head.version) == (4, 4)
    assert (head.reached, head.longest_lag) == ("2026-03-01T10:00:30.000000Z", 20_001)


# --- a notice with every change, and only with it --------------------------------------------------------------------


Change = Callable[[Table, list[AuditEvent]], object]


def _stores(table: Table) -> tuple[ItemWorkflowStore, ItemProviderConfigurationStore]:
    blobs, cipher = MemoryBlobs(), PlainCipher()
    return ItemWorkflowStore(table, blobs, cipher), ItemProviderConfigurationStore(table, blobs, cipher)


def test_a_change_and_its_notice_are_one(table: Table) -> None:
    workflows, configurations = _stores(table)
    one, other = workflow(), configuration()
    store, runs = (
        ItemExecutionStore(table, MemoryBlobs()),
        ItemNodeRunStore(table, MemoryBlobs(), PlainCipher()),
    )
    started = execution()
    later = one.model_copy(update={"name": "later", "version": 2})
    changes: list[Callable[[list[AuditEvent]], object]] = [
        lambda audit: workflows.add(one, audit),
        lambda audit: workflows.replace(one, later, (), audit),
        lambda audit: workflows.delete(later, audit),
        lambda audit: configurations.add(other, audit),
        lambda audit: configurations.delete(other, audit),
        lambda audit: store.add(started, {}, claim(started), audit),
        lambda audit: runs.record(started, [step("a")], 1, None, audit),
        lambda audit: runs.announce(started.id, audit),
        lambda audit: store.finish(started.id, failure(), audit),
    ]
    for number, change in enumerate(changes, start=1):
        change([event(number)])
        assert [notice.events for notice in map(notice_of, outbox(table))] == [
            [event(earlier)] for earlier in range(1, number + 1)
        ]


def test_a_refused_change_announces_nothing(table: Table) -> None:
    workflows, configurations = _stores(table)
    one, other = workflow(), configuration()
    store, runs = (
        ItemExecutionStore(table, MemoryBlobs()),
        ItemNodeRunStore(table, MemoryBlobs(), PlainCipher()),
    )
    ended, running = execution(), execution()
    key = claim(ended)
    workflows.add(one)
    configurations.add(other)
    store.add(ended, {}, key)
    store.add(running, {}, None)
    runs.record(running, [step("a")], 1, None)
    store.finish(ended.id, Outcome(at=instant(9)))
    ItemAuditChain(table).append_pending()
    stale = one.model_copy(update={"version": 7})
    refused: list[tuple[type[Exception], Callable[[list[AuditEvent]], object]]] = [
        (WorkflowNameTaken, lambda audit: workflows.add(workflow(name=one.name), audit)),
        (ChangedConcurrently, lambda audit: workflows.replace(stale, stale, (), audit)),
        (ChangedConcurrently, lambda audit: workflows.delete(stale, audit)),
        (FlowkerError, lambda audit: configurations.add(configuration(name=other.name), audit)),
        (IdempotencyKeyTaken, lambda audit: store.add(execution(), {}, claim(execution(), key.key), audit)),
        (AlreadyRecorded, lambda audit: runs.record(running, [step("a")], 1, None, audit)),
        (ExecutionEnded, lambda audit: runs.record(ended, [step("b")], 1, None, audit)),
    ]
    for error, change in refused:
        with pytest.raises(error):
            change([event(1)])
    assert not store.finish(ended.id, failure(), [event(1)])
    assert outbox(table) == []


def test_two_branches_that_both_record_the_first_step_announce_one_move(table: Table) -> None:
    started = execution()
    ItemExecutionStore(table, MemoryBlobs()).add(started, {}, None)
    ItemAuditChain(table).append_pending()
    runs = ItemNodeRunStore(table, MemoryBlobs(), PlainCipher())
    faster = [lambda: runs.record(started, [step("left")], 1, None, [event(1)])]
    slower = ItemNodeRunStore(InterruptedTable(table, before_write=faster), MemoryBlobs(), PlainCipher())
    slower.record(started, [step("right")], 1, None, [event(2)])
    notices = [notice_of(item) for item in outbox(table)]
    assert [(len(notice.events), [move.after for move in notice.moves]) for notice in notices] == [
        (1, ["running"]),
        (1, []),
    ]


def test_a_field_with_the_separator_is_refused_before_anything_is_stored() -> None:
    with acting(Actor(ActorType.API_KEY, "a|b")), pytest.raises(ValueError, match=r"contains \|"):
        event(1)
    with pytest.raises(ValueError, match=r"contains \|"):
        event(1, resource=f"{uuid4()}|")

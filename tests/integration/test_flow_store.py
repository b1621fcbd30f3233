"""The contract of `ports.flows.FlowStore`, over every home's table (FlowRunner spec g)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Query, Table
from flowker.adapters.stores.flows import AT_ONCE, ItemFlowStore
from flowker.errors import ChangedConcurrently, FlowNotFound
from flowker.model.audit import EventType, happened
from flowker.model.flow import Flow, FlowHead, FlowRevision
from flowker.model.workflow import Launch, MachineType
from tests.fakes import ManualClock, MemoryBlobs, PlainCipher
from tests.integration.samples import WatchedTable, instant

TEXT = "metadata: {name: ü😀}\r\nnodes: {a: {type: base}}\t\n"


def over(table: Table) -> ItemFlowStore:
    return ItemFlowStore(table, MemoryBlobs(), PlainCipher())


@pytest.fixture
def store(table: Table) -> ItemFlowStore:
    return over(table)


def a_flow(account: str, number: int = 0, **values: Any) -> Flow:
    flow_id = f"flow-{uuid4()}"
    launch = Launch(
        workflow_id=flow_id,
        revision="ab" * 32,
        machine="standard-1",
        total_steps=3,
        entry="__start",
        type=MachineType.EXPRESS,
        account_id=account,
        label="1.0.0",
        longest=86_400,
    )
    given = {
        "id": flow_id,
        "account_id": account,
        "name": "mine",
        "version": "1.0.0",
        "revision": 1,
        "launch": launch,
        "created_at": instant(number),
        "updated_at": instant(number),
        "definition": TEXT,
    }
    return Flow.model_validate({**given, **values})


def revision_of(flow: Flow) -> FlowRevision:
    return FlowRevision(
        number=flow.revision,
        label=flow.version,
        definition=flow.definition,
        created_at=flow.updated_at,
        launch=flow.launch,
    )


def added(store: ItemFlowStore, account: str | None = None, number: int = 0, **values: Any) -> Flow:
    flow = a_flow(account or new_account(), number, **values)
    store.add(flow, revision_of(flow))
    return flow


def revised(store: ItemFlowStore, before: Flow, text: str) -> Flow:
    number = before.revision + 1
    values = {"definition": text, "revision": number, "version": f"v{number}", "changes": before.changes + 1}
    after = before.model_copy(update=values)
    store.replace(before, after, revision_of(after))
    return after


def new_account() -> str:
    return f"account-{uuid4()}"


def head_of(flow: Flow) -> FlowHead:
    return FlowHead.model_validate(flow.model_dump(exclude={"definition"}))


def test_a_flow_is_read_back_whole(store: ItemFlowStore) -> None:
    flow = added(
        store,
        description="Ü" * 2000,
        tags=("b", "a"),
        category="c",
        status="draft",
        custom={"a": [1, None, Decimal("1.10")], "ä": {"b": True}},
    )
    assert store.get(flow.account_id, flow.id) == flow
    assert store.head(flow.account_id, flow.id) == head_of(flow)


@pytest.mark.parametrize("text", ["", "x", TEXT, "#" + "ä" * 120_000, "#" + "x" * 262_000])
def test_a_text_of_any_length_comes_back_byte_for_byte(store: ItemFlowStore, text: str) -> None:
    flow = added(store, definition=text)
    assert store.get(flow.account_id, flow.id).definition == text


def test_the_text_is_sealed(table: Table) -> None:
    flow = added(over(table))
    stored = table.query(Query(keys.DEFINITIONS, keys.flow_text(flow.id, 1).pk))
    assert all("type: base" not in str(value) for item in stored for value in item.values())


def test_flows_of_other_accounts_do_not_exist(store: ItemFlowStore) -> None:
    flow, other = added(store), new_account()
    for read in (store.get, store.head, store.revisions):
        with pytest.raises(FlowNotFound):
            read(other, flow.id)
    with pytest.raises(FlowNotFound):
        store.revision(other, flow.id, 1)
    assert store.heads(other) == []


@pytest.mark.parametrize("name", ["flow-unknown", "", "x" * 3000, "😀"])
def test_an_unknown_flow_is_not_found(store: ItemFlowStore, name: str) -> None:
    with pytest.raises(FlowNotFound):
        store.get(new_account(), name)
    with pytest.raises(FlowNotFound):
        store.revision(new_account(), name, 1)


def test_heads_are_all_flows_of_an_account_newest_first(store: ItemFlowStore) -> None:
    account = new_account()
    flows = [added(store, account, number) for number in (2, 0, 1)]
    added(store)
    assert store.heads(account) == [head_of(flows[0]), head_of(flows[2]), head_of(flows[1])]


def test_what_was_stored_is_listed_at_once(store: ItemFlowStore) -> None:
    account = new_account()
    for number in range(1, 4):
        added(store, account, number)
        assert len(store.heads(account)) == number


def test_replacing_keeps_the_text_unless_there_is_a_revision(store: ItemFlowStore) -> None:
    before = added(store)
    named = before.model_copy(update={"name": "other", "changes": 2})
    store.replace(before, named, None)
    assert store.get(before.account_id, before.id) == named
    after = revised(store, named, "new text")
    assert store.get(before.account_id, before.id) == after
    assert store.revision(before.account_id, before.id, 1) == revision_of(before)
    assert store.revision(before.account_id, before.id, 2) == revision_of(after)
    assert [each.number for each in store.revisions(before.account_id, before.id)] == [2, 1]
    with pytest.raises(FlowNotFound):
        store.revision(before.account_id, before.id, 3)


def test_what_a_flow_no_longer_has_is_gone(store: ItemFlowStore) -> None:
    before = added(store, category="c", status="s", custom={"a": 1})
    after = before.model_copy(update={"category": None, "status": None, "custom": {}, "changes": 2})
    store.replace(before, after, None)
    assert store.get(before.account_id, before.id) == after


def test_only_what_was_read_can_be_changed(store: ItemFlowStore) -> None:
    before = added(store)
    after = revised(store, before, "one")
    with pytest.raises(ChangedConcurrently):
        revised(store, before, "two")
    with pytest.raises(ChangedConcurrently):
        store.delete(before)
    assert store.get(before.account_id, before.id) == after
    assert len(store.revisions(before.account_id, before.id)) == 2


def test_deleting_leaves_nothing(table: Table) -> None:
    store = over(table)
    flow = revised(store, added(store), "two")
    store.delete(flow)
    with pytest.raises(FlowNotFound):
        store.get(flow.account_id, flow.id)
    assert table.query(Query(keys.DEFINITIONS, keys.flow_text(flow.id, 1).pk)) == []
    with pytest.raises(ChangedConcurrently):
        store.delete(flow)
    with pytest.raises(ChangedConcurrently):
        revised(store, flow, "three")


def test_any_number_of_revisions_is_deleted(table: Table) -> None:
    store = over(table)
    flow = added(store)
    for number in range(AT_ONCE + 3):
        flow = revised(store, flow, f"text {number}")
    assert len(store.revisions(flow.account_id, flow.id)) == AT_ONCE + 4
    with pytest.raises(ChangedConcurrently):
        store.delete(flow.model_copy(update={"changes": 1}))
    assert len(store.revisions(flow.account_id, flow.id)) == AT_ONCE + 4
    store.delete(flow)
    assert table.query(Query(keys.DEFINITIONS, keys.flow_text(flow.id, 1).pk)) == []


def test_changes_announce_what_happened(table: Table) -> None:
    store, clock = over(table), ManualClock()
    flow = a_flow(new_account())

    def event(kind: EventType) -> Any:
        return happened(kind, flow.id, id=str(uuid4()), at=clock.now())

    def announced() -> int:
        shard = keys.outbox_of(keys.shard(flow.id))
        return len(table.query(Query(keys.EXECUTIONS, shard)))

    store.add(flow, revision_of(flow), [event(EventType.FLOW_CREATED)])
    store.replace(flow, flow, None, [event(EventType.FLOW_UPDATED)])
    store.delete(flow.model_copy(update={"changes": 2}), [event(EventType.FLOW_DELETED)])
    assert announced() == 3


def test_a_head_costs_one_read_a_flow_two_and_a_list_one(table: Table) -> None:
    flow = added(over(table))
    watched = WatchedTable(table)
    over(watched).head(flow.account_id, flow.id)
    assert watched.requests == (1, 0, 0)
    over(watched).get(flow.account_id, flow.id)
    assert watched.requests == (3, 0, 0)
    over(watched).heads(flow.account_id)
    assert watched.requests == (3, 1, 0)
    store = over(watched)
    added(store)
    assert watched.requests == (3, 1, 1)

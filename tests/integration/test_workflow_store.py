"""The contract of `ports.WorkflowStore`, over every home's table (Flowker spec c.1, i)."""

from base64 import b64decode
from decimal import Decimal
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Put, Table
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.errors import (
    ChangedConcurrently,
    UnknownSchema,
    WorkflowNameTaken,
    WorkflowNotFound,
)
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.workflow import Engine, MachineType, Price, Workflow, WorkflowHead, WorkflowStatus
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import (
    GRAPH,
    InterruptedTable,
    WatchedTable,
    instant,
    launch,
    route,
    workflow,
)


def over(table: Table, blobs: MemoryBlobs | None = None) -> ItemWorkflowStore:
    return ItemWorkflowStore(table, blobs or MemoryBlobs(), PlainCipher())


@pytest.fixture
def store(table: Table) -> ItemWorkflowStore:
    return over(table)


def changed(before: Workflow, **values: object) -> Workflow:
    return before.model_copy(update={"version": before.version + 1, "updated_at": instant(1), **values})


def activated(before: Workflow) -> Workflow:
    return changed(before, status=WorkflowStatus.ACTIVE, launch=launch(before.id))


def fresh_path() -> str:
    return f"/{uuid4()}"


def test_what_was_added_is_read_back_whole(store: ItemWorkflowStore) -> None:
    metadata = {"a": None, "limit": Decimal("10.10"), "big": 2**70, "text": "ação 😀"}
    added = workflow(description="Ü", metadata=metadata)
    store.add(added)
    assert store.get(added.id) == added
    assert str(store.get(added.id).metadata["limit"]) == "10.10"


def test_an_empty_draft_is_stored(store: ItemWorkflowStore) -> None:
    added = workflow(graph=Graph())
    store.add(added)
    assert store.get(added.id) == added


def test_the_head_is_the_workflow_without_its_graph(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    active = activated(draft)
    store.replace(draft, active)
    head = store.head(active.id)
    assert head == WorkflowHead.model_validate(active.model_dump(include=set(WorkflowHead.model_fields)))
    assert head.launch == launch(draft.id)


def test_what_runs_it_and_for_how_much_is_kept_while_it_is_active(store: ItemWorkflowStore) -> None:
    draft = workflow()
    store.add(draft)
    price = Price(standard=Decimal("121.74"), express=Decimal("48.05"), region="us-east-1", date="2026-11-22")
    engine = Engine(type=MachineType.EXPRESS, reason="quick", worst_case_seconds=275, price=price)
    on_express = launch(draft.id).model_copy(update={"type": MachineType.EXPRESS})
    active = changed(draft, status=WorkflowStatus.ACTIVE, launch=on_express, engine=engine)
    taken = route(draft.id, fresh_path(), launch=on_express)
    store.replace(draft, active, [taken])
    assert store.get(draft.id) == active
    assert store.head(draft.id).launch == on_express
    assert store.route(taken.method, taken.path) == taken
    inactive = changed(active, status=WorkflowStatus.INACTIVE, launch=None, engine=None)
    store.replace(active, inactive)
    assert store.get(draft.id).engine is None


def test_the_head_costs_one_read_of_one_item_and_the_whole_one_read_of_two(table: Table) -> None:
    added = workflow()
    over(table).add(added)
    watched = WatchedTable(table)
    over(watched).head(added.id)
    assert watched.gets == [1]
    over(watched).get(added.id)
    assert watched.gets == [1, 2]
    assert watched.requests == (2, 0, 0)


def test_adding_costs_one_write(table: Table) -> None:
    watched = WatchedTable(table)
    over(watched).add(workflow())
    assert watched.requests == (0, 0, 1)


def test_an_unknown_workflow_is_not_found(store: ItemWorkflowStore) -> None:
    with pytest.raises(WorkflowNotFound):
        store.get(str(uuid4()))
    with pytest.raises(WorkflowNotFound):
        store.head(str(uuid4()))


def test_a_name_is_taken_once_and_nothing_of_the_second_workflow_is_stored(store: ItemWorkflowStore) -> None:
    first = workflow()
    second = workflow(name=first.name)
    store.add(first)
    with pytest.raises(WorkflowNameTaken):
        store.add(second)
    with pytest.raises(WorkflowNotFound):
        store.get(second.id)


def test_names_are_case_sensitive(store: ItemWorkflowStore) -> None:
    first = workflow()
    store.add(first)
    store.add(workflow(name=first.name.upper()))


def test_a_replacement_is_stored_under_the_next_version(store: ItemWorkflowStore) -> None:
    before = workflow(description="old", metadata={"a": 1})
    store.add(before)
    after = changed(before, description=None, graph=Graph(), metadata={"a": 2})
    store.replace(before, after)
    assert store.get(before.id) == after
    store.replace(before=after, after=after.model_copy(update={"description": "again"}))
    assert store.get(before.id).version == 3


def test_of_two_writers_who_read_the_same_the_second_is_refused(store: ItemWorkflowStore) -> None:
    seen = workflow()
    store.add(seen)
    store.replace(seen, changed(seen, description="first"))
    with pytest.raises(ChangedConcurrently):
        store.replace(seen, changed(seen, description="second"))
    with pytest.raises(ChangedConcurrently):
        store.delete(seen)
    assert store.get(seen.id).description == "first"


def test_a_writer_who_comes_between_the_read_and_the_write_of_another_wins(table: Table) -> None:
    seen = workflow()
    store = over(table)
    store.add(seen)
    faster = changed(seen, description="faster")
    slower = over(InterruptedTable(table, before_write=[lambda: store.replace(seen, faster)]))
    with pytest.raises(ChangedConcurrently):
        slower.replace(seen, changed(seen, description="slower"))
    late = over(InterruptedTable(table, before_write=[lambda: store.delete(faster)]))
    with pytest.raises(ChangedConcurrently):
        late.delete(faster)
    with pytest.raises(WorkflowNotFound):
        store.get(seen.id)


def test_replacing_or_deleting_what_was_deleted_is_a_conflict(store: ItemWorkflowStore) -> None:
    gone = workflow()
    store.add(gone)
    store.delete(gone)
    with pytest.raises(ChangedConcurrently):
        store.replace(gone, changed(gone))
    with pytest.raises(ChangedConcurrently):
        store.delete(gone)


def test_renaming_frees_the_old_name_and_takes_the_new_one(store: ItemWorkflowStore) -> None:
    before, other = workflow(), workflow()
    store.add(before)
    store.add(other)
    with pytest.raises(WorkflowNameTaken):
        store.replace(before, changed(before, name=other.name))
    assert store.get(before.id) == before
    after = changed(before, name=f"renamed {before.id}")
    store.replace(before, after)
    store.add(workflow(name=before.name))
    with pytest.raises(WorkflowNameTaken):
        store.add(workflow(name=after.name))


def test_deleting_frees_the_name(store: ItemWorkflowStore) -> None:
    first = workflow()
    store.add(first)
    store.delete(first)
    with pytest.raises(WorkflowNotFound):
        store.get(first.id)
    store.add(workflow(name=first.name))


def test_a_read_never_mixes_two_versions(table: Table) -> None:
    before = workflow(description="old")
    store = over(table)
    store.add(before)
    (stale,) = table.get([keys.workflow_body(before.id)])
    assert stale is not None
    after = changed(before, description="new")
    store.replace(before, after)
    (current,) = table.get([keys.workflow_body(before.id)])
    assert current is not None

    table.write([Put(keys.DEFINITIONS, stale, when=None)])
    with pytest.raises(ChangedConcurrently):
        store.get(before.id)

    def settle() -> None:
        table.write([Put(keys.DEFINITIONS, current, when=None)])

    assert over(InterruptedTable(table, after_get=[settle])).get(before.id) == after


# --- revisions -------------------------------------------------------------------------------------------------------


def test_a_revision_is_kept_once_and_keeping_it_again_changes_nothing(
    table: Table, store: ItemWorkflowStore
) -> None:
    digest = uuid4().hex
    store.keep_revision(digest, GRAPH)
    before = table.get([keys.revision(digest)])
    store.keep_revision(digest, GRAPH)
    assert table.get([keys.revision(digest)]) == before
    assert store.revision(digest) == GRAPH


def test_a_revision_that_was_never_kept_is_a_key_error(store: ItemWorkflowStore) -> None:
    with pytest.raises(KeyError):
        store.revision(uuid4().hex)


# --- at rest ---------------------------------------------------------------------------------------------------------


def test_graph_description_and_metadata_are_sealed(table: Table, store: ItemWorkflowStore) -> None:
    added = workflow(description="confidential-1", metadata={"k": "confidential-2"})
    store.add(added)
    digest = uuid4().hex
    store.keep_revision(digest, GRAPH)
    stored = table.get([keys.workflow(added.id), keys.workflow_body(added.id), keys.revision(digest)])
    assert "confidential" not in str(stored)
    assert "workflow.amount" not in str(stored)
    for item in stored[1:]:
        assert item is not None
        assert b64decode(str(item["body"])).startswith(f"sealed for {item['pk']}:".encode())


def test_a_body_cannot_be_moved_to_another_workflow(table: Table, store: ItemWorkflowStore) -> None:
    one, other = workflow(), workflow()
    store.add(one)
    store.add(other)
    (body,) = table.get([keys.workflow_body(one.id)])
    assert body is not None
    moved = {**body, "pk": keys.workflow_body(other.id).pk}
    table.write([Put(keys.DEFINITIONS, moved, when=None)])
    with pytest.raises(ValueError, match="sealed for something else"):
        store.get(other.id)


def test_a_large_workflow_goes_to_a_blob_sealed_as_well(table: Table) -> None:
    nodes = tuple(
        Node(id=f"n{number}", type=NodeKind.ACTION, data={"output": "x" * 9000}) for number in range(99)
    )
    added = workflow(graph=Graph(nodes=nodes))
    blobs = MemoryBlobs()
    store = over(table, blobs)
    store.add(added)
    assert store.get(added.id) == added
    (body,) = table.get([keys.workflow_body(added.id)])
    assert body is not None
    assert "body" not in body
    assert blobs.get(str(body["body_blob"])).startswith(f"sealed for {body['pk']}:".encode())


def test_an_item_of_an_unknown_schema_is_refused(table: Table, store: ItemWorkflowStore) -> None:
    added = workflow()
    store.add(added)
    (head,) = table.get([keys.workflow(added.id)])
    assert head is not None
    table.write([Put(keys.DEFINITIONS, {**head, "schema": 2}, when=None)])
    with pytest.raises(UnknownSchema):
        store.head(added.id)

"""What is deleted, replaced or expired is gone a while later, with what was too large for an item, on every home's table."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Delete, Put, Query, Table, Write
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
from flowker.adapters.stores.flows import ItemFlowStore
from flowker.adapters.stores.leftovers import AT_A_TIME, SETTLED, ItemLeftovers, leaving
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.adapters.stores.record import PAGE, item
from flowker.adapters.stores.runs import ItemRunStore
from flowker.adapters.stores.workflows import ItemWorkflowStore
from flowker.adapters.table_rules import MOST_BYTES_TOGETHER, size_of
from flowker.errors import ExecutorConfigurationNameTaken, ProviderConfigurationNameTaken, WorkflowNameTaken
from flowker.model import exact_json
from flowker.model.execution import Execution
from flowker.model.run import Entry, EntryChange
from flowker.ports import IdempotencyKeyTaken
from flowker.ports.runs import EntryChanged, Recording
from flowker.usecases.flow_worker.entries import LiveEntries
from tests.fakes import MemoryBlobs, MemoryTable, PlainCipher
from tests.integration.samples import (
    InterruptedTable,
    WatchedTable,
    claim,
    configuration,
    execution,
    executor_configuration,
    workflow,
)
from tests.integration.test_flow_store import a_flow, revision_of
from tests.integration.test_run_store import DONE, line, run, started, step

LONG = "x" * 100_000
NOW = 1_800_000_000
LATER = NOW + SETTLED


class World:
    """The stores over one table, and a sweep at a time of one's choice."""

    def __init__(self, table: Table) -> None:
        self.table, self.blobs = table, MemoryBlobs()
        self.runs = ItemRunStore(table, self.blobs)
        self._sealed = (table, self.blobs, PlainCipher())

    def sweep(self, now: int) -> int:
        return ItemLeftovers(self.table, self.blobs).sweep(now)

    @property
    def notes(self) -> list[Any]:
        partitions = [keys.leftovers_of(shard) for shard in keys.shards()]
        return [note for each in partitions for note in self.table.query(Query(keys.EXECUTIONS, each))]

    def recorder(self, store: ItemRunStore | None = None) -> Callable[[EntryChange], None]:
        """Records a step after another of one run, each with a change of the key/value store."""
        new = started(self.runs)
        numbers: Iterator[int] = iter(range(1, 100))

        def change(wanted: EntryChange) -> None:
            recording = Recording([step(str(next(numbers)))], changes=[wanted])
            (store or self.runs).record(self.runs.load(new.id, ()), recording)

        return change

    def stored(self) -> list[str]:
        return self.blobs.below(keys.folder(keys.entry("account-1", "")))

    def value(self, key: str = "k") -> Any:
        found = self.runs.entry("account-1", key)
        return found and found.value


@pytest.fixture
def world(table: Table) -> World:
    return World(table)


def changed(world: World, key: str, value: Any, expires: int | None = None) -> EntryChange:
    """What a node makes of a new value, once it has read the one that is there."""
    live = LiveEntries(world.runs, "account-1", float(NOW))
    found = live.get(key)
    version = found.version if found else 0
    after = None if value is None else Entry(key, value, version + 1, expires)
    (change,) = live.conditions([EntryChange(key, version, after)])
    return change


def test_a_replaced_value_goes_and_its_like_under_another_key_stays(world: World) -> None:
    change = world.recorder()
    for key in ("k", "other"):
        change(changed(world, key, LONG))
    change(changed(world, "k", LONG + "2"))
    assert len(world.stored()) == 3
    assert [world.sweep(NOW), world.sweep(LATER - 1), world.sweep(LATER)] == [0, 0, 1]
    assert (world.value(), world.value("other")) == (LONG + "2", LONG)
    change(changed(world, "k", "short"))
    change(changed(world, "other", None))
    assert [world.sweep(LATER), world.sweep(LATER + SETTLED)] == [0, 2]
    assert (world.stored(), world.notes, world.value()) == ([], [], "short")


def test_a_value_that_an_earlier_version_has_stored_for_two_keys_stays_when_one_is_replaced(
    world: World,
) -> None:
    change = world.recorder()
    name = keys.blob(keys.entry("account-1", ""), sha256(LONG.encode()).hexdigest())
    world.blobs.put(name, exact_json.dumps(LONG).encode())
    for key in ("k", "other"):
        at = keys.entry("account-1", key)
        world.table.write([Put(at.table, item(at, name=key, version=1, body_blob=name))])
    change(changed(world, "k", "short"))
    assert [world.sweep(NOW), world.sweep(LATER)] == [0, 0]
    assert (world.value(), world.value("other")) == ("short", LONG)


def test_a_value_whose_step_was_never_recorded_goes(world: World) -> None:
    change = world.recorder()
    change(changed(world, "k", 1))
    late = changed(world, "k", LONG)
    change(changed(world, "k", 2))
    with pytest.raises(EntryChanged):
        change(late)
    assert len(world.stored()) == 1
    assert [world.sweep(NOW), world.sweep(LATER)] == [0, 1]
    assert (world.stored(), world.notes, world.value()) == ([], [], 2)


def test_a_value_that_is_stored_while_somebody_sweeps_is_stored_again_or_stays(world: World) -> None:
    def sweep() -> None:
        world.sweep(NOW)

    table = InterruptedTable(world.table, before_write=[lambda: None, sweep])
    change = world.recorder(ItemRunStore(table, world.blobs))
    with pytest.raises(EntryChanged):  # so the worker runs the node again
        change(changed(world, "k", LONG))
    change(changed(world, "k", LONG))
    assert [world.sweep(LATER), world.sweep(LATER + SETTLED)] == [1, 0]
    assert (len(world.stored()), world.notes, world.value()) == (1, [], LONG)


def test_an_expired_value_goes_and_one_that_took_its_place_does_not(world: World) -> None:
    change = world.recorder()
    change(changed(world, "k", LONG, NOW + 60))
    change(changed(world, "renewed", LONG, NOW + 60))
    change(changed(world, "renewed", LONG))
    assert [world.sweep(NOW), world.sweep(NOW + 59)] == [0, 0]
    assert world.value() == LONG
    assert world.sweep(NOW + 60) == 0
    assert world.value() is None
    assert world.sweep(NOW + 60 + SETTLED) >= 1
    assert (len(world.stored()), world.notes, world.value("renewed")) == (1, [], LONG)


def test_clearing_as_many_long_values_as_fit_leaves_one_note(world: World) -> None:
    change = world.recorder()
    for number in range(3):
        change(changed(world, f"k{number}", LONG))
    new, live = started(world.runs), LiveEntries(world.runs, "account-1", float(NOW))
    found = [EntryChange(each.key, each.version, None) for each in live.all(values=False)]
    recording = Recording([step("1")], changes=live.conditions(found))
    world.runs.record(world.runs.load(new.id, ()), recording)
    assert len(world.notes) == 1
    assert [world.sweep(NOW), world.sweep(LATER)] == [0, 3]
    assert world.stored() == []


def test_what_is_due_has_its_turn_however_much_is_new() -> None:
    world = World(MemoryTable())
    world.blobs.put("old", b"1")
    world.table.write([leaving("old")])
    assert world.sweep(NOW) == 0
    for number in range(AT_A_TIME * 16):
        world.table.write([leaving(f"new/{number}")])
    assert world.sweep(LATER) == 1
    assert world.blobs.below("") == []


def long_run(world: World, **values: Any) -> Execution:
    new = started(world.runs, {"large": LONG}, **values)
    world.runs.record(world.runs.load(new.id, ()), Recording([step("1", LONG)], [line(LONG)], outcome=DONE))
    return new


def test_a_forgotten_run_leaves_nothing_and_others_stay(world: World) -> None:
    old, new = long_run(world), long_run(world, started_at="2026-04-01T10:00:00.000Z")
    folder = keys.folder(keys.execution(old.id))
    assert len(world.blobs.below(folder)) == 3
    world.blobs.put(f"{folder}lost", b"by a worker that was killed before it could record its step")
    month, begun = 30 * 24 * 3600, 1_772_359_200  # 2026-03-01T10:00:00Z
    assert world.runs.forget(begun + month + 60) == 1
    assert world.blobs.below(folder) == []
    assert world.runs.load(new.id, ["1"]).steps["1"].value == LONG


def test_a_run_that_was_half_forgotten_is_forgotten_by_the_next_who_tries(world: World) -> None:
    class Killed(Exception):
        pass

    def kill() -> None:
        raise Killed

    old = long_run(world)
    table = InterruptedTable(world.table, before_write=[lambda: None, kill])
    month, begun = 30 * 24 * 3600, 1_772_359_200
    with pytest.raises(Killed):
        ItemRunStore(table, world.blobs).forget(begun + month + 60)
    assert world.runs.forget(begun + month + 60) == 1
    assert world.blobs.below("") == []
    assert world.table.query(Query(keys.EXECUTIONS, keys.execution(old.id).pk)) == []


def test_a_run_of_which_somebody_else_deletes_a_part_leaves_nothing(world: World) -> None:
    old = long_run(world)

    def overtake() -> None:
        world.table.write([Delete(keys.execution_input(old.id))])

    table = InterruptedTable(world.table, before_write=[overtake])
    month, begun = 30 * 24 * 3600, 1_772_359_200
    assert ItemRunStore(table, world.blobs).forget(begun + month + 60) == 1
    assert world.table.query(Query(keys.EXECUTIONS, keys.execution(old.id).pk)) == []


def test_a_run_of_any_size_is_forgotten_in_pages_that_fit_into_transactions() -> None:
    world = World(MemoryTable())
    old = long_run(world)
    for number in range(2 * PAGE):
        key = keys.run_step(old.id, f"1.{number}.1")
        world.table.write([Put(key.table, item(key, body="x" * 390_000))])
    watched = DeletedTable(world.table)
    assert ItemRunStore(watched, world.blobs).forget(2_000_000_000) == 1
    assert world.table.query(Query(keys.EXECUTIONS, keys.execution(old.id).pk)) == []
    assert max(watched.found) <= PAGE
    assert max(watched.deleted) <= MOST_BYTES_TOGETHER


class DeletedTable(WatchedTable):
    """Notes how many items it finds, and how large what is deleted at once was."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.found: list[int] = []
        self.deleted: list[int] = []

    def query(self, query: Query) -> list[Any]:
        found = super().query(query)
        self.found.append(len(found))
        return found

    def write(self, writes: Sequence[Write]) -> None:
        self.deleted.append(sum(size_of(each) for each in self.get([write.key for write in writes]) if each))
        super().write(writes)


def test_a_start_that_is_repeated_leaves_nothing_large_behind(table: Table) -> None:
    blobs = MemoryBlobs()
    for store, one, other in (
        (ItemRunStore(table, blobs), run(), run()),
        (ItemExecutionStore(table, blobs), execution(), execution()),
    ):
        claimed = claim(one)
        store.add(one, {"large": LONG}, claimed)
        store.add(one, {"large": LONG}, claimed)
        before = blobs.below("")
        with pytest.raises(IdempotencyKeyTaken) as taken:
            store.add(other, {"large": LONG}, claim(other, claimed.key))
        assert taken.value.claim == claimed
        assert blobs.below("") == before


def test_a_definition_whose_name_is_taken_leaves_nothing_behind(table: Table) -> None:
    blobs = MemoryBlobs()
    parts = table, blobs, PlainCipher()
    drafted = workflow(metadata={"large": LONG})
    provider = configuration(config={"headers": {"X-Large": LONG}})
    executor = executor_configuration(description=LONG)
    for _ in range(2):
        with suppress(WorkflowNameTaken):
            ItemWorkflowStore(*parts).add(drafted.model_copy(update={"id": str(uuid4())}))
        with suppress(ProviderConfigurationNameTaken):
            ItemProviderConfigurationStore(*parts).add(provider.model_copy(update={"id": str(uuid4())}))
        with suppress(ExecutorConfigurationNameTaken):
            ItemExecutorConfigurationStore(*parts).add(executor.model_copy(update={"id": str(uuid4())}))
    assert len(blobs.below("")) == 6
    leftovers = ItemLeftovers(table, blobs)
    assert [leftovers.sweep(NOW), leftovers.sweep(LATER)] == [0, 3]
    assert len(blobs.below("")) == 3


def test_a_look_at_nothing_costs_one_request_for_each_partition() -> None:
    watched = WatchedTable(MemoryTable())
    assert ItemLeftovers(watched, MemoryBlobs()).sweep(NOW) == 0
    assert watched.requests == (0, keys.SHARDS, 0)


def test_of_an_account_that_is_gone_nothing_is_left_and_of_others_everything(world: World) -> None:
    change = world.recorder()
    change(changed(world, "k", LONG))
    other = long_run(world, launch=run("account-10").launch)
    own = [long_run(world) for _ in range(2)]
    world.runs.delete_entries("account-1")
    assert not world.runs.forget_account("account-1", DONE.at)  # a worker may be about to store something
    (going_on,) = (each for each in world.runs.of_account("account-1", {}, 10, 0)[0] if not each.outcome)
    assert world.runs.finish(going_on.id, DONE)
    assert not world.runs.forget_account("account-1", "2026-03-02T10:00:00.000Z")
    assert world.runs.forget_account("account-1", "2026-03-02T10:00:00.000Z")
    folders = {blob.rsplit("/", 1)[0] for blob in world.blobs.below("")}
    assert folders == {keys.folder(keys.execution(other.id)).removesuffix("/")}
    for each in own:
        assert world.table.query(Query(keys.EXECUTIONS, keys.execution(each.id).pk)) == []


def test_deleted_definitions_leave_nothing(table: Table) -> None:
    blobs = MemoryBlobs()
    parts = table, blobs, PlainCipher()
    flow = a_flow(str(uuid4()), definition=LONG)
    flows = ItemFlowStore(*parts)
    flows.add(flow, revision_of(flow))
    drafted = workflow(metadata={"large": LONG})
    ItemWorkflowStore(*parts).add(drafted)
    provider = configuration(config={"headers": {"X-Large": LONG}})
    ItemProviderConfigurationStore(*parts).add(provider)
    executor = executor_configuration(description=LONG)
    ItemExecutorConfigurationStore(*parts).add(executor)
    assert len(blobs.below("")) == 4
    flows.delete(flow)
    ItemWorkflowStore(*parts).delete(drafted)
    ItemProviderConfigurationStore(*parts).delete(provider)
    ItemExecutorConfigurationStore(*parts).delete(executor)
    leftovers = ItemLeftovers(table, blobs)
    assert [leftovers.sweep(NOW), leftovers.sweep(LATER), leftovers.sweep(LATER)] == [0, 4, 0]
    assert blobs.below("") == []

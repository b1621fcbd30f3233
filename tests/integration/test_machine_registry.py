"""The contract of `ports.MachineRegistry`, over every home's table (architecture §4)."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from flowker.adapters.items import Item, Query, Table
from flowker.adapters.stores.machines import ItemMachineRegistry
from flowker.errors import StoreUnavailable
from flowker.model.machine import MachineUse, PublishedMachine
from flowker.model.workflow import MachineType
from tests.fakes import MemoryTable
from tests.integration.samples import instant


@pytest.fixture
def registry(table: Table) -> ItemMachineRegistry:
    return ItemMachineRegistry(table)


def use(at: int = 0, workflow_id: str | None = None, revision: str = "ab" * 32) -> MachineUse:
    return MachineUse(
        workflow_id=workflow_id or str(uuid4()), revision=revision, type=MachineType.EXPRESS, at=instant(at)
    )


def read(registry: ItemMachineRegistry, reference: str) -> PublishedMachine:
    found = registry.get(reference)
    assert found is not None
    return found


def unused(registry: ItemMachineRegistry) -> PublishedMachine:
    """The machine `m` after a look that found nobody."""
    assert registry.look_again(read(registry, "m"), instant(20), instant(5))
    return read(registry, "m")


def test_what_was_claimed_is_known_with_its_uses(registry: ItemMachineRegistry) -> None:
    reference = f"machine-{uuid4()}"
    assert registry.get(reference) is None
    uses = sorted([use(), use()], key=lambda each: each.workflow_id)
    for number, each in enumerate(uses):
        registry.claim(reference, each, instant(10 + number))
    found = read(registry, reference)
    assert (found.reference, found.due, found.unused_since, found.doomed) == (
        reference,
        instant(10),
        None,
        False,
    )
    assert sorted(found.uses, key=lambda each: each.workflow_id) == uses


def test_a_workflow_uses_a_machine_as_of_its_latest_activation(registry: ItemMachineRegistry) -> None:
    first = use(1)
    again = use(2, first.workflow_id, "cd" * 32)
    registry.claim("m", first, instant(10))
    registry.claim("m", again, instant(11))
    assert read(registry, "m").uses == [again]


def test_those_that_wait_the_longest_come_first_and_only_when_it_is_time(
    registry: ItemMachineRegistry,
) -> None:
    for name, due in (("late", 30), ("early", 10), ("middle", 20)):
        registry.claim(name, use(), instant(due))
    assert registry.due(instant(9), 10) == []
    assert registry.due(instant(20), 10) == ["early", "middle"]
    assert registry.due(instant(99), 2) == ["early", "middle"]


def test_a_look_is_noted_unless_it_was_claimed_meanwhile(registry: ItemMachineRegistry) -> None:
    registry.claim("m", use(), instant(10))
    looked_at = read(registry, "m")
    assert registry.look_again(looked_at, instant(20), instant(5))
    unused = read(registry, "m")
    assert (unused.due, unused.unused_since) == (instant(20), instant(5))
    assert not registry.look_again(looked_at, instant(30), None)
    assert registry.look_again(unused, instant(40), None)
    assert read(registry, "m").unused_since is None


def test_a_claim_makes_it_used_again(registry: ItemMachineRegistry) -> None:
    registry.claim("m", use(), instant(10))
    assert registry.look_again(read(registry, "m"), instant(20), instant(5))
    unused = read(registry, "m")
    registry.claim("m", use(), instant(30))
    assert read(registry, "m").unused_since is None
    assert not registry.doom(unused)
    assert not read(registry, "m").doomed


def test_what_is_doomed_cannot_be_claimed_until_it_is_gone(registry: ItemMachineRegistry) -> None:
    registry.claim("m", use(), instant(10))
    assert not registry.doom(read(registry, "m"))
    assert registry.doom(unused(registry))
    assert read(registry, "m").doomed
    late = use()
    with pytest.raises(StoreUnavailable):
        registry.claim("m", late, instant(20))
    assert late not in read(registry, "m").uses
    registry.remove("m")
    registry.remove("m")
    registry.claim("m", late, instant(20))
    assert late in read(registry, "m").uses


def test_a_claim_reads_nothing_of_the_other_uses() -> None:
    class OneByOne(MemoryTable):
        def query(self, query: Query) -> list[Item]:
            raise AssertionError("a claim is to read one item")

    table = OneByOne()
    for _ in range(2):
        ItemMachineRegistry(table).claim("m", use(), instant(10))


def test_only_what_is_doomed_is_removed(registry: ItemMachineRegistry) -> None:
    registry.claim("m", use(), instant(10))
    registry.remove("m")
    assert read(registry, "m").due == instant(10)


def test_a_use_that_was_renewed_is_not_dropped(registry: ItemMachineRegistry) -> None:
    old = use(1)
    new = use(2, old.workflow_id)
    registry.claim("m", old, instant(10))
    registry.claim("m", new, instant(11))
    registry.drop("m", old)
    assert read(registry, "m").uses == [new]
    registry.drop("m", new)
    registry.drop("m", new)
    assert read(registry, "m").uses == []


@pytest.mark.parametrize("round_number", range(20))
def test_of_a_claim_and_a_doom_at_a_time_one_wins(round_number: int) -> None:
    registry = ItemMachineRegistry(MemoryTable())
    registry.claim("m", use(), instant(10))
    seen = unused(registry)
    mine = use()

    def claim() -> bool:
        try:
            registry.claim("m", mine, instant(20))
        except StoreUnavailable:
            return False
        return True

    work = [claim, lambda: registry.doom(seen)]
    with ThreadPoolExecutor(2) as threads:
        won = [
            each.result()
            for each in [threads.submit(each) for each in work[:: 1 if round_number % 2 else -1]]
        ]
    assert sorted(won) == [False, True]
    found = read(registry, "m")
    assert found.doomed != (mine in found.uses)

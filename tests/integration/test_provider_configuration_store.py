"""The contract of `ports.ProviderConfigurationStore`, over every home's table (Flowker spec c.3)."""

from base64 import b64decode
from decimal import Decimal
from uuid import uuid4

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Put, Table
from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
from flowker.errors import (
    ChangedConcurrently,
    ProviderConfigurationNameTaken,
    ProviderConfigurationNotFound,
    UnknownSchema,
)
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from tests.fakes import MemoryBlobs, PlainCipher
from tests.integration.samples import InterruptedTable, WatchedTable, configuration, instant


def over(table: Table, blobs: MemoryBlobs | None = None) -> ItemProviderConfigurationStore:
    return ItemProviderConfigurationStore(table, blobs or MemoryBlobs(), PlainCipher())


@pytest.fixture
def store(table: Table) -> ItemProviderConfigurationStore:
    return over(table)


def changed(before: ProviderConfiguration, **values: object) -> ProviderConfiguration:
    return before.model_copy(update={"version": before.version + 1, "updated_at": instant(1), **values})


def test_what_was_added_is_read_back_whole(store: ItemProviderConfigurationStore) -> None:
    added = configuration(
        description="the bank", metadata={"team": None}, config={"timeout": Decimal("1.50"), "id": 2**64}
    )
    store.add(added)
    assert store.get(added.id) == added


def test_an_unknown_one_is_not_found(store: ItemProviderConfigurationStore) -> None:
    with pytest.raises(ProviderConfigurationNotFound):
        store.get(str(uuid4()))


def test_many_are_read_at_once_and_absent_ones_are_left_out(table: Table) -> None:
    one, two = configuration(), configuration()
    over(table).add(one)
    over(table).add(two)
    watched = WatchedTable(table)
    found = over(watched).get_many([two.id, str(uuid4()), one.id, two.id])
    assert found == {one.id: one, two.id: two}
    assert watched.gets == [3]
    assert over(watched).get_many([]) == {}
    assert watched.gets == [3]


def test_adding_costs_one_write_and_reading_one_read(table: Table) -> None:
    watched = WatchedTable(table)
    added = configuration()
    over(watched).add(added)
    over(watched).get(added.id)
    assert watched.requests == (1, 0, 1)


def test_a_name_is_taken_once(store: ItemProviderConfigurationStore) -> None:
    first = configuration()
    second = configuration(name=first.name)
    store.add(first)
    with pytest.raises(ProviderConfigurationNameTaken):
        store.add(second)
    assert store.get_many([first.id, second.id]) == {first.id: first}


def test_a_replacement_is_stored_under_the_next_version(store: ItemProviderConfigurationStore) -> None:
    before = configuration(description="old")
    store.add(before)
    after = changed(before, description=None, status=ProviderConfigurationStatus.DISABLED, config={"a": 1})
    store.replace(before, after)
    assert store.get(before.id) == after
    store.replace(before=after, after=after)
    assert store.get(before.id).version == 3


def test_renaming_swaps_the_names(store: ItemProviderConfigurationStore) -> None:
    before, other = configuration(), configuration()
    store.add(before)
    store.add(other)
    with pytest.raises(ProviderConfigurationNameTaken):
        store.replace(before, changed(before, name=other.name))
    assert store.get(before.id) == before
    after = changed(before, name=f"renamed {before.id}")
    store.replace(before, after)
    store.add(configuration(name=before.name))
    with pytest.raises(ProviderConfigurationNameTaken):
        store.add(configuration(name=after.name))


def test_of_two_writers_who_read_the_same_the_second_is_refused(table: Table) -> None:
    store, seen = over(table), configuration()
    store.add(seen)
    faster = changed(seen, description="faster", name=f"renamed {seen.id}")
    slower = over(InterruptedTable(table, before_write=[lambda: store.replace(seen, faster)]))
    with pytest.raises(ChangedConcurrently):
        slower.replace(seen, changed(seen, description="slower"))
    with pytest.raises(ChangedConcurrently):
        store.delete(seen)
    assert store.get(seen.id) == faster


def test_deleting_frees_the_name_and_happens_once(store: ItemProviderConfigurationStore) -> None:
    gone = configuration()
    store.add(gone)
    store.delete(gone)
    with pytest.raises(ProviderConfigurationNotFound):
        store.get(gone.id)
    with pytest.raises(ChangedConcurrently):
        store.delete(gone)
    with pytest.raises(ChangedConcurrently):
        store.replace(gone, changed(gone))
    store.add(configuration(name=gone.name))


def test_credentials_are_sealed(table: Table, store: ItemProviderConfigurationStore) -> None:
    added = configuration()
    store.add(added)
    (stored,) = table.get([keys.provider_configuration(added.id)])
    assert stored is not None
    assert "hunter2" not in str(stored)
    assert b64decode(str(stored["body"])).startswith(f"sealed for {stored['pk']}:".encode())


def test_credentials_cannot_be_moved_to_another_configuration(
    table: Table, store: ItemProviderConfigurationStore
) -> None:
    one, other = configuration(), configuration()
    store.add(one)
    store.add(other)
    from_one, of_other = table.get(
        [keys.provider_configuration(one.id), keys.provider_configuration(other.id)]
    )
    assert from_one is not None
    assert of_other is not None
    table.write([Put(keys.DEFINITIONS, {**of_other, "body": from_one["body"]}, when=None)])
    with pytest.raises(ValueError, match="sealed for something else"):
        store.get(other.id)


def test_a_large_configuration_goes_to_a_blob(table: Table) -> None:
    added = configuration(config={"certificate": "x" * 900_000})
    blobs = MemoryBlobs()
    store = over(table, blobs)
    store.add(added)
    assert store.get(added.id) == added
    (stored,) = table.get([keys.provider_configuration(added.id)])
    assert stored is not None
    assert blobs.get(str(stored["body_blob"])).startswith(b"sealed for ")


def test_an_item_of_an_unknown_schema_is_refused(table: Table, store: ItemProviderConfigurationStore) -> None:
    added = configuration()
    store.add(added)
    (stored,) = table.get([keys.provider_configuration(added.id)])
    assert stored is not None
    table.write([Put(keys.DEFINITIONS, {**stored, "schema": 0}, when=None)])
    with pytest.raises(UnknownSchema):
        store.get(added.id)

"""`store` (FlowRunner spec d.6)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.adapters import keys
from flowker.adapters.table_rules import is_storable
from flowker.model.exact_json import Json
from flowker.model.run import Entry, EntryChange
from flowker.nodes.flow.store import MAX_CLEARED, MAX_KEY, MAX_READ, MAX_VALUE, Store
from tests.flow_nodes import NOW, MemoryEntries, World, problems

SECOND = int(NOW.timestamp())


def world(*entries: Entry) -> World:
    return World(input={"in": 1}, store=MemoryEntries(*entries))


def after(where: World, **params: Json) -> Json:
    """The result of an operation, whose changes are made."""
    done = where.done("store", params)
    assert where.store is not None
    where.store.apply(done)
    assert done.passes or done.shared == {"store_result": done.value}
    assert done.action == "default"
    return done.value


def value(where: World, key: str) -> Json:
    return after(where, operation="get", key=key)


@pytest.mark.parametrize("given", [{"a": [1, Decimal("1.10")]}, "x", 0, None, False, []])
def test_what_was_set_can_be_got(given: Json) -> None:
    where = world()
    assert after(where, operation="set", key="k", value=given) == given
    assert value(where, "k") == given


def test_setting_replaces_value_and_expiry() -> None:
    where = world(Entry("k", 1, 4, SECOND + 60))
    done = where.done("store", {"operation": "set", "key": "k", "value": 2})
    assert done.changes == [EntryChange("k", 4, Entry("k", 2, 5, None))]


def test_a_value_is_forgotten_after_its_time() -> None:
    where = world()
    done = where.done("store", {"operation": "set", "key": "k", "value": 1, "ttl": "90s"})
    assert done.changes == [EntryChange("k", 0, Entry("k", 1, 1, SECOND + 90))]


def test_what_is_missing_is_not_found() -> None:
    where = world()
    assert where.failure("store", {"operation": "get", "key": "k"}).message == "key not found: k"
    assert after(where, operation="delete", key="k") == {"key": "k", "deleted": False}
    assert after(where, operation="list") == []
    assert after(where, operation="query") == []
    assert after(where, operation="clear") == {"cleared": 0, "remaining": 0}


def test_deleting_says_whether_there_was_something() -> None:
    where = world(Entry("k", 1, 2))
    assert after(where, operation="delete", key="k") == {"key": "k", "deleted": True}
    assert after(where, operation="delete", key="k") == {"key": "k", "deleted": False}


def test_the_longest_key_can_be_stored() -> None:
    key = keys.entry("account-" + "x" * 36, "\U0001f4b6" * MAX_KEY)
    assert is_storable(key)


def test_keys_are_listed_in_order() -> None:
    assert after(world(Entry("b", 1, 1), Entry("a", 1, 1)), operation="list") == ["a", "b"]


def test_clearing_deletes_everything_a_portion_at_a_time() -> None:
    where = world(*(Entry(f"k{number:03}", 1, 1) for number in range(MAX_CLEARED + 5)))
    assert after(where, operation="clear") == {"cleared": MAX_CLEARED, "remaining": 5}
    assert after(where, operation="clear") == {"cleared": 5, "remaining": 0}
    assert after(where, operation="list") == []


def test_a_store_with_too_many_entries_is_not_listed_or_searched_in_part() -> None:
    where = world(*(Entry(f"k{number:05}", {"n": number}, 1) for number in range(MAX_READ + 1)))
    for operation in ("list", "query"):
        failure = where.failure("store", {"operation": operation})
        assert failure.message == f"the store has more than {MAX_READ} entries"
        assert not failure.retryable
    cleared = {"cleared": MAX_CLEARED, "remaining": MAX_READ - MAX_CLEARED}
    assert after(where, operation="clear") == cleared
    assert len(after(where, operation="list")) == MAX_READ + 1 - MAX_CLEARED
    assert len(after(where, operation="query", limit=1000)) == 1000


def test_the_reference_says_how_many_entries_are_read() -> None:
    page = Store.page
    assert f"more than {MAX_READ:,}" in page.summary
    assert f"{MAX_CLEARED} at a time" in page.results["cleared, remaining"]
    assert f"{MAX_READ - MAX_CLEARED:,} are counted" in page.results["cleared, remaining"]


@pytest.mark.parametrize(
    ("before", "amount", "total"),
    [
        (None, None, 1),
        (None, 5, 5),
        (41, 1, 42),
        (41, -2, 39),
        ("41", 1, 42),
        ("0.1", "0.2", Decimal("0.3")),
        (Decimal("1.5"), Decimal("1.5"), Decimal("3.0")),
        (10**30, 1, 10**30 + 1),
        (10**40, "0.01", Decimal(f"1{'0' * 40}.01")),
    ],
)
def test_counting_is_exact(before: Json, amount: Json, total: Json) -> None:
    where = world(*([] if before is None else [Entry("k", before, 1)]))
    params = {} if amount is None else {"amount": amount}
    found = after(where, operation="increment", key="k", **params)
    added = Decimal(1 if amount is None else amount)
    assert found == {"key": "k", "new_value": total, "incremented": added}
    assert value(where, "k") == total


@pytest.mark.parametrize("before", ["x", "NaN", "", True, None, [1], {}, "1e999999"])
def test_what_is_no_number_cannot_be_counted(before: Json) -> None:
    failure = world(Entry("k", before, 1)).failure("store", {"operation": "increment", "key": "k"})
    assert (failure.message, failure.retryable) == ("the value of k is not a number", False)


def test_counting_and_appending_keep_the_expiry_unless_given_another() -> None:
    entry = Entry("k", 1, 1, SECOND + 60)
    kept = world(entry).done("store", {"operation": "increment", "key": "k"})
    assert kept.changes[0].after == Entry("k", 2, 2, SECOND + 60)
    moved = world(entry).done("store", {"operation": "increment", "key": "k", "ttl": "2m"})
    assert moved.changes[0].after == Entry("k", 2, 2, SECOND + 120)


def test_appending_makes_a_list_grow() -> None:
    where = world()
    assert after(where, operation="append", key="k", value=1) == {"key": "k", "appended": 1}
    assert after(where, operation="append", key="k", value=[2]) == {"key": "k", "appended": [2]}
    assert value(where, "k") == [1, [2]]
    failure = world(Entry("k", {}, 1)).failure("store", {"operation": "append", "key": "k", "value": 1})
    assert failure.message == "the value of k is not a list"


FRUIT = [
    Entry("apple", {"n": 1, "kind": "pome", "tags": ["red", "green"], "ok": True}, 1),
    Entry("banana", {"n": 2, "kind": "berry", "tags": ["yellow"]}, 1),
    Entry("cherry", {"n": 2.5, "kind": "drupe", "n_text": "2"}, 1),
    Entry("number", 7, 1),
    Entry("plum", {"kind": "drupe", "n": None}, 1),
]


@pytest.mark.parametrize(
    ("filter_", "keys"),
    [
        (None, ["apple", "banana", "cherry", "plum"]),
        ({}, ["apple", "banana", "cherry", "plum"]),
        ({"kind": "drupe"}, ["cherry", "plum"]),
        ({"kind": {"$eq": "berry"}}, ["banana"]),
        ({"kind": {"$ne": "drupe"}}, ["apple", "banana"]),
        ({"ok": {"$ne": 1}}, ["apple"]),
        ({"n": {"$gt": 1}}, ["banana", "cherry"]),
        ({"n": {"$gte": 2}}, ["banana", "cherry"]),
        ({"n": {"$lt": 2}}, ["apple"]),
        ({"n": {"$lte": 2}}, ["apple", "banana"]),
        ({"n": {"$gt": "1"}}, []),
        ({"kind": {"$gt": "c"}}, ["apple", "cherry", "plum"]),
        ({"n": {"$gt": 1, "$lt": 2.5}}, ["banana"]),
        ({"kind": {"$in": ["pome", "berry"]}}, ["apple", "banana"]),
        ({"tags": {"$contains": "red"}}, ["apple"]),
        ({"kind": {"$contains": "err"}}, ["banana"]),
        ({"n": {"$contains": 1}}, []),
        ({"missing": {"$ne": 1}}, []),
        ({"kind": "drupe", "n": 2.5}, ["cherry"]),
        ({"n": None}, ["plum"]),
        ({"n": True}, []),
    ],
)
def test_queries_find_maps_that_match_every_field(filter_: Json, keys: list[str]) -> None:
    found = after(world(*FRUIT), operation="query", filter=filter_)
    assert [entry["_key"] for entry in found] == keys


def test_a_found_map_has_its_own_fields_and_its_key() -> None:
    assert after(world(FRUIT[1]), operation="query") == [
        {"n": 2, "kind": "berry", "tags": ["yellow"], "_key": "banana"}
    ]


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        (None, ["apple", "banana", "cherry", "plum"]),
        ("n", ["apple", "banana", "cherry", "plum"]),
        ("-n", ["cherry", "banana", "apple", "plum"]),
        ("kind", ["banana", "cherry", "plum", "apple"]),
        ("-kind", ["apple", "cherry", "plum", "banana"]),
        ("tags", ["apple", "banana", "cherry", "plum"]),
    ],
)
def test_queries_sort_and_end_with_what_has_no_order(sort: Json, keys: list[str]) -> None:
    found = after(world(*FRUIT), operation="query", sort=sort)
    assert [entry["_key"] for entry in found] == keys
    limited = after(world(*FRUIT), operation="query", sort=sort, limit=2)
    assert [entry["_key"] for entry in limited] == keys[:2]


@pytest.mark.parametrize("operation", ["save", "load"])
def test_saving_and_loading_do_nothing(operation: str) -> None:
    done = world().done("store", {"operation": operation, "auto_save": True})
    assert (done.passes, list(done.changes), dict(done.shared)) == (True, [], {})


def test_a_value_that_is_too_large_is_refused() -> None:
    params = {"operation": "set", "key": "k", "value": "x" * MAX_VALUE}
    assert world().failure("store", params).message == "the value of k would have more than 262144 bytes"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "operation")]),
        ({"operation": "put"}, [("invalid_param", "operation")]),
        ({"operation": "${input.op}"}, []),
        ({"operation": "set"}, [("missing_param", "key"), ("missing_param", "value")]),
        ({"operation": "set", "key": "k", "value": None}, []),
        ({"operation": "set", "key": "k", "value": 1, "ttl": "x"}, [("invalid_duration", "ttl")]),
        ({"operation": "set", "key": "k", "value": 1, "ttl": "1ms"}, [("invalid_duration", "ttl")]),
        ({"operation": "get"}, [("missing_param", "key")]),
        ({"operation": "get", "key": 7}, [("invalid_param", "key")]),
        ({"operation": "get", "key": "x" * 251}, [("invalid_param", "key")]),
        ({"operation": "delete"}, [("missing_param", "key")]),
        ({"operation": "append", "key": "k"}, [("missing_param", "value")]),
        ({"operation": "increment", "key": "k", "amount": "many"}, [("invalid_param", "amount")]),
        ({"operation": "increment", "key": "k", "amount": "${input.n}"}, []),
        ({"operation": "list"}, []),
        ({"operation": "query", "filter": {"a": {"$like": 1}}}, [("invalid_param", "filter")]),
        ({"operation": "query", "filter": {"a": {"$in": 1}}}, [("invalid_param", "filter")]),
        ({"operation": "query", "limit": 0}, [("invalid_param", "limit")]),
        ({"operation": "query", "limit": 1001}, [("invalid_param", "limit")]),
        ({"operation": "query", "limit": Decimal("10.0")}, []),
        ({"operation": "query", "limit": Decimal("1E+999")}, [("invalid_param", "limit")]),
        ({"operation": "query", "limit": Decimal("1E-999")}, [("invalid_param", "limit")]),
        ({"operation": "query", "limit": 10**4000}, [("invalid_param", "limit")]),
        ({"operation": "save", "file_path": "/tmp/x"}, [("unsupported", "file_path")]),
    ],
)
def test_literals_are_judged_when_a_flow_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("store", params) == found


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"operation": "x"}, 'param "operation" must be one of set, get, delete, list, clear'),
        ({"operation": "get"}, 'param "key" is required to get'),
        ({"operation": "set", "key": "k"}, 'param "value" is required to set'),
        ({"operation": "increment", "key": "k", "amount": []}, 'param "amount" must be a number'),
        ({"operation": "query", "filter": {"a": {"$x": 1}}}, 'param "filter" has an unknown operator for a'),
        ({"operation": "load", "file_path": "/etc"}, 'param "file_path" is not supported'),
        ({"operation": "get", "key": "\ud800"}, 'param "key" must be Unicode text'),
    ],
)
def test_params_are_judged_again_when_they_are_evaluated(params: dict[str, Any], message: str) -> None:
    failure = world().failure("store", params)
    assert failure.message.startswith(message)
    assert not failure.retryable

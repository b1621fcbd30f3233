"""The limits of DynamoDB hold in every home: what is refused on AWS is refused everywhere, and writes nothing.

Where a test stores just as much as is allowed, the emulators judge that DynamoDB would take it.
"""

from collections.abc import Sequence

import pytest

from flowker.adapters.items import (
    ABSENT,
    Check,
    Condition,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Update,
    Write,
)
from flowker.adapters.keys import AUDIT, DEFINITIONS, EXECUTIONS
from flowker.adapters.table_rules import (
    DIGITS,
    MOST_BYTES,
    MOST_BYTES_TOGETHER,
    MOST_TERMS,
    PARTITION_BYTES,
    SORT_BYTES,
    size_of,
)
from flowker.errors import InvalidBody

KEY = Key(EXECUTIONS, "P", "S")
NEIGHBOUR = Key(EXECUTIONS, "P", "T")
LARGE = 380_000


def item(key: Key = KEY, **attributes: str | int | bool) -> Item:
    return {"pk": key.pk, "sk": key.sk, **attributes}


def filled(size: int, character: str = "x", key: Key = KEY) -> Item:
    """An item of exactly this many bytes."""
    room = size - size_of(item(key, text=""))
    width = len(character.encode())
    return item(key, text=character * (room // width) + "x" * (room % width))


def refused(table: Table, error: type[Exception], match: str, writes: Sequence[Write]) -> None:
    """The writes are refused together with a harmless one, which is not written either."""
    harmless: list[Write] = [Put(EXECUTIONS, item(NEIGHBOUR), when=None)]
    for together in (writes, [*harmless, *writes]):
        with pytest.raises(error, match=match):
            table.write(together)
    assert table.get([NEIGHBOUR]) == [None]


# --- numbers of things -----------------------------------------------------------------------------------------------


def test_more_than_a_hundred_of_anything_are_refused(table: Table) -> None:
    many = [Key(EXECUTIONS, "P", str(number)) for number in range(101)]
    with pytest.raises(ValueError, match="101 keys"):
        table.get(many)
    refused(table, ValueError, "10[12] writes", [Put(EXECUTIONS, item(key)) for key in many])
    assert table.query(Query(EXECUTIONS, "P")) == []


def test_a_transaction_does_one_thing_to_an_item(table: Table) -> None:
    table.write([Put(EXECUTIONS, item())])
    for other in (Update(KEY, set={"a": 1}), Delete(KEY), Check(KEY)):
        refused(table, ValueError, "same key", [Put(EXECUTIONS, item(a=2), when=None), other])
    assert table.get([KEY]) == [item()]


def test_only_scalars_are_stored(table: Table) -> None:
    values: list[object] = [None, 1.5, b"bytes", [], {}]
    for value in values:
        refused(table, TypeError, "attribute a", [Put(EXECUTIONS, {**item(), "a": value})])  # type: ignore[dict-item]


# --- sizes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", ["x", "ä", "漢", "🎈"])
def test_an_item_holds_400_kb_and_not_a_byte_more(faithful_table: Table, character: str) -> None:
    table = faithful_table
    largest = filled(MOST_BYTES, character)
    table.write([Put(EXECUTIONS, largest)])
    assert table.get([KEY]) == [largest]
    table.write([Delete(KEY)])
    refused(table, InvalidBody, "too large", [Put(EXECUTIONS, filled(MOST_BYTES + 1, character))])
    assert table.get([KEY]) == [None]


def test_names_numbers_and_truths_count_too(table: Table) -> None:
    named = {f"{'n' * 400}{number}": True for number in range(1020)}
    refused(table, InvalidBody, "too large", [Put(EXECUTIONS, {**item(), **named})])
    numbered = {f"n{number}": 10**DIGITS - 1 for number in range(20_000)}
    refused(table, InvalidBody, "too large", [Put(EXECUTIONS, {**item(), **numbered})])


def test_an_item_does_not_grow_beyond_its_limit(table: Table) -> None:
    stored = filled(LARGE)
    table.write([Put(EXECUTIONS, stored)])
    growing: list[Write] = [Update(KEY, set={"more": "x" * 40_000})]
    refused(table, InvalidBody, "too large", growing)
    refused(table, InvalidBody, "too large", [Update(KEY, set={"more": "x" * 40_000}, add={"count": 1})])
    assert table.get([KEY]) == [stored]
    table.write([Update(KEY, set={"text": "", "more": "x" * 40_000})])
    assert table.get([KEY]) == [item(text="", more="x" * 40_000)]


def test_a_transaction_carries_4_mb(table: Table) -> None:
    keys = [Key(EXECUTIONS, "P", str(number)) for number in range(11)]
    fitting: list[Write] = [Put(EXECUTIONS, filled(LARGE, key=key)) for key in keys[:10]]
    assert sum(size_of(write.item) for write in fitting if isinstance(write, Put)) < MOST_BYTES_TOGETHER
    refused(table, InvalidBody, "at once", [*fitting, Put(EXECUTIONS, filled(LARGE, key=keys[10]))])
    refused(table, InvalidBody, "at once", [*fitting, Update(keys[10], set={"a": "x" * LARGE}, when=None)])
    assert table.query(Query(EXECUTIONS, "P")) == []
    table.write(fitting)
    assert len(table.query(Query(EXECUTIONS, "P"))) == 10


def test_more_than_a_page_of_a_query_is_read_whole(table: Table) -> None:
    """A page holds 1 MB."""
    keys = [Key(EXECUTIONS, "P", str(number)) for number in range(9)]
    table.write([Put(EXECUTIONS, filled(LARGE, key=key)) for key in keys])
    wanted = [key.sk for key in keys]
    assert [found["sk"] for found in table.query(Query(EXECUTIONS, "P"))] == wanted
    backward = Query(EXECUTIONS, "P", forward=False, after="1", limit=6)
    assert [found["sk"] for found in table.query(backward)] == wanted[:2:-1]


def test_more_than_an_answer_is_read_whole(table: Table) -> None:
    """An answer to a read of keys holds 16 MB."""
    keys = [Key(EXECUTIONS, "P", f"{number:03d}") for number in range(50)]
    for start in range(0, len(keys), 10):
        table.write([Put(EXECUTIONS, filled(LARGE, key=key)) for key in keys[start : start + 10]])
    found = table.get(keys)
    assert [each and (each["sk"], size_of(each)) for each in found] == [(key.sk, LARGE) for key in keys]


# --- keys ------------------------------------------------------------------------------------------------------------


def test_keys_are_as_long_as_allowed(table: Table) -> None:
    longest = Key(EXECUTIONS, "ä" * (PARTITION_BYTES // 2), "ä" * (SORT_BYTES // 2))
    table.write([Put(EXECUTIONS, item(longest))])
    assert table.get([longest]) == [item(longest)]
    assert table.query(Query(EXECUTIONS, longest.pk, prefix=longest.sk)) == [item(longest)]
    for key in (Key(EXECUTIONS, f"{longest.pk}x", "S"), Key(EXECUTIONS, "P", f"{longest.sk}x")):
        for write in (Put(EXECUTIONS, item(key)), Update(key, set={"a": 1}), Delete(key), Check(key, ABSENT)):
            refused(table, InvalidBody, "too large", [write])


@pytest.mark.parametrize("key", [Key(EXECUTIONS, "", "S"), Key(EXECUTIONS, "P", "")])
def test_keys_are_not_empty(table: Table, key: Key) -> None:
    for write in (Put(EXECUTIONS, item(key)), Update(key, set={"a": 1}), Delete(key), Check(key, ABSENT)):
        refused(table, ValueError, "empty", [write])


def test_what_cannot_be_stored_is_not_there(table: Table) -> None:
    table.write([Put(EXECUTIONS, item())])
    nowhere = [
        Key(EXECUTIONS, "", "S"),
        Key(EXECUTIONS, "P", ""),
        Key(EXECUTIONS, "x" * 2049, "S"),
        Key(EXECUTIONS, "P", "x" * 1025),
    ]
    assert table.get(nowhere) == [None] * 4
    assert table.get([*nowhere, KEY]) == [*[None] * 4, item()]
    for key in nowhere:
        assert table.get([key]) == [None]
    assert table.query(Query(EXECUTIONS, "")) == []
    assert table.query(Query(EXECUTIONS, "x" * 2049)) == []
    assert table.query(Query(DEFINITIONS, "", "by_name")) == []


def test_a_query_has_no_bounds_that_no_key_reaches(table: Table) -> None:
    long = "x" * 1025
    for query in (
        Query(EXECUTIONS, "P", after=long),
        Query(EXECUTIONS, "P", before=long),
        Query(EXECUTIONS, "P", prefix=long),
        Query(DEFINITIONS, "workflow", "by_name", after=long),
    ):
        with pytest.raises(ValueError, match="bound"):
            table.query(query)


# --- indexes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logical", "attribute"),
    [
        (DEFINITIONS, "kind"),
        (DEFINITIONS, "name_sort"),
        (EXECUTIONS, "workflow_shard"),
        (AUDIT, "resource_id"),
    ],
)
def test_what_an_index_sorts_by_is_text_and_fits(table: Table, logical: str, attribute: str) -> None:
    key = Key(logical, "P", "S")
    most = PARTITION_BYTES if attribute in ("kind", "workflow_shard", "resource_id") else SORT_BYTES
    table.write([Put(logical, {**item(key), attribute: "x" * most})])
    for value, error in (
        (1, TypeError),
        (True, TypeError),
        ("", ValueError),
        ("x" * (most + 1), InvalidBody),
    ):
        for write in (
            Put(logical, {**item(key), attribute: value}, when=None),
            Update(key, set={attribute: value}),
        ):
            refused(table, error, attribute, [write])
    refused(table, TypeError, attribute, [Update(key, add={attribute: 1})])
    assert table.get([key]) == [{**item(key), attribute: "x" * most}]


def test_a_query_filters_by_what_an_index_projects(table: Table) -> None:
    for query in (
        Query(AUDIT, "x", "by_event", where={"result": ["x"]}),
        Query(EXECUTIONS, "0", "by_started", where={"status": ["x"], "revision": ["x"]}),
        Query(EXECUTIONS, "P", where={"sk": ["x"]}),
    ):
        with pytest.raises(ValueError, match="cannot filter by"):
            table.query(query)


# --- values and expressions ------------------------------------------------------------------------------------------


def test_integers_have_38_digits(table: Table) -> None:
    largest = 10**DIGITS - 1
    table.write([Put(EXECUTIONS, item(most=largest, least=-largest))])
    assert table.get([KEY]) == [item(most=largest, least=-largest)]
    for number in (10**DIGITS, -(10**DIGITS)):
        refused(table, ValueError, "38 digits", [Put(EXECUTIONS, item(n=number), when=None)])
        refused(table, ValueError, "38 digits", [Update(KEY, add={"n": number})])
    assert table.get([KEY]) == [item(most=largest, least=-largest)]


def test_half_of_a_character_is_refused(table: Table) -> None:
    for write in (Put(EXECUTIONS, item(text="\ud800")), Update(KEY, set={"\udfff": 1}, when=None)):
        refused(table, UnicodeEncodeError, "surrogates", [write])


def test_an_attribute_has_a_name(table: Table) -> None:
    refused(table, ValueError, "without a name", [Put(EXECUTIONS, {**item(), "": 1})])


def test_reserved_words_are_names_like_others(table: Table) -> None:
    words = [
        "ABORT",
        "Action",
        "count",
        "data",
        "hash",
        "key",
        "name",
        "range",
        "size",
        "status",
        "ttl",
        "value",
    ]
    table.write([Put(EXECUTIONS, {**item(), **dict.fromkeys(words, 1)})])
    table.write([Update(KEY, dict.fromkeys(words, 2), when=Condition(equals=dict.fromkeys(words, 1)))])
    table.write(
        [Update(KEY, add=dict.fromkeys(words, 1), when=Condition(one_of={word: [2] for word in words}))]
    )
    assert table.get([KEY]) == [{**item(), **dict.fromkeys(words, 3)}]
    assert len(table.query(Query(EXECUTIONS, "P", where={word: [3, 4] for word in words}))) == 1
    table.write([Update(KEY, remove=words, when=Condition(at_most=dict.fromkeys(words, 3)))])
    table.write([Check(KEY, Condition(missing=words))])
    assert table.get([KEY]) == [item()]


def test_the_longest_expressions_work_and_longer_ones_are_refused(table: Table) -> None:
    names = [f"attribute {number}" for number in range(MOST_TERMS)]
    table.write([Put(EXECUTIONS, item())])
    for update in (
        Update(KEY, set=dict.fromkeys(names, "x"), when=Condition(missing=names)),
        Update(KEY, set=dict.fromkeys(names, 1), when=Condition(equals=dict.fromkeys(names, "x"))),
        Update(KEY, add=dict.fromkeys(names, 1), when=Condition(one_of={names[0]: list(range(99))})),
        Update(KEY, remove=names, when=Condition(at_most=dict.fromkeys(names, 2))),
    ):
        table.write([update])
    assert table.get([KEY]) == [item()]
    assert table.query(Query(EXECUTIONS, "P", where={"a": list(range(99))})) == []

    more = [*names, "one more"]
    for write in (
        Update(KEY, set=dict.fromkeys(more, 1)),
        Update(KEY, remove=more),
        Delete(KEY, Condition(missing=more)),
        Check(KEY, Condition(one_of={"a": list(range(100))})),
    ):
        refused(table, ValueError, "101 attributes and values", [write])
    with pytest.raises(ValueError, match="101 attributes and values"):
        table.query(Query(EXECUTIONS, "P", where={"a": list(range(100))}))

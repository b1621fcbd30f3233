"""What every home decides the same way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.items import Key, Put, Query, Scalar, Update
from flowker.adapters.table_rules import (
    MOST_BYTES,
    check_keys,
    check_writes,
    in_range,
    is_one_of,
    passes,
    size_of,
    successor,
)

KEY = Key("executions", "P", "S")


def put(number: int) -> Put:
    return Put("executions", {"pk": "P", "sk": str(number)})


def test_a_hundred_is_the_limit() -> None:
    check_keys([KEY] * 100)
    check_writes([put(number) for number in range(100)])
    with pytest.raises(ValueError, match="101 keys"):
        check_keys([KEY] * 101)
    with pytest.raises(ValueError, match="101 writes"):
        check_writes([put(number) for number in range(101)])


def test_two_writes_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="same key"):
        check_writes([put(1), Update(put(1).key, set={"a": 1})])


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (Update(KEY), "changes nothing"),
        (Update(KEY, set={"a": 1}, add={"a": 1}), "only once"),
        (Update(KEY, set={"a": 1}, remove=["a"]), "only once"),
        (Update(KEY, remove=["a", "a"]), "only once"),
        (Update(KEY, set={"sk": "x"}), "never the key"),
        (Update(KEY, remove=["pk"]), "never the key"),
    ],
)
def test_an_update_that_no_home_can_do_is_refused(update: Update, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_writes([update])


@pytest.mark.parametrize("value", [None, 1.5, b"bytes", [], {}])
def test_only_scalars_are_stored(value: object) -> None:
    with pytest.raises(TypeError, match="attribute a"):
        check_writes([Put("executions", {"pk": "P", "sk": "S", "a": value})])  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="attribute a"):
        check_writes([Update(KEY, set={"a": value})])  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"pk": "P", "sk": "S"}, 6),
        ({"ä": "漢🎈"}, 2 + 3 + 4),
        ({"t": True, "f": False}, 4),
        ({"n": 0}, 1 + 2),
        ({"n": 12}, 1 + 3),
        ({"n": -(10**37)}, 1 + 21),
        ({"empty": ""}, 5),
    ],
    ids=str,
)
def test_an_item_is_weighed_as_documented(item: dict[str, Scalar], size: int) -> None:
    assert size_of(item) == size


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_a_number_is_not_weighed_too_lightly(number: int) -> None:
    """A byte for two digits, one more, and one for a sign."""
    digits = len(str(abs(number)))
    assert size_of({"n": number}) - 1 >= (digits + 1) // 2 + 1


def test_what_an_index_copies_does_not_count() -> None:
    item = {"pk": "P", "sk": "S", "kind": "k", "name_sort": "n" * 1000, "body": ""}
    room = MOST_BYTES - size_of(item)
    check_writes([Put("definitions", item | {"body": "x" * room})])


@pytest.mark.parametrize(
    ("value", "values", "expected"),
    [
        (True, [1], False),
        (1, [True], False),
        (0, [False], False),
        (1, [2, 1], True),
        (True, [False, True], True),
        ("1", [1], False),
        ("", [""], True),
        (None, ["", 0, False], False),
        ("a", [], False),
    ],
)
def test_values_are_equal_only_within_their_type(
    value: Scalar | None, values: list[Scalar], expected: bool
) -> None:
    assert is_one_of(value, values) is expected
    item = {"pk": "P", "sk": "S"} | ({} if value is None else {"a": value})
    assert passes(item, Query("executions", "P", where={"a": values})) is expected


@pytest.mark.parametrize(
    ("prefix", "following"),
    [
        ("STEP#", "STEP$"),
        ("a\U0010ffff", "b"),
        ("\ud7ff", "\ue000"),
        ("\U0010ffff\U0010ffff", None),
        ("", None),
    ],
)
def test_the_successor_of_a_prefix(prefix: str, following: str | None) -> None:
    assert successor(prefix) == following


texts = st.text(alphabet="ab\x00\ud7ff\ue000\U0010ffff", max_size=4)


@settings(max_examples=300, deadline=None)
@given(texts, texts)
def test_exactly_the_texts_with_a_prefix_lie_between_it_and_its_successor(prefix: str, text: str) -> None:
    end = successor(prefix)
    assert (prefix <= text and (end is None or text < end)) is text.startswith(prefix)


@settings(max_examples=300, deadline=None)
@given(texts, texts, texts, texts)
def test_bounds_are_exclusive_and_bytes_sort_like_characters(
    text: str, after: str, before: str, prefix: str
) -> None:
    query = Query("executions", "P", after=after, before=before, prefix=prefix)
    expected = after.encode() < text.encode() < before.encode() and text.encode().startswith(prefix.encode())
    assert in_range(text, query) is expected

"""Payloads of any size and content survive, inline or as a blob, sealed or not."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowker.adapters import keys
from flowker.adapters.stores.payloads import INLINE, MOST_SEALED, Payloads, SealedPayloads
from flowker.adapters.stores.record import item
from flowker.errors import InvalidBody
from flowker.model import exact_json
from flowker.model.exact_json import Json
from tests.fakes import MemoryBlobs, PlainCipher

OWNER = keys.execution_input("e1")
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(value=VALUES, inline=st.sampled_from([0, 20, INLINE]))
def test_any_value_survives_wherever_it_is_kept(value: Json, inline: int) -> None:
    blobs = MemoryBlobs()
    plain, sealed = Payloads(blobs), SealedPayloads(blobs, PlainCipher())
    kept = plain.value(item(OWNER, **plain.attributes(OWNER, value, inline)))
    assert exact_json.dumps(kept) == exact_json.dumps(value)
    assert sealed.value(item(OWNER, **sealed.attributes(OWNER, value))) == value


@pytest.mark.parametrize("over", [0, 1])
def test_the_longest_inline_text_is_64_kib(over: int) -> None:
    blobs = MemoryBlobs()
    text = Payloads(blobs).attributes(OWNER, "x" * (INLINE - 2 + over))
    assert list(text) == (["body_blob"] if over else ["body"])
    wrapping = len(PlainCipher().seal(b'""', OWNER.pk))
    sealed = SealedPayloads(blobs, PlainCipher()).attributes(OWNER, "x" * (INLINE * 3 // 4 - wrapping + over))
    assert list(sealed) == ["size", "body_blob" if over else "body"]
    assert all(len(str(value)) <= INLINE for value in sealed.values())


def test_a_blob_is_named_after_its_owner_and_content() -> None:
    payloads = Payloads(MemoryBlobs())
    first = payloads.attributes(OWNER, "a", inline=0)
    assert str(first["body_blob"]).startswith("executions/EXECUTION/e1/")
    assert payloads.attributes(OWNER, "a", inline=0) == first
    assert payloads.attributes(OWNER, "b", inline=0) != first


def test_a_sealed_value_opens_only_for_its_owner() -> None:
    sealed = SealedPayloads(MemoryBlobs(), PlainCipher())
    moved = item(keys.execution_input("e2"), **sealed.attributes(OWNER, "a"))
    with pytest.raises(ValueError, match="sealed for something else"):
        sealed.value(moved)


def test_the_size_of_a_sealed_value_is_what_it_takes_in_an_answer() -> None:
    sealed = SealedPayloads(MemoryBlobs(), PlainCipher())
    for value in ({"a": 'b"\\'}, "é😀\u0000", [1, Decimal("1.50"), None]):
        answer = json.dumps({"body": exact_json.dumps(value)})
        assert sealed.attributes(OWNER, value)["size"] == len(answer) - len('{"body": ""}')


def test_what_would_not_fit_into_an_answer_is_refused_before_it_is_stored() -> None:
    blobs = MemoryBlobs()
    sealed = SealedPayloads(blobs, PlainCipher())
    largest = "x" * (MOST_SEALED - len(r"\"\""))
    assert sealed.attributes(OWNER, largest)["size"] == MOST_SEALED
    with pytest.raises(InvalidBody):
        sealed.attributes(OWNER, largest[1:] + '"')


def test_a_lost_blob_is_a_key_error() -> None:
    attributes = Payloads(MemoryBlobs()).attributes(OWNER, "a", inline=0)
    with pytest.raises(KeyError):
        Payloads(MemoryBlobs()).value(item(OWNER, **attributes))

"""Cursors come back as they were given out, or not at all (Flowker spec a.1)."""

import base64
import string
from hashlib import sha256
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flowker.errors import InvalidQuery
from flowker.model.page import Cursor

CURSORS = st.builds(
    Cursor,
    sort_by=st.sampled_from(["createdAt", "updatedAt", "name"]),
    ascending=st.booleans(),
    value=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    part=st.integers(0, 1),
)


@given(CURSORS)
@settings(max_examples=100)
def test_a_cursor_comes_back_through_a_url(cursor: Cursor) -> None:
    (text,) = parse_qs(urlencode({"cursor": cursor.encode()}))["cursor"]
    assert Cursor.decode(text) == cursor
    assert set(cursor.encode()) <= {*string.ascii_letters, *string.digits, *"-_="}


@given(CURSORS, st.data())
@settings(max_examples=200)
def test_a_cursor_with_another_character_anywhere_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    text = cursor.encode()
    position = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_=+/ ~"))
    assume(letter != text[position])
    with pytest.raises(InvalidQuery):
        Cursor.decode(text[:position] + letter + text[position + 1 :])


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
@settings(max_examples=200)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidQuery):
        Cursor.decode(text)


@pytest.mark.parametrize(
    "content",
    [
        *[
            "1",
            "null",
            "{}",
            "[]",
            '"abcd"',
            '["name",true,"x"]',
            '["name",1,"x",0]',
            '["name",true,"x",false]',
        ],
        *['["name", true, "x", 0]', '["name",true,"",0]', r'["name",true,"\ud800",0]'],
        f'["name",true,"{"x" * 801}",0]',
        f'["name",true,"x",{"1" * 5000}]',
    ],
    ids=lambda content: content[:24],
)
def test_a_checksum_alone_makes_no_cursor(content: str) -> None:
    raw = sha256(content.encode()).digest()[:6] + content.encode()
    with pytest.raises(InvalidQuery):
        Cursor.decode(base64.urlsafe_b64encode(raw).decode())

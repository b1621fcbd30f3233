"""No secret is left in what is written down, wherever it stands and however it is encoded (FlowRunner spec f)."""

import base64
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.model import exact_json
from flowker.model.redaction import Redactor

SECRETS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4, max_size=12).filter(
    lambda text: len(text.strip()) >= 4
)  # fmt: skip
AROUND = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), max_size=8)
ENCODINGS: list[Callable[[str], str]] = [
    str,
    quote,
    quote_plus,
    lambda text: quote(text, safe=""),
    lambda text: quote(text, safe="!'()*"),
    lambda text: exact_json.dumps(text)[1:-1],
    lambda text: exact_json.readable(text)[1:-1],
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
]


@settings(max_examples=120, deadline=None)
@given(st.lists(SECRETS, min_size=1, max_size=3), AROUND, AROUND, st.sampled_from(ENCODINGS), st.data())
def test_no_secret_is_left(
    secrets: list[str], before: str, after: str, encode: Callable[[str], str], data: st.DataObject
) -> None:
    secret = data.draw(st.sampled_from(secrets))
    encoded = encode(secret).rstrip("=")
    found = Redactor(secrets).json({before + encoded: [before + encoded + after, 1]})
    [(key, [text, number])] = found.items()
    assert number == 1
    assert "***" in key
    assert "***" in text
    assert encoded not in key + text
    assert all(value not in text for value in secrets)


@settings(max_examples=120, deadline=None)
@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_inside_longer_base64_is_hidden(secret: str, before: bytes, after: bytes) -> None:
    content = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(before + content + after).decode()
        assert "***" in Redactor([secret]).text(whole)

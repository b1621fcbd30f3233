"""Secrets in what is written down: FlowRunner spec f."""

import base64
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest

from flowker.model import exact_json
from flowker.model.redaction import Redactor

SECRET = "pa/ss+wörd 42%"


def hidden(text: str, *values: str) -> str:
    return Redactor(values or [SECRET]).text(text)


@pytest.mark.parametrize(
    "shown",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%C3%B6", "%c3%b6").replace("%2B", "%2b").replace("%2F", "%2f"),
        urlencode({"a": SECRET})[2:],
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_every_way_of_writing_a_secret_is_hidden(shown: str) -> None:
    assert hidden(f"before {shown} after") == "before *** after"
    assert hidden(shown) == "***"


@pytest.mark.parametrize("user", ["", "u", "us", "use", "user"])
@pytest.mark.parametrize("secret", ["hunter22", "hunter2", "hunter", "söcret?>"])
def test_basic_authentication_is_hidden_wherever_the_secret_begins(user: str, secret: str) -> None:
    token = base64.b64encode(f"{user}:{secret}:more".encode()).decode()
    left, right = hidden(token, secret).rstrip("=").split("***")
    assert len(left) * 6 // 8 <= len(f"{user}:")  # no bytes but those around the secret remain
    assert len(right) * 6 // 8 <= len(":more")


def test_a_secret_in_json_text_is_hidden() -> None:
    secret = 'line one\nline "two" / é'
    body = json.dumps({"key": secret})
    assert (
        hidden(f"{body}|{json.dumps({'key': secret}, ensure_ascii=False)}", secret)
        == '{"key": "***"}|{"key": "***"}'
    )


def test_structures_are_hidden_with_their_keys() -> None:
    value = {"a": ["x s3cret y", {"s3cret": 1, "n": 12345, "none": None, "ok": True}], "b": "s3cre"}
    assert Redactor(["s3cret", "12345"]).json(value) == {
        "a": ["x *** y", {"***": 1, "n": 12345, "none": None, "ok": True}],
        "b": "s3cre",
    }


def test_the_longest_is_hidden_and_neighbours_become_one() -> None:
    assert hidden("abcd-abcdefgh-xabcdx", "abcd", "abcdefgh") == "***-***-x***x"
    assert hidden("abcdefgh", "abcdef", "efgh") == "***"
    assert hidden("abcdabcd", "abcd") == "***"
    assert hidden("ababab", "abab") == "***"


def test_short_values_are_left_alone() -> None:
    assert hidden("abc abcd", "abc", "", "   ") == "abc abcd"
    assert hidden("x *** y ****", "****") == "x *** y ****"


def test_blanks_around_a_value_do_not_protect_it() -> None:
    assert hidden("Bearer token1", "token1\n") == "Bearer ***"


def test_the_deepest_values_that_come_from_outside_can_be_redacted() -> None:
    levels = exact_json.MOST_LEVELS
    found = exact_json.received("[" * levels + '"s3cret"' + "]" * levels)
    assert exact_json.dumps(Redactor(["s3cret"]).json(found)) == "[" * levels + '"***"' + "]" * levels


def test_without_secrets_everything_stays_the_very_same() -> None:
    value = {"a": ["b"]}
    assert Redactor([]).json(value) is value
    assert Redactor(["abc"]).json(value) is value

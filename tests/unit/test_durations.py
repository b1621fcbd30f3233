"""Durations in Go's notation (FlowRunner spec c.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowker.model.durations import LONGEST, seconds

UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("1h30m", 5400),
        ("2m3.5s", 123.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("0", 0),
        ("0s", 0),
        ("100us", 0.0001),
        ("100µs", 0.0001),
        ("1ns", 1e-9),
        ("24h", 86400),
        ("1m1m", 120),
        ("8760h", LONGEST),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "5 s", "s", "-1s", "+1s", "1d", "1S", "1h 30m", "1e3s", "1_000s", ".s", "1..5s", "٣s", "1s\n", "8761h",
     "9" * 18 + "h", "1s" * 60, "1.5", "infinity", "0.0"],
)  # fmt: skip
def test_other_notations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must"):
        seconds(text)


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(sorted(UNITS))), min_size=1, max_size=6))
def test_the_parts_add_up(parts: list[tuple[int, str]]) -> None:
    nanoseconds = sum(number * UNITS[unit] for number, unit in parts)
    assert seconds("".join(f"{number}{unit}" for number, unit in parts)) == nanoseconds / 10**9


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        found = seconds(text)
    except ValueError:
        return
    assert 0 <= found <= LONGEST

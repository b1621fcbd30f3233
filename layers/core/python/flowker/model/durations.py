"""Durations as flows write them: Go's notation, such as `250ms`, `1.5s` or `1h30m` (FlowRunner spec c.1)."""

import re
from decimal import Decimal

LONGEST = 365 * 86_400
"""Seconds. Step Functions keeps no run for longer than a year, so nothing can wait for longer."""

_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, micro sign
    "μs": 1_000,  # U+03BC, Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = r"(\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(f"(?:{_PART})+", re.ASCII)
_PARTS = re.compile(_PART, re.ASCII)


def seconds(text: str) -> float:
    """How long it is, in seconds; never negative. Raises `ValueError`, with a reason fit for users, for other notations and for
    more than a year."""
    if text == "0":
        return 0.0
    if len(text) > 100 or not _DURATION.fullmatch(text):
        raise ValueError("must be a duration such as 250ms, 1.5s or 1h30m")
    nanoseconds = sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in _PARTS.findall(text))
    if nanoseconds > LONGEST * 1_000_000_000:
        raise ValueError("must not be longer than a year")
    return float(Decimal(int(nanoseconds)) / 1_000_000_000)

"""The elements of Go's time layouts: how each looks in a layout, in a text, and what it says of a time."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from flowker.expressions.problems import EvaluationError

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Parts = dict[str, Any]
"""What a text says of a time: the fields of `Shown`, as far as they are there, `pm` and `utc`."""


class Shown(NamedTuple):
    """What calendar and clock show. `weekday` counts from Monday, 0; `offset` in seconds east of Greenwich."""

    year: int
    month: int
    day: int
    weekday: int
    day_of_year: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    offset: int
    zone: str


@dataclass(frozen=True, slots=True)
class Element:
    """`pattern` is a regular expression without groups; `read` gets what it matched."""

    pattern: str
    read: Callable[[str], Parts]
    write: Callable[[Shown], str]


ELEMENT: Final = re.compile(
    r"(January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|002|0[1-6]|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm"
    r"|-07(?:0000|:00:00|00|:00)?|Z07(?:0000|:00:00|00|:00)?|[.,](?:0+|9+)(?![0-9]))"
)
"""Finds elements in a layout."""


def element(text: str, after: str) -> Element:
    """The element that the text stands for in a layout; `after` is the next one there, if any."""
    if text[0] in ".,":
        return _fraction(text)
    if text[0] in "-Z":
        return _offset(text)
    if text in ("05", "5") and after[:1] not in (".", ","):
        return _second_with_fraction(_ELEMENTS[text])
    return _ELEMENTS[text]


def _number(
    field: str, pattern: str, write: Callable[[Shown], str], low: int = 0, high: int = 9999
) -> Element:
    def read(text: str) -> Parts:
        value = int(text)
        if not low <= value <= high:
            raise EvaluationError(f"has a {field} out of range")
        return {field: value}

    return Element(pattern, read, write)


def _named(field: str, names: Sequence[str], first: int) -> Element:
    """Names in any letter case; the first one has this number."""
    known = [name.lower() for name in names]
    pattern = f"(?i:{'|'.join(names)})"
    return Element(
        pattern,
        lambda text: {field: known.index(text.lower()) + first},
        lambda shown: names[getattr(shown, field) - first],
    )


def _two_digit_year(text: str) -> Parts:
    year = int(text)
    return {"year": year + (1900 if year >= 69 else 2000)}


def _half(morning: str, afternoon: str) -> Element:
    return Element(
        f"{morning}|{afternoon}",
        lambda text: {"pm": text == afternoon},
        lambda shown: afternoon if shown.hour >= 12 else morning,
    )


def _zone(text: str) -> Parts:
    return {"utc": True} if text == "UTC" else {"zone": text}


_ELEMENTS: Mapping[str, Element] = {
    "2006": _number("year", "[0-9]{4}", lambda at: f"{'-' if at.year < 0 else ''}{abs(at.year):04d}"),
    "06": Element("[0-9]{2}", _two_digit_year, lambda at: f"{max(at.year, 0) % 100:02d}"),
    "January": _named("month", MONTHS, 1),
    "Jan": _named("month", [name[:3] for name in MONTHS], 1),
    "01": _number("month", "[0-9]{2}", lambda at: f"{at.month:02d}", 1, 12),
    "1": _number("month", "[0-9]{1,2}", lambda at: f"{at.month}", 1, 12),
    "Monday": _named("weekday", WEEKDAYS, 0),
    "Mon": _named("weekday", [name[:3] for name in WEEKDAYS], 0),
    "02": _number("day", "[0-9]{2}", lambda at: f"{at.day:02d}"),
    "2": _number("day", "[0-9]{1,2}", lambda at: f"{at.day}"),
    "_2": _number("day", " ?[0-9]{1,2}", lambda at: f"{at.day:2d}"),
    "002": _number("day_of_year", "[0-9]{3}", lambda at: f"{at.day_of_year:03d}"),
    "__2": _number("day_of_year", " {0,2}[0-9]{1,3}", lambda at: f"{at.day_of_year:3d}"),
    "15": _number("hour", "[0-9]{1,2}", lambda at: f"{at.hour:02d}", 0, 23),
    "03": _number("hour", "[0-9]{2}", lambda at: f"{at.hour % 12 or 12:02d}", 0, 12),
    "3": _number("hour", "[0-9]{1,2}", lambda at: f"{at.hour % 12 or 12}", 0, 12),
    "04": _number("minute", "[0-9]{2}", lambda at: f"{at.minute:02d}", 0, 59),
    "4": _number("minute", "[0-9]{1,2}", lambda at: f"{at.minute}", 0, 59),
    "05": _number("second", "[0-9]{2}", lambda at: f"{at.second:02d}", 0, 59),
    "5": _number("second", "[0-9]{1,2}", lambda at: f"{at.second}", 0, 59),
    "PM": _half("AM", "PM"),
    "pm": _half("am", "pm"),
    "MST": Element(
        "UTC|ChST|MeST|GMT(?:[+-](?:2[0-3]|[01]?[0-9])(?![0-9]))?|[+-](?:2[0-3]|[01]?[0-9])(?![0-9])"
        "|(?:[A-Z]{4}T|[A-Z]{3}T|WITA|[A-Z]{3})(?![A-Z])",
        _zone,
        lambda at: at.zone or _written_offset(at.offset, 2, ""),
    ),
}


def _second_with_fraction(second: Element) -> Element:
    """A text may have a fraction of a second although the layout has none."""

    def read(text: str) -> Parts:
        whole, _, digits = text.replace(",", ".").partition(".")
        return second.read(whole) | _nanosecond(digits)

    return Element(f"{second.pattern}(?:[.,][0-9]+)?", read, second.write)


def _nanosecond(digits: str) -> Parts:
    return {"nanosecond": int(digits[:9].ljust(9, "0"))}


def _fraction(text: str) -> Element:
    """Zeros: that many digits. Nines: as many as there are, and none for none."""
    digits = len(text) - 1
    if text[1] == "0":
        return Element(
            f"[.,][0-9]{{{digits}}}",
            lambda found: _nanosecond(found[1:]),
            lambda at: text[0] + f"{at.nanosecond:09d}"[:digits],
        )
    return Element(
        "(?:[.,][0-9]+)?",
        lambda found: _nanosecond(found[1:]) if found else {},
        lambda at: (text[0] + f"{at.nanosecond:09d}"[:digits]).rstrip("0").rstrip(text[0]),
    )


def _offset(text: str) -> Element:
    """`-0700` and its like; with Z instead of the sign, UTC is written as Z."""
    colon = ":" if ":" in text else ""
    pairs = len(text.replace(":", "")) // 2
    pattern = "[+-]" + colon.join(["[0-9]{2}"] * pairs)

    def read(found: str) -> Parts:
        if found == "Z":
            return {"utc": True}
        numbers = [int(each) for each in re.findall("[0-9]{2}", found)]
        hours, minutes, seconds = [*numbers, 0, 0][:3]
        if hours > 24 or minutes > 60 or seconds > 60:
            raise EvaluationError("has an offset out of range")
        total = hours * 3600 + minutes * 60 + seconds
        return {"offset": -total if found[0] == "-" else total}

    def write(at: Shown) -> str:
        if text[0] == "Z" and not at.offset:
            return "Z"
        return _written_offset(at.offset, pairs, colon)

    return Element(f"Z|{pattern}" if text[0] == "Z" else pattern, read, write)


def _written_offset(offset: int, pairs: int, colon: str) -> str:
    size = abs(offset)
    sign = "-" if offset <= -60 else "+"
    return sign + colon.join(f"{part:02d}" for part in (size // 3600, size // 60 % 60, size % 60)[:pairs])

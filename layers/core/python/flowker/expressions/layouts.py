"""Times as text: the layouts of Go, and seconds since 1970 (Flowker spec f.3, `timestamp`).

A layout shows how one particular time would be written: Monday, 2 January 2006, 15:04:05 in zone MST, seven hours west
of Greenwich. So `02/01/2006` is day, month, year. What is not part of that time stands for itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from flowker.expressions.layout_elements import ELEMENT, Element, Parts, Shown, element
from flowker.expressions.problems import EvaluationError, MappingError

MAX_LENGTH: Final = 200

_EPOCH: Final = date(1970, 1, 1)
_CYCLE: Final = 146_097
"""Days in 400 years, after which the calendar repeats. Go knows years that Python's calendar does not."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: seconds since 1970 and nanoseconds, and where the clock stands that shows it.

    `offset` is in seconds east of Greenwich; `zone` is its abbreviation, empty if it has none.
    """

    seconds: int
    nanoseconds: int = 0
    offset: int = 0
    zone: str = "UTC"

    @staticmethod
    def at(when: datetime) -> "Moment":
        """In UTC. `when` knows its zone."""
        since = when - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        return Moment(since // timedelta(seconds=1), since.microseconds * 1000)


@dataclass(frozen=True, slots=True)
class UnixSeconds:
    """Seconds since 1970 as text."""

    def read(self, text: str) -> Moment:
        """Raises `EvaluationError`."""
        if not re.fullmatch("[+-]?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
            raise EvaluationError("is no number of seconds")
        return Moment(int(text))

    def write(self, moment: Moment) -> str:
        return str(moment.seconds)


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout of Go: texts that stand for themselves, with an element between each two of them."""

    text: str
    literals: tuple[str, ...]
    elements: tuple[Element, ...]
    pattern: re.Pattern[str]

    @staticmethod
    def parse(text: str) -> "Layout":
        """Raises `MappingError` for what is too long, or shows no part of the reference time."""
        if len(text) > MAX_LENGTH:
            raise MappingError(f"a layout has at most {MAX_LENGTH} characters")
        pieces = ELEMENT.split(text)
        literals, found = pieces[::2], pieces[1::2]
        if not found:
            raise MappingError(
                "a layout shows the time Monday, 2 January 2006 15:04:05 MST, such as 2006-01-02"
            )
        elements = tuple(element(each, after) for each, after in zip(found, [*found[1:], ""], strict=True))
        return Layout(text, tuple(literals), elements, _pattern(literals, elements))

    def read(self, text: str) -> Moment:
        """What is not in the layout is that of 1 January of year 0 in UTC. Raises `EvaluationError`."""
        match = self.pattern.fullmatch(text)
        if match is None:
            raise EvaluationError(f"does not match the layout {self.text}")
        parts: Parts = {}
        for each, found in zip(self.elements, match.groups(), strict=True):
            parts |= each.read(found)
        return _moment(parts)

    def write(self, moment: Moment) -> str:
        shown = _shown(moment)
        written = (each.write(shown) for each in self.elements)
        return "".join(piece for pair in zip(self.literals, [*written, ""], strict=True) for piece in pair)


def _pattern(literals: Sequence[str], elements: Sequence[Element]) -> re.Pattern[str]:
    """Go never goes back to try less of an element, hence the atomic groups."""
    between = (f"((?>{each.pattern}))" for each in elements)
    pieces = zip(map(_literal, literals), [*between, ""], strict=True)
    return re.compile("".join(piece for pair in pieces for piece in pair), re.ASCII)


def _literal(text: str) -> str:
    """Blanks match any number of blanks, none only at the end of the text."""
    pieces = re.split("( +)", text)
    return "".join(r"(?> +|\Z)" if piece.startswith(" ") else re.escape(piece) for piece in pieces)


def _moment(parts: Parts) -> Moment:
    year, hour = int(parts.get("year", 0)), int(parts.get("hour", 0))
    if "pm" in parts:
        hour = hour % 12 + 12 * parts["pm"] if hour <= 12 else hour
    days = _days(year, *_month_and_day(parts, year))
    clock = hour * 3600 + parts.get("minute", 0) * 60 + parts.get("second", 0)
    offset, zone = _offset_and_zone(parts)
    return Moment(days * 86400 + clock - offset, parts.get("nanosecond", 0), offset, zone)


def _month_and_day(parts: Parts, year: int) -> tuple[int, int]:
    """Raises `EvaluationError` for a date that does not exist, or is not the day of the year that the text claims."""
    month, day, day_of_year = parts.get("month"), parts.get("day"), parts.get("day_of_year")
    alike = date(2000 + year % 400, 1, 1)
    if day_of_year is None:
        try:
            alike.replace(month=month or 1, day=1 if day is None else day)
        except ValueError:
            raise EvaluationError("is no date that exists") from None
        return month or 1, 1 if day is None else day
    found = alike + timedelta(day_of_year - 1)
    if found.year != alike.year:
        raise EvaluationError("is no day of the year")
    if month not in (None, found.month) or day not in (None, found.day):
        raise EvaluationError("has a day of the year that is not its date")
    return found.month, found.day


def _days(year: int, month: int, day: int) -> int:
    cycles, rest = divmod(year - 2000, 400)
    return (date(2000 + rest, month, day) - _EPOCH).days + cycles * _CYCLE


def _offset_and_zone(parts: Parts) -> tuple[int, str]:
    """An abbreviation alone tells no offset, unless it is like GMT+3."""
    if parts.get("utc"):
        return 0, "UTC"
    zone = parts.get("zone", "")
    if "offset" in parts:
        return parts["offset"], zone or ("" if parts["offset"] else "UTC")
    if zone.startswith("GMT") and len(zone) > 3:
        return int(zone[3:]) * 3600, zone
    return 0, zone or "UTC"


def _shown(moment: Moment) -> Shown:
    days, clock = divmod(moment.seconds + moment.offset, 86400)
    cycles, rest = divmod(days - (date(2000, 1, 1) - _EPOCH).days, _CYCLE)
    alike = date(2000, 1, 1) + timedelta(rest)
    return Shown(
        year=alike.year + 400 * cycles,
        month=alike.month,
        day=alike.day,
        weekday=alike.weekday(),
        day_of_year=alike.timetuple().tm_yday,
        hour=clock // 3600,
        minute=clock // 60 % 60,
        second=clock % 60,
        nanosecond=moment.nanoseconds,
        offset=moment.offset,
        zone=moment.zone,
    )

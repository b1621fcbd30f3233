"""Cron expressions and when they are due (FlowRunner spec d.11). Everything here is computed from its arguments alone.

Five fields, `minute hour day-of-month month day-of-week`, or six with a zero for the seconds before them. A field is `*` or a
list of values and ranges `a-b`, each with a step `/n` if wanted; months and weekdays may be named by three letters, and Sunday
is 0 and 7. Either the day of the month or the day of the week is `*` (or `?`, which says the same).

Wall clock time counts, as with EventBridge Scheduler: what a time change skips is not due that day, and what it repeats is due
the first time only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

MOST_CHARACTERS = 256
"""Of an expression; EventBridge takes no longer one."""
_DAYS_AHEAD = 40 * 366
"""How far ahead a time is looked for."""
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


class CronError(ValueError):
    """The text says what is wrong, and follows the name of the param."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    """Of the values from `least` on."""

    def values(self, text: str) -> frozenset[int]:
        if not text:
            raise CronError(f"has an empty {self.name}")
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, part: str) -> range:
        span, slash, step = part.partition("/")
        if span in ("*", "?"):
            first, last = self.least, self.most
        else:
            begin, dash, end = span.partition("-")
            first = self._value(begin, part)
            last = self._value(end, part) if dash else self.most if slash else first
        if first > last:
            raise CronError(f"has a range that runs backwards as {self.name}: {part}")
        return range(first, last + 1, self._step(step, part) if slash else 1)

    def _step(self, text: str, part: str) -> int:
        """A step beyond the field would mean less than it says: `*/90` minutes is once an hour."""
        step = int(text) if _digits(text) else 0
        if not 1 <= step <= self.most - self.least:
            most = self.most - self.least
            raise CronError(f"has a step that is not from 1 to {most} as {self.name}: {part}")
        return step

    def _value(self, text: str, part: str) -> int:
        if text.upper() in self.names:
            return self.least + list(self.names).index(text.upper())
        if not _digits(text):
            hint = "; L, W and # are not supported" if set(text.upper()) & set("LW#") else ""
            raise CronError(f"cannot have {part} as {self.name}{hint}")
        if not self.least <= int(text) <= self.most:
            raise CronError(f"has a {self.name} that is not from {self.least} to {self.most}: {part}")
        return int(text)


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The values that each field allows, in order. Weekdays count from Sunday, 0."""

    minutes: Sequence[int]
    hours: Sequence[int]
    days: Sequence[int]
    months: Sequence[int]
    weekdays: Sequence[int]

    def following(self, after: datetime, zone: ZoneInfo) -> datetime | None:
        """The first time after this one that it is due, in UTC; None if there is none in forty years."""
        wall = after.astimezone(zone).replace(tzinfo=None)
        for due in self._walls(wall):
            first = due.replace(tzinfo=zone).astimezone(UTC)
            skipped = first.astimezone(zone).replace(tzinfo=None) != due
            if first > after and not skipped:
                return first
        return None

    def eventbridge(self) -> str:
        """As EventBridge Scheduler writes it: weekdays count from 1, one of the day fields is `?`, and there is a year."""
        weekdays = _written([value + 1 for value in self.weekdays], 7)
        days = _written(self.days, 31)
        if weekdays == "*":
            weekdays = "?"
        else:
            days = "?"
        fields = (_written(self.minutes, 60), _written(self.hours, 24), days, _written(self.months, 12))
        return f"cron({' '.join(fields)} {weekdays} *)"

    def _walls(self, after: datetime) -> Iterator[datetime]:
        """Wall clock times later than this one, in order."""
        for ahead in range(_DAYS_AHEAD):
            day = after.date() + timedelta(days=ahead)
            if not self._allows(day):
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    due = datetime(day.year, day.month, day.day, hour, minute)
                    if due > after:
                        yield due

    def _allows(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() % 7 in self.weekdays


def cron(text: str) -> Cron:
    """Raises `CronError`."""
    fields = text.split()
    if len(text) > MOST_CHARACTERS or len(fields) not in (5, 6):
        raise CronError("must have five fields, or six with the seconds first, such as 30 8 * * MON-FRI")
    if len(fields) == 6:
        if not _digits(fields[0]) or int(fields[0]) != 0:
            raise CronError("must have 0 as seconds: schedules are due at whole minutes")
        fields = fields[1:]
    minutes, hours, days, months, weekdays = (
        sorted(field.values(text)) for field, text in zip(_FIELDS, fields, strict=True)
    )
    weekdays = sorted({value % 7 for value in weekdays})
    if len(days) < 31 and len(weekdays) < 7:
        raise CronError("cannot have both a day of the month and a day of the week: make two schedules")
    if all(days[0] > _LONGEST_MONTHS[month - 1] for month in months):
        raise CronError("is never due: no such month has that day")
    return Cron(minutes, hours, days, months, weekdays)


def time_zone(name: str) -> ZoneInfo:
    """A zone of the IANA database, in the same spelling. Raises `CronError`."""
    if name not in _zones():
        raise CronError("must be a time zone such as UTC or Europe/Berlin")
    return ZoneInfo(name)


@cache
def _zones() -> frozenset[str]:
    """Those that every home knows, whatever else its system has."""
    return frozenset((files("tzdata") / "zones").read_text().split()) - {"Factory"}


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 2


def _written(values: Sequence[int], all_of_them: int) -> str:
    """`*`, or ranges and single values."""
    if len(values) == all_of_them:
        return "*"
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)

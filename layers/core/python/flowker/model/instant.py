"""Points in time as the API writes them: RFC 3339, UTC, milliseconds, `Z`. The text sorts like the time."""

import re
from datetime import UTC, datetime, timedelta

Instant = str
"""`YYYY-MM-DDTHH:MM:SS.mmmZ`."""


def instant(moment: datetime) -> Instant:
    """Write a time zone aware moment."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: Instant) -> datetime:
    """Read what `instant` wrote."""
    return datetime.fromisoformat(text)


def whole_seconds(text: Instant) -> str:
    """As the second face writes points in time that need no more (decision D-01 of its specification)."""
    return f"{text[:19]}Z"


def of_epoch(seconds: int) -> str:
    """Seconds since 1970, in whole seconds."""
    return whole_seconds(instant(datetime.fromtimestamp(seconds, UTC)))


MILLISECOND = timedelta(milliseconds=1)
"""Instants are whole ones."""
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Nothing happens outside of these, so a bound beyond them is none, and sums of dates stay within what there is."""


def span(since: datetime | None, until: datetime | None) -> tuple[datetime | None, datetime | None]:
    """From `since` to `until`, both included, as the half-open span of the instants in it; None is no bound."""
    start = None if since is None or since <= _EARLIEST else _ceiling(min(since, _LATEST))
    end = (
        None
        if until is None or until >= _LATEST
        else _floor(max(until, _EARLIEST - MILLISECOND)) + MILLISECOND
    )
    return start, end


def _floor(point: datetime) -> datetime:
    return point.replace(microsecond=point.microsecond // 1000 * 1000)


def _ceiling(point: datetime) -> datetime:
    return _floor(point + timedelta(microseconds=999))


def epoch_ms(point: datetime) -> int:
    """Whole milliseconds since 1970."""
    return int(point.timestamp() * 1000)


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def rfc3339(text: str) -> datetime | None:
    """A date and time with a zone as clients write it; None for anything else."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

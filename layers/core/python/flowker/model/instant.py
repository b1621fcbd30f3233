"""Points in time as the API writes them: RFC 3339, UTC, milliseconds, `Z`. The text sorts like the time."""

from datetime import UTC, datetime

Instant = str
"""`YYYY-MM-DDTHH:MM:SS.mmmZ`."""


def instant(moment: datetime) -> Instant:
    """Write a time zone aware moment."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: Instant) -> datetime:
    """Read what `instant` wrote."""
    return datetime.fromisoformat(text)


def epoch_ms(point: datetime) -> int:
    """Whole milliseconds since 1970."""
    return int(point.timestamp() * 1000)

"""Points in time as the language writes them: RFC 3339 text outside, seconds since 1970 inside."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def seconds(text: str) -> float:
    """Raises `ValueError` for text that is not an RFC 3339 timestamp with an upper-case T and Z."""
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"'{text}' is not an RFC 3339 timestamp")
    return datetime.fromisoformat(text).timestamp()


def timestamp(moment: float) -> str:
    """As the context object writes it: `2026-03-01T10:00:00.000Z`."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

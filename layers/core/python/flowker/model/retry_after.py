"""How long a provider asks callers to wait: the header `Retry-After` (RFC 9110, 10.2.3)."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_LONGEST = 24 * 60 * 60


def seconds_to_wait(header: str | None, now: datetime) -> int:
    """Whole seconds, rounded up, at most a day; 0 where nothing, nothing readable or the past is named. `now` is aware."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return math.ceil(min(float(text), _LONGEST))
    try:
        then = parsedate_to_datetime(text)
        wait = (then if then.tzinfo else then.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return 0
    return max(0, min(math.ceil(wait.total_seconds()), _LONGEST))

"""Time as the engine sees it."""

import asyncio
import time
from typing import Protocol

_LONGEST_NAP_SECONDS = 30.0


class EngineClock(Protocol):
    def now(self) -> float:
        """Seconds since 1970."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return when `now()` has reached the moment; at once if it has."""
        ...


class SystemClock:
    """The machine's clock. Long sleeps are taken in naps, because the event loop's own clock neither counts the time a
    computer was asleep nor follows a corrected wall clock."""

    def now(self) -> float:
        return time.time()

    async def sleep_until(self, moment: float) -> None:
        while (left := moment - time.time()) > 0:
            await asyncio.sleep(min(left, _LONGEST_NAP_SECONDS))

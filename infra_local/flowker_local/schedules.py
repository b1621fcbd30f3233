"""The clock of schedules, where no service calls when one is due."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from flowker.errors import FlowkerError
from flowker.observability import observed
from flowker.wiring import home
from flowker.wiring.schedules import schedules

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


async def keep_time(in_thread: Callable[..., Awaitable[Any]]) -> None:
    """Look every second, for ever, at what is due; first at what was missed while nobody looked."""
    while True:
        try:
            await in_thread(_fire_due)
        except FlowkerError as error:
            logger.warning("schedules could not be looked at, trying again: %s", error)
        await asyncio.sleep(LOOK_SECONDS)


def _fire_due() -> int:
    with observed(home().settings):
        return schedules().fire_due()

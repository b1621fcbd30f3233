"""Doing things in limited time and side by side, with nothing left behind."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable

from flowker.model.exact_json import Json


class OutOfTime(Exception):
    """The work took longer than it may."""


async def within(seconds: float | None, work: Awaitable[Json]) -> Json:
    """Await the work. Raises `OutOfTime` and cancels it when the time is up; what it returns after that is discarded."""
    if seconds is None:
        return await work
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            result = await work
    except TimeoutError:
        if limit.expired():
            raise OutOfTime from None
        raise
    if limit.expired():
        raise OutOfTime
    return result


async def uncancelled(work: Awaitable[Json]) -> Json:
    """Await work that may ignore its cancellation: if it was cancelled, so is the caller, and the result is discarded."""
    result = await work
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result


async def together(works: Iterable[Coroutine[None, None, None]]) -> None:
    """Do all at once. The first failure cancels the others and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()

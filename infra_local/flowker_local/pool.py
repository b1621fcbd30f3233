"""A pool of worker processes that grows while all are busy and shrinks again when they idle, as Lambda's does."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from flowker_local.channel import MainEnd, failure
from flowker_local.workers import Zygote

logger = logging.getLogger(__name__)

Event = dict[str, Any]
Answer = dict[str, Any]
Dispatch = Callable[[str, tuple[Any, ...]], Awaitable[Any]]
"""Does in the main process what a worker asks for: (operation, arguments) to a value."""

IDLE_SECONDS = 20.0


class WorkerLost(Exception):
    """The worker process died during the invocation."""


@dataclass
class _Worker:
    channel: MainEnd
    idle_since: float = 0.0


class Pool:
    """`least` workers are always there; at most `most` run at a time, further events wait their turn."""

    def __init__(self, zygote: Zygote, dispatch: Dispatch, *, least: int = 2, most: int = 64) -> None:
        self._zygote = zygote
        self._dispatch = dispatch
        self._least = least
        self._idle: list[_Worker] = []
        self._slots = asyncio.Semaphore(most)
        self._reaper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._idle = [await self._spawn() for _ in range(self._least)]
        self._reaper = asyncio.create_task(self._reap())

    async def close(self) -> None:
        """Let the idle workers go; busy ones end with their connection."""
        if self._reaper is not None:
            self._reaper.cancel()
        for worker in self._idle:
            worker.channel.close()
        self._idle.clear()

    async def invoke(self, function: str, event: Event) -> Answer:
        """Run a function in a process of its own for the time of the event. Raises `WorkerLost`."""
        async with self._slots:
            worker = self._idle.pop() if self._idle else await self._spawn()
            try:
                answer = await self._converse(worker.channel, function, event)
            except ConnectionError as error:
                worker.channel.close()
                raise WorkerLost(function) from error
            except asyncio.CancelledError:
                worker.channel.close()
                raise
            worker.idle_since = time.monotonic()
            self._idle.append(worker)
            return answer

    async def _converse(self, channel: MainEnd, function: str, event: Event) -> Answer:
        channel.send((function, event))
        while True:
            message = await channel.receive()
            if message[0] == "result":
                answer: Answer = message[1]
                return answer
            kind, operation, arguments = message
            try:
                reply = (True, await self._dispatch(operation, arguments))
            except Exception as error:  # whatever it was, the worker asked and decides
                reply = failure(error)
                if kind == "tell":
                    logger.exception("%s failed", operation)
            if kind == "call":
                channel.send(reply)

    async def _spawn(self) -> _Worker:
        return _Worker(await MainEnd.over(self._zygote.spawn()))

    async def _reap(self) -> None:
        """The last used worker is used first, so the first in the list have idled longest."""
        while True:
            await asyncio.sleep(IDLE_SECONDS / 4)
            long_ago = time.monotonic() - IDLE_SECONDS
            while len(self._idle) > self._least and self._idle[0].idle_since < long_ago:
                self._idle.pop(0).channel.close()

"""The change feed of one machine: what DynamoDB Streams is on AWS. Writes to the outbox wake the consumer of the audit
trail, which then takes all that waits there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Item, Key, Put, Query, Table, Write
from flowker.adapters.stores.outbox import is_notice
from flowker.errors import Unavailable

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
"""Notices that come shortly after each other are chained together."""
AGAIN_SECONDS = 5.0
"""After the store was not available."""


def announces(writes: Sequence[Write]) -> bool:
    """Whether the consumer has something to do after this transaction."""
    return any(isinstance(write, Put) and is_notice(write.item) for write in writes)


def runs_told(writes: Sequence[Write]) -> frozenset[str]:
    """The runs that this transaction writes events of."""
    partition = keys.execution("").pk
    return frozenset(
        write.key.pk.removeprefix(partition)
        for write in writes
        if isinstance(write, Put) and write.key.sk.startswith(keys.EVENTS)
    )


class ChangeFeed:
    """Chains what is announced, one batch after the other. `wake` it from the event loop, `start` and `stop` it there.
    It waits `gather` seconds for what comes shortly after."""

    def __init__(
        self,
        in_thread: Callable[[Callable[[], object]], Awaitable[object]],
        *,
        gather: float = GATHER_SECONDS,
    ) -> None:
        self._in_thread = in_thread
        self._gather = gather
        self._news = asyncio.Event()
        self._news.set()  # what an earlier process has left

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_report)

    def wake(self) -> None:
        """Something was announced."""
        self._news.set()

    async def stop(self) -> None:
        """Chain what waits, then end. What could not be chained before waits for the next start."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._task.cancelled():
            await self._chain()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(self._gather)
            self._news.clear()
            await self._chain()

    async def _chain(self) -> None:
        try:
            await self._in_thread(lambda: wiring.audit_trail().append_pending())
        except Unavailable as error:
            logger.warning("audit events are not chained yet, trying again: %s", error)
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._news.set)


def _report(task: "asyncio.Task[None]") -> None:
    """Nothing is lost if it ends by itself: what was announced waits for the next start, and is counted along meanwhile."""
    if not task.cancelled() and task.exception():
        logger.error("audit events are not chained any more until the next start", exc_info=task.exception())


class AnnouncingTable:
    """A table that tells about every announcement once it is stored, and about every run that has new events. Both are told
    in the thread of the writer."""

    def __init__(
        self,
        table: Table,
        tell: Callable[[], object],
        tell_run: Callable[[str], object] = lambda execution_id: None,
    ) -> None:
        self._table = table
        self._tell = tell
        self._tell_run = tell_run

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._table.get(keys)

    def query(self, query: Query) -> list[Item]:
        return self._table.query(query)

    def write(self, writes: Sequence[Write]) -> None:
        self._table.write(writes)
        for execution_id in runs_told(writes):
            self._tell_run(execution_id)
        if announces(writes):
            self._tell()

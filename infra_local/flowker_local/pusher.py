"""What push_updates is on AWS: tells sockets what happens in runs, in threads, each run in one at a time."""

import asyncio
import logging
from concurrent.futures import Executor

from flowker.errors import Unavailable
from flowker.wiring.sockets import connection_store, pushing
from flowker_local.sockets import LocalSockets
from flowker_local.threads import DaemonThreads

logger = logging.getLogger(__name__)

HOLDER = "local"
"""There is one process, so what a crashed one held is ours."""
THREADS = 8
AGAIN_SECONDS = 1.0
"""After the store was not available."""
_EVER = 10**10
_AT_A_TIME = 500


def forget_earlier_sockets() -> None:
    """Remove what a process left that was killed: its sockets died with it."""
    store = connection_store()
    while left := store.due(_EVER, _AT_A_TIME):
        store.remove([connection.id for connection in left])


class LocalPusher:
    """`ports.sockets.Pusher` for code beside the event loop; `woken` is the same for code in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sockets: LocalSockets) -> None:
        self._loop = loop
        self._sockets = sockets
        self._threads: Executor = DaemonThreads(THREADS, "push")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._news: set[str] = set()
        self._stopped = False

    def wake(self, execution_id: str) -> None:
        if self._sockets.follows(execution_id):
            self._loop.call_soon_threadsafe(self.woken, execution_id)

    def woken(self, execution_id: str) -> None:
        """Push the run, soon. Costs next to nothing for one that nobody follows."""
        if self._stopped or not self._sockets.follows(execution_id):
            return
        self._news.add(execution_id)
        if execution_id not in self._running:
            self._running[execution_id] = asyncio.create_task(self._push(execution_id))

    async def stop(self) -> None:
        """Push no more; what is under way comes to its end."""
        self._stopped = True
        self._news.clear()
        await asyncio.gather(*self._running.values())

    async def _push(self, execution_id: str) -> None:
        try:
            while execution_id in self._news:
                self._news.discard(execution_id)
                await self._loop.run_in_executor(self._threads, pushing().push, execution_id, HOLDER)
        except Unavailable as error:
            logger.warning("sockets wait, trying again: %s", error, extra={"execution_id": execution_id})
            self._loop.call_later(AGAIN_SECONDS, self.woken, execution_id)
        except Exception:  # whatever is wrong with one run, the others go on; the next event tries again
            logger.exception("sockets could not be told", extra={"execution_id": execution_id})
        finally:
            self._running.pop(execution_id)
            if execution_id in self._news:
                self.woken(execution_id)

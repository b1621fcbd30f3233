"""The `local` profile: SQLite stores, the embedded engine and worker processes, composed."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from flowker import wiring
from flowker.compiler.compile import content_name
from flowker.errors import Unavailable
from flowker.events import reconcile
from flowker.model.execution import Execution
from flowker.model.workflow import MachineType
from flowker.ports import Http
from flowker.settings import Settings
from flowker_local.change_feed import AnnouncingTable, ChangeFeed, announces
from flowker_local.engine import SqliteJournal
from flowker_local.key_file import KeyFileCipher
from flowker_local.machines import Orchestrator
from flowker_local.pool import Answer, Event, Pool
from flowker_local.sqlite_blobs import SqliteBlobs
from flowker_local.sqlite_table import SqliteTable
from flowker_local.workers import Zygote

logger = logging.getLogger(__name__)

RECONCILE_SECONDS = 60.0
DRAIN_SECONDS = 10.0
DATABASE = "flowker.db"


class LocalHome:
    """Everything of the `local` profile. Create it before any thread exists, then `start` it in the event loop."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings
        self._cipher = KeyFileCipher(folder / "key")
        self._zygote = Zygote(settings, self._cipher, folder / DATABASE)

    async def start(self) -> None:
        """Open the stores, take up what was running, start what was accepted, make the workers ready.

        Raises `ValueError` with one line for the person at the terminal if a file cannot be used.
        """
        self._open_stores()
        self._orchestrator = Orchestrator(self._journal)
        self._loop = asyncio.get_running_loop()
        self._operations: dict[str, Callable[..., Awaitable[Any]]] = {
            "write": self._write,
            "publish": self._publish,
            "delete": self._delete,
            "start": self._start,
            "stop": self._stop,
            "wait": self._wait,
            "put_blob": self._put_blob,
            "probe": self._probe,
        }
        self._feed = ChangeFeed(self._orchestrator.in_thread)
        wiring.use(
            wiring.Home(
                settings=self._settings,
                table=AnnouncingTable(self._table, self._tell_feed),
                blobs=self._blobs,
                cipher=self._cipher,
                machines=_FromThreads(self._orchestrator, self._loop),
                completions=_NoWaiting(),
                http=self._http,
                probes={},
            )
        )
        self._pool = Pool(self._zygote, self._dispatch)
        await self._pool.start()
        await self._orchestrator.engine.resume()
        self._feed.start()
        self._reconciling = asyncio.create_task(self._reconcile())

    def _open_stores(self) -> None:
        try:
            self._table = SqliteTable(self._folder / DATABASE)
            self._blobs = SqliteBlobs(self._table.file)
            self._journal = SqliteJournal(self._folder / "engine.db")
        except (Unavailable, sqlite3.Error) as error:
            reason = error.__cause__ or error
            raise ValueError(f"cannot use the databases in {self._folder}: {reason}") from error

    async def invoke(self, function: str, event: Event) -> Answer:
        """Run an HTTP function in a worker process."""
        return await self._pool.invoke(function, event)

    async def close(self) -> None:
        """Finish what is under way, record where the rest is, and let every process go."""
        self._reconciling.cancel()
        await self._pool.close()
        await self._orchestrator.close(DRAIN_SECONDS)
        await self._feed.stop()
        self._zygote.close()
        self._journal.close()
        self._table.close()

    def _http(self) -> Http:
        from flowker.adapters.aws import outbound_http

        return outbound_http(self._settings)

    async def _reconcile(self) -> None:
        """First take up what the engine's journal had no time to note before a crash; then keep the schedule."""
        work: Callable[[], object] = wiring.executions().start_unfinished
        while True:
            try:
                await self._orchestrator.in_thread(work)
            except Unavailable as error:
                logger.warning("executions could not be reconciled, trying again: %s", error)
            else:
                work = partial(reconcile.handle, {}, None)
            await asyncio.sleep(RECONCILE_SECONDS)

    async def _dispatch(self, operation: str, arguments: tuple[Any, ...]) -> Any:
        return await self._operations[operation](*arguments)

    async def _write(self, writes: Any) -> None:
        await asyncio.wrap_future(self._table.submit(writes))
        if announces(writes):
            self._feed.wake()

    def _tell_feed(self) -> None:
        self._loop.call_soon_threadsafe(self._feed.wake)

    async def _publish(self, definition: Any, kind: MachineType) -> str:
        return self._orchestrator.publish(definition, kind)

    async def _delete(self, reference: str) -> None:
        self._orchestrator.delete(reference)

    async def _start(self, execution: Execution) -> None:
        self._orchestrator.start(execution)

    async def _stop(self, execution: Execution) -> None:
        await self._orchestrator.stop(execution)

    async def _wait(self, execution_id: str, seconds: float) -> None:
        await self._orchestrator.wait(
            execution_id, seconds, lambda: wiring.execution_store().get(execution_id).status.terminal
        )

    async def _put_blob(self, key: str, content: bytes) -> None:
        await self._orchestrator.in_thread(self._blobs.put, key, content)

    async def _probe(self) -> None:
        self._orchestrator.engine.running()


class _FromThreads:
    """The orchestrator for code that runs beside the event loop."""

    def __init__(self, orchestrator: Orchestrator, loop: asyncio.AbstractEventLoop) -> None:
        self._orchestrator = orchestrator
        self._loop = loop

    def reference(self, definition: Any, kind: MachineType) -> str:
        return content_name(kind, definition)

    def publish(self, definition: Any, kind: MachineType) -> str:
        return str(self._run(lambda: self._orchestrator.publish(definition, kind)))

    def start(self, execution: Execution) -> bool:
        return bool(self._run(lambda: self._orchestrator.start(execution)))

    def delete(self, reference: str) -> None:
        self._run(lambda: self._orchestrator.delete(reference))

    def stop(self, execution: Execution) -> None:
        asyncio.run_coroutine_threadsafe(self._orchestrator.stop(execution), self._loop).result()

    def _run(self, work: Callable[[], Any]) -> Any:
        async def there() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result()


class _NoWaiting:
    """Nothing in the main process waits for executions; the workers do."""

    def wait(self, execution_id: str, seconds: float) -> None:
        raise RuntimeError("only worker processes wait")

"""The `local` profile: SQLite stores, the embedded engine and worker processes, composed."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from flowker import wiring
from flowker.adapters.scheduler import NoTimer
from flowker.compiler.compile import content_name
from flowker.errors import FlowkerError, Unavailable
from flowker.events import reconcile
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.model.workflow import MachineType
from flowker.ports import Http
from flowker.ports.sockets import Posted
from flowker.settings import Settings
from flowker.wiring.runs import run_executions
from flowker_local.change_feed import AnnouncingTable, ChangeFeed, announces, runs_told
from flowker_local.engine import SqliteJournal
from flowker_local.functions import HTTP_FUNCTIONS
from flowker_local.key_file import KeyFileCipher, signing_keys
from flowker_local.machines import Orchestrator
from flowker_local.pool import Answer, Event, Pool
from flowker_local.pusher import LocalPusher, forget_earlier_sockets
from flowker_local.schedules import keep_time
from flowker_local.script_workers import FUNCTION, ScriptWorkers, serve_scripts
from flowker_local.sockets import LocalSockets
from flowker_local.sqlite_blobs import SqliteBlobs
from flowker_local.sqlite_table import SqliteTable
from flowker_local.workers import Zygote, serve_http

logger = logging.getLogger(__name__)

RECONCILE_SECONDS = 60.0
DRAIN_SECONDS = 10.0
DATABASE = "flowker.db"


class LocalHome:
    """Everything of the `local` profile. Create it before any thread exists, then `start` it in the event loop."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._script_zygote = Zygote(serve_scripts, [FUNCTION])  # the first, so that it knows no keys
        self._scripts = ScriptWorkers(self._script_zygote.spawn)
        keys = settings.jwt_keys or signing_keys(folder / "signing-keys").secrets
        self._settings = settings = replace(settings, jwt_keys=keys)
        self._cipher = KeyFileCipher(folder / "key")
        self._zygote = Zygote(partial(serve_http, settings, self._cipher, folder / DATABASE), HTTP_FUNCTIONS)

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
            "resume": self._resume,
            "answer": self._answer,
            "stop": self._stop,
            "wait": self._wait,
            "put_blob": self._put_blob,
            "delete_blobs": self._delete_blobs,
            "probe": self._probe,
            "post": self._post,
            "close_sockets": self._close_sockets,
            "wake": self._wake,
            "script": self._script,
        }
        self._feed = ChangeFeed(self._orchestrator.in_thread)
        self.sockets = LocalSockets(self._loop)
        self._pusher = LocalPusher(self._loop, self.sockets)
        wiring.use(
            wiring.Home(
                settings=self._settings,
                table=AnnouncingTable(self._table, self._tell_feed, self._pusher.wake),
                blobs=self._blobs,
                cipher=self._cipher,
                machines=_FromThreads(self._orchestrator, self._loop),
                completions=_NoWaiting(),
                http=self._http,
                probes={},
                scripts=lambda: self._scripts,
                sockets=lambda: self.sockets,
                pusher=lambda: self._pusher,
                timer=NoTimer,
            )
        )
        self._pool = Pool(self._zygote, self._dispatch)
        await self._pool.start()
        await self._orchestrator.in_thread(forget_earlier_sockets)
        await self._orchestrator.engine.resume()
        self._feed.start()
        self._reconciling = asyncio.create_task(self._reconcile())
        self._timing = asyncio.create_task(keep_time(self._orchestrator.in_thread))

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
        self._timing.cancel()
        await self._pool.close()
        await self._orchestrator.close(DRAIN_SECONDS)
        await self._feed.stop()
        await self._pusher.stop()
        self._scripts.close()
        self._script_zygote.close()
        self._zygote.close()
        self._journal.close()
        self._table.close()

    def _http(self) -> Http:
        from flowker.adapters.aws import outbound_http

        return outbound_http(self._settings)

    async def _reconcile(self) -> None:
        """First take up what the engine's journal had no time to note before a crash; then keep the schedule."""
        work: Callable[[], object] = _start_unfinished
        while True:
            try:
                await self._orchestrator.in_thread(work)
            except FlowkerError as error:
                logger.warning("executions could not be reconciled, trying again: %s", error)
            else:
                work = self._keep_house
            await asyncio.sleep(RECONCILE_SECONDS)

    def _keep_house(self) -> None:
        reconcile.handle({}, None)
        self._table.expire(int(wiring.home().clock.now().timestamp()))

    async def _dispatch(self, operation: str, arguments: tuple[Any, ...]) -> Any:
        return await self._operations[operation](*arguments)

    async def _write(self, writes: Any) -> None:
        await asyncio.wrap_future(self._table.submit(writes))
        for execution_id in runs_told(writes):
            self._pusher.woken(execution_id)
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

    async def _resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        self._orchestrator.resume(execution, at, leg)

    async def _answer(self, token: str, output: Json) -> bool:
        return await self._orchestrator.answer(token, output)

    async def _stop(self, execution: Execution) -> None:
        await self._orchestrator.stop(execution)

    async def _wait(self, execution_id: str, seconds: float) -> None:
        await self._orchestrator.wait(
            execution_id, seconds, lambda: wiring.execution_store().get(execution_id).status.terminal
        )

    async def _put_blob(self, key: str, content: bytes) -> None:
        await self._orchestrator.in_thread(self._blobs.put, key, content)

    async def _delete_blobs(self, start: str) -> None:
        await self._orchestrator.in_thread(self._blobs.delete, start)

    async def _post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        return self.sockets.post(messages)

    async def _close_sockets(self, connection_ids: Collection[str]) -> None:
        self.sockets.close(connection_ids)

    async def _wake(self, execution_id: str) -> None:
        self._pusher.woken(execution_id)

    async def _script(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return await asyncio.to_thread(self._scripts.evaluate, request)

    async def _probe(self) -> None:
        self._orchestrator.engine.running()


def _start_unfinished() -> int:
    return wiring.executions().start_unfinished() + run_executions().start_unfinished()


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

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        self._run(lambda: self._orchestrator.resume(execution, at, leg))

    def answer(self, token: str, output: Json) -> bool:
        answering = self._orchestrator.answer(token, output)
        return asyncio.run_coroutine_threadsafe(answering, self._loop).result()

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

"""The embedded engine behind the `StateMachines` and `Completions` ports, and the tasks it runs."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from flowker.adapters.stepfunctions import STOPPED, state_input
from flowker.compiler.compile import content_name
from flowker.compiler.flows.tasks import CALLBACK
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.errors import StoreUnavailable
from flowker.events import record_execution, run_node
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, execution_of_run, run_name
from flowker.model.workflow import MachineType
from flowker_local.engine import Engine, Journal, RunEnd, TaskError
from flowker_local.threads import DaemonThreads

logger = logging.getLogger(__name__)

Handle = Callable[[dict[str, Any], object], Json]

TASKS: dict[str, Handle] = {RUN_NODE: run_node.handle, RECORD_EXECUTION: record_execution.handle}
"""What the placeholders of a definition stand for here."""

LAMBDA = CALLBACK.removesuffix(".waitForTaskToken")
"""How a task names its function that waits for its token: among its parameters."""

THREADS = 64
"""Tasks that wait for a provider at the same time; waiting states and retries occupy none."""


class Orchestrator:
    """Runs state machines; lives in the event loop of the main process."""

    def __init__(self, journal: Journal, tasks: Mapping[str, Handle] = TASKS) -> None:
        self._tasks = tasks
        self._threads = DaemonThreads(THREADS, "node")
        self._engine = Engine(self._invoke, journal, on_end=self._ended)
        self._waiting: dict[str, set[asyncio.Event]] = {}

    @property
    def engine(self) -> Engine:
        return self._engine

    def publish(self, definition: Json, kind: MachineType) -> str:
        """Create the machine and return its name, which is its reference here. Both types run alike."""
        name = content_name(kind, definition)
        self._engine.create(name, definition)
        return name

    def delete(self, reference: str) -> None:
        """Raises `StoreUnavailable` while something runs on it, or if the engine's journal cannot be written."""
        try:
            deleted = self._engine.delete(reference)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the journal of the engine could not be written: {error}") from error
        if not deleted:
            raise StoreUnavailable("something runs on the state machine")

    def start(self, execution: Execution) -> bool:
        """Idempotent by the execution's id, whatever the type of its machine."""
        self._engine.start(execution.launch.machine, execution.id, state_input(execution))
        return False

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        """Idempotent by the name of the leg."""
        name = run_name(execution.id, leg)
        self._engine.start(execution.launch.machine, name, state_input(execution, at))

    async def answer(self, token: str, output: Json) -> bool:
        """Survives a crash as soon as this returns True. Raises `StoreUnavailable` if it could not be made to."""
        try:
            return await self._engine.send_task_success(token, output)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the journal of the engine could not be written: {error}") from error

    async def stop(self, execution: Execution) -> None:
        """Abort the run if there is one, and tell who waits for it: its end is recorded already. Idempotent.

        Raises `StoreUnavailable` if the engine's journal cannot be written; the run is stopped all the same.
        """
        self._wake(execution.id)
        try:
            await self._engine.stop(run_name(execution.id, execution.leg), STOPPED, "")
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the journal of the engine could not be written: {error}") from error

    async def wait(self, execution_id: str, seconds: float, ended: Callable[[], bool]) -> None:
        """Return when the run has ended or the time is up. `ended` is asked after listening has begun, if
        the engine does not know the run."""
        event = asyncio.Event()
        waiting = self._waiting.setdefault(execution_id, set())
        waiting.add(event)
        try:
            if self._engine.is_running(execution_id) or not ended():
                async with asyncio.timeout(seconds):
                    await event.wait()
        except TimeoutError:
            return
        finally:
            waiting.remove(event)
            if not waiting:
                self._waiting.pop(execution_id, None)

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run blocking work beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def close(self, seconds: float) -> None:
        """Let running tasks finish for so long; positions stay recorded. What a provider has not answered by then is
        abandoned: the next start repeats the call under the same `Idempotency-Key`."""
        await self._engine.drain(seconds)

    async def _invoke(self, resource: str, payload: Json) -> Json:
        if resource == LAMBDA:
            resource, payload = payload["FunctionName"], payload["Payload"]
        try:
            return await self.in_thread(self._tasks[resource], payload, None)
        except Exception as error:  # what the Lambda service does with whatever a function raises
            raise TaskError(type(error).__name__, str(error)) from error

    async def _ended(self, end: RunEnd) -> None:
        """What EventBridge reports on AWS. Ends that the worker recorded itself come back with its own error name."""
        if end.status != "SUCCEEDED" and end.error != "ExecutionFailed":
            detail = {"name": end.name, "status": end.status, "error": end.error, "cause": end.cause}
            await self.in_thread(record_execution.handle, {"detail": detail}, None)
        self._wake(execution_of_run(end.name))

    def _wake(self, execution_id: str) -> None:
        for event in self._waiting.get(execution_id, ()):
            event.set()

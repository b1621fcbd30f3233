"""The embedded Step Functions: starts runs, stops them, takes them up again after a restart."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from flowker.model.exact_json import Json, canonical, dumps, loads
from flowker_local.engine.callbacks import Callbacks
from flowker_local.engine.clock import EngineClock, SystemClock
from flowker_local.engine.definition import compile_machine
from flowker_local.engine.failure import TIMEOUT, TaskError
from flowker_local.engine.gate import Gate
from flowker_local.engine.interpreter import Invoke, Surroundings, Walk
from flowker_local.engine.journal import Journal
from flowker_local.engine.position import Frame, Run, RunEnd
from flowker_local.engine.states import Machine
from flowker_local.engine.structured import OutOfTime, within

OnEnd = Callable[[RunEnd], Awaitable[None]]

_REMEMBERED = 10_000
"""Names of ended runs that cannot be started again: as many as a caller may be late with by a race."""


class UnknownMachine(LookupError):
    """No machine was created under this name."""


class Engine:
    """Interprets Amazon States Language (JSONPath subset) in one event loop; thousands of runs at a time.

    Everything but `create` must be called in the thread of the loop. Positions are journaled on every transition without
    being waited for: after a crash a run goes on from its last recorded position and may repeat the tasks after it, so
    tasks must be idempotent.
    """

    def __init__(
        self,
        invoke: Invoke,
        journal: Journal,
        *,
        clock: EngineClock | None = None,
        on_end: OnEnd | None = None,
    ) -> None:
        """`on_end` is awaited once per run, or again if the process dies during it. If it raises, the run is reported to
        the loop's exception handler and its end stays in the journal for the next `resume` to report."""
        self._journal = journal
        self._clock = clock or SystemClock()
        self._gate = Gate()
        self._callbacks = Callbacks(journal)
        self._around = Surroundings(invoke, journal, self._clock, self._gate, self._callbacks)
        self._on_end = on_end
        self._machines: dict[str, Machine] = {}
        self._runs: dict[str, tuple[Run, asyncio.Task[None]]] = {}
        self._ended: dict[str, None] = {}

    def create(self, name: str, definition: Mapping[str, Any]) -> None:
        """Check a machine and store it durably. The same again changes nothing.

        Raises `UnsupportedDefinition`, `ValueError` if the name stands for another definition.
        """
        stored = self._journal.machine(name)
        if stored is None:
            read = loads(dumps(dict(definition)))
            machine = compile_machine(name, read)
            self._journal.add_machine(name, read)
            self._machines[name] = machine
        elif canonical(stored) != canonical(dict(definition)):
            raise ValueError(f"the machine {name} exists with another definition")

    def delete(self, name: str) -> bool:
        """Forget a machine, durably. False while a run of it is under way; forgetting an unknown one changes nothing."""
        if any(run.machine == name for run, _ in self._runs.values()):
            return False
        self._journal.remove_machine(name)
        self._machines.pop(name, None)
        return True

    def start(self, machine: str, name: str, data: Json) -> bool:
        """Begin a run in the background. False if a run of that name exists, or ended just now.

        Raises `UnknownMachine`.
        """
        compiled = self._machine(machine)
        if name in self._runs or name in self._ended:
            return False
        now = self._clock.now()
        run = Run(name, machine, data, now, Frame(compiled.root.start, data, now))
        self._journal.save(name, run.position())
        self._launch(run, compiled)
        return True

    async def stop(self, name: str, error: str, cause: str) -> bool:
        """Abort a run, wherever it is. True once that is durable, False if none of that name is under way.

        A task under way is cancelled; what it returns all the same is discarded."""
        run, task = self._runs.get(name, (None, None))
        if run is None or task is None or run.end is not None:
            return False
        run.end = RunEnd(name, run.machine, "ABORTED", error, cause)
        self._journal.save(name, run.position())
        if run.walking:
            task.cancel()
        await self._journal.flush()
        return True

    async def send_task_success(self, token: str, output: Json) -> bool:
        """Answer a `.waitForTaskToken` task. True once the answer is durable, False if no task waits for the token."""
        return await self._callbacks.answer(token, {"output": output})

    async def send_task_failure(self, token: str, error: str, cause: str) -> bool:
        return await self._callbacks.answer(token, {"error": error, "cause": cause})

    async def resume(self) -> int:
        """Take up every unfinished run where the journal has it; returns how many. Call it before `start`."""
        positions = self._journal.runs()
        for name, position in positions.items():
            if name not in self._runs:
                run = Run.restore(name, position)
                self._launch(run, self._machine(run.machine))
        return len(positions)

    async def drain(self, seconds: float) -> None:
        """Take no further transitions, give tasks under way so long to finish, and leave every position recorded.

        The engine cannot be used afterwards; what is started meanwhile is recorded only.
        """
        self._gate.closed = True
        try:
            async with asyncio.timeout(seconds):
                await self._gate.emptied()
        except TimeoutError:
            pass  # what is still under way is repeated by the next resume
        tasks = [task for _, task in self._runs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._journal.flush()

    def is_running(self, name: str) -> bool:
        """Whether a run of that name is under way, its end not even about to be reported."""
        run, _ = self._runs.get(name, (None, None))
        return run is not None and run.end is None

    def running(self) -> int:
        """How many runs are under way."""
        return len(self._runs)

    def _machine(self, name: str) -> Machine:
        machine = self._machines.get(name)
        if machine is None:
            definition = self._journal.machine(name)
            if definition is None:
                raise UnknownMachine(name)
            machine = self._machines[name] = compile_machine(name, definition)
        return machine

    def _launch(self, run: Run, machine: Machine) -> None:
        if self._gate.closed:
            return
        task = asyncio.get_running_loop().create_task(self._drive(run, machine))
        self._runs[run.name] = (run, task)
        task.add_done_callback(partial(self._left, run))

    async def _drive(self, run: Run, machine: Machine) -> None:
        if run.end is None:
            run.end = await self._walked(run, machine)
            self._journal.save(run.name, run.position())
        if self._on_end is not None:
            with self._gate:
                await self._on_end(run.end)
        self._journal.remove(run.name)
        self._ended[run.name] = None
        if len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]

    async def _walked(self, run: Run, machine: Machine) -> RunEnd:
        ended = partial(RunEnd, run.name, run.machine)
        left = None if machine.timeout is None else run.start + machine.timeout - self._clock.now()
        if left is not None and left <= 0:
            return ended("TIMED_OUT", TIMEOUT, "")
        run.walking = True
        try:
            output = await within(left, Walk(run, machine, self._around).to_the_end())
        except TaskError as failure:
            return run.end or ended("FAILED", failure.error, failure.cause)
        except OutOfTime:
            return run.end or ended("TIMED_OUT", TIMEOUT, "")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if run.end is None or task is None:
                raise
            task.uncancel()  # it was `stop`: the end is still to be reported
            return run.end
        finally:
            run.walking = False
        return run.end or ended("SUCCEEDED", output=output)

    def _left(self, run: Run, task: asyncio.Task[None]) -> None:
        del self._runs[run.name]
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            task.get_loop().call_exception_handler(
                {"message": f"the run {run.name} stopped where it is", "exception": failure, "task": task}
            )

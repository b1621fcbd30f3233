"""Walks one run through its machine, as Amazon States Language prescribes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from flowker.model.exact_json import Json
from flowker_local.engine import instants
from flowker_local.engine.callbacks import Callbacks
from flowker_local.engine.clock import EngineClock
from flowker_local.engine.failure import NO_CHOICE_MATCHED, RUNTIME, TIMEOUT, TaskError
from flowker_local.engine.gate import Gate
from flowker_local.engine.journal import Journal
from flowker_local.engine.paths import Constant, ContextSource, Path
from flowker_local.engine.position import Finished, Frame, Run
from flowker_local.engine.states import (
    Branch,
    Choice,
    Fail,
    Machine,
    Map,
    Parallel,
    Pass,
    State,
    Task,
    Wait,
)
from flowker_local.engine.structured import OutOfTime, together, uncancelled, within

Invoke = Callable[[str, Json], Awaitable[Json]]
"""(resource, payload) -> result. Raises `TaskError` to fail the task; anything else is a bug and stops the run where it
is, to be taken up again by the next `resume`. The resource comes without `.waitForTaskToken`; such a task finds its token
in the payload, and its result is discarded."""

Item = tuple[int, Json]
"""Index and value of the Map item being worked on."""

_UNINTERRUPTED = 32
"""Transitions after which a run that never waits lets others go on."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runs share."""

    invoke: Invoke
    journal: Journal
    clock: EngineClock
    gate: Gate
    callbacks: Callbacks


class Walk:
    """One run on its way. A frame is changed only here, and every change is followed by `_moved`."""

    def __init__(self, run: Run, machine: Machine, around: Surroundings) -> None:
        self._run = run
        self._machine = machine
        self._around = around

    async def to_the_end(self) -> Json:
        """Walk on from the recorded position and return the output. Raises `TaskError`."""
        return await self._branch(self._machine.root, self._run.root, None)

    async def _branch(self, branch: Branch, frame: Frame, item: Item | None) -> Json:
        while True:
            output, following = await self._step(branch.states[frame.state], frame, item)
            if following is None:
                return output
            frame.enter(following, output, self._around.clock.now())
            self._moved()
            if self._around.gate.closed:
                await self._around.gate.park()
            if frame.visit % _UNINTERRUPTED == 0:
                await asyncio.sleep(0)

    def _moved(self) -> None:
        self._around.journal.save(self._run.name, self._run.position())

    async def _step(self, state: State, frame: Frame, item: Item | None) -> tuple[Json, str | None]:
        """One state with its retries: its output, and the state that follows."""
        while True:
            try:
                if frame.wake is not None:
                    await self._around.clock.sleep_until(frame.wake)
                return await self._attempt(state, frame, item)
            except TaskError as failure:
                if not self._will_retry(state, frame, failure.error):
                    catcher = state.catcher(failure.error)
                    if catcher is None:
                        raise
                    caught = {"Error": failure.error, "Cause": failure.cause}
                    return catcher.result_path.put(frame.input, caught), catcher.next
            self._moved()

    def _will_retry(self, state: State, frame: Frame, error: str) -> bool:
        index = state.retrier(error)
        if index is None:
            return False
        retrier, used = state.retry[index], frame.attempts.get(index, 0)
        if used >= retrier.attempts:
            return False
        frame.retry(index, self._around.clock.now() + retrier.delay(used))
        return True

    async def _attempt(self, state: State, frame: Frame, item: Item | None) -> tuple[Json, str | None]:
        context = partial(self._context, state, frame, item)
        data = frame.input if state.input_path is None else state.input_path.get(frame.input, context)
        following = _chosen(state, data, context) if isinstance(state, Choice) else state.next
        payload = data if state.parameters is None else state.parameters.find(data, context)
        result = await self._result(state, frame, item, payload, context)
        if state.result_selector is not None:
            result = state.result_selector.find(result, context)
        output = state.result_path.put(frame.input, result)
        return output if state.output_path is None else state.output_path.get(output, context), following

    async def _result(
        self, state: State, frame: Frame, item: Item | None, payload: Json, context: ContextSource
    ) -> Json:
        match state:
            case Task():
                return await self._task(state, frame, payload)
            case Pass(result=Constant() as result):
                return result.value
            case Wait():
                await self._around.clock.sleep_until(_wake(state, frame.entered, payload, context))
            case Parallel():
                return await self._parallel(state, frame, item, payload)
            case Map():
                return await self._map(state, frame, payload, context)
            case Fail():
                error, cause = (_text(path, payload, context) for path in (state.error, state.cause))
                raise TaskError(error, cause)
        return payload

    async def _task(self, state: Task, frame: Frame, payload: Json) -> Json:
        seconds: float | None = state.timeout
        if state.callback:
            work = self._callback(state, frame, payload)
            if seconds is not None:
                # The wait for a callback goes on across restarts, so its end is counted from its beginning.
                seconds += frame.began - self._around.clock.now()
        else:
            work = self._perform(state, payload)
        try:
            return await within(seconds, work)
        except OutOfTime:
            raise TaskError(TIMEOUT) from None

    async def _perform(self, state: Task, payload: Json) -> Json:
        if self._around.gate.closed:
            await self._around.gate.park()
        with self._around.gate:
            return await uncancelled(self._around.invoke(state.resource, payload))

    async def _callback(self, state: Task, frame: Frame, payload: Json) -> Json:
        with self._around.callbacks.expected(self._run, frame) as answered:
            if not frame.invoked and not answered.done():
                try:
                    await self._perform(state, payload)
                except TaskError:
                    if not answered.done():
                        raise
                frame.invoked = True
                frame.touch()
                self._moved()
            await answered
        if "output" in frame.answer:
            return frame.answer["output"]
        raise TaskError(frame.answer["error"], frame.answer["cause"])

    async def _parallel(self, state: Parallel, frame: Frame, item: Item | None, payload: Json) -> Json:
        count = len(state.branches)
        return await self._fork(
            frame, count, count, lambda index: (state.branches[index], item), lambda _index: payload
        )

    async def _map(self, state: Map, frame: Frame, data: Json, context: ContextSource) -> Json:
        items = data if state.items is None else state.items.get(data, context)
        if not isinstance(items, list):
            raise TaskError(RUNTIME, "a Map state needs an array of items")

        def selected(index: int) -> Json:
            if state.selector is None:
                return items[index]
            return state.selector.find(data, partial(self._context, state, frame, (index, items[index])))

        return await self._fork(
            frame,
            len(items),
            state.concurrency,
            lambda index: (state.processor, (index, items[index])),
            selected,
        )

    async def _fork(
        self,
        frame: Frame,
        count: int,
        limit: int,
        path: Callable[[int], tuple[Branch, Item | None]],
        begin: Callable[[int], Json],
    ) -> list[Json]:
        """Walk the children that are not finished, at most `limit` at a time; `begin` makes the input of a new one."""
        children = frame.fork(count)
        unfinished = iter([i for i, child in enumerate(children) if not isinstance(child, Finished)])

        async def work() -> None:
            for index in unfinished:
                branch, item = path(index)
                child = children[index]
                if not isinstance(child, Frame):
                    now = self._around.clock.now()
                    child = Frame(branch.start, begin(index), now, parent=frame, index=index)
                    children[index] = child
                    self._moved()
                children[index] = Finished(await self._branch(branch, child, item))
                frame.touch()
                self._moved()

        await together(work() for _ in range(min(limit, count)))
        return [child.output for child in children if isinstance(child, Finished)]

    def _context(self, state: State, frame: Frame, item: Item | None) -> Json:
        run = self._run
        arn = f"arn:aws:states:local:000000000000:{{}}:{run.machine}"
        context: dict[str, Json] = {
            "Execution": {
                "Id": f"{arn.format('execution')}:{run.name}",
                "Name": run.name,
                "Input": run.input,
                "StartTime": instants.timestamp(run.start),
            },
            "StateMachine": {"Id": arn.format("stateMachine"), "Name": run.machine},
            "State": {
                "Name": state.name,
                "EnteredTime": instants.timestamp(frame.entered),
                "RetryCount": frame.retries,
            },
        }
        if isinstance(state, Task) and state.callback:
            context["Task"] = {"Token": self._around.callbacks.token(run, frame)}
        if item is not None:
            context["Map"] = {"Item": {"Index": item[0], "Value": item[1]}}
        return context


def _chosen(state: Choice, data: Json, context: ContextSource) -> str:
    for rule, following in state.rules:
        if rule(data, context):
            return following
    if state.default is None:
        raise TaskError(NO_CHOICE_MATCHED, f"no rule of {state.name} matched, and it has no Default")
    return state.default


def _wake(state: Wait, entered: float, data: Json, context: ContextSource) -> float:
    if state.timestamp is not None:
        return state.timestamp
    if state.seconds is not None:
        return entered + state.seconds
    if state.seconds_path is not None:
        return entered + _seconds(state.seconds_path, data, context)
    path = state.timestamp_path or Path("$")
    try:
        return instants.seconds(_text(path, data, context))
    except ValueError as error:
        raise TaskError(RUNTIME, str(error)) from None


def _seconds(path: Path, data: Json, context: ContextSource) -> float:
    value = path.get(data, context)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value < 0 or value % 1:
        raise TaskError(RUNTIME, f"'{path.text}' must be a whole number of seconds, 0 or more")
    return float(value)


def _text(path: Path | Constant, data: Json, context: ContextSource) -> str:
    value = path.get(data, context)
    if not isinstance(value, str):
        raise TaskError(RUNTIME, "a path leads to something that is not a text")
    return value

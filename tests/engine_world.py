"""A world for the embedded engine in which waiting costs nothing: a loop whose time passes only when all is idle, a clock
that follows it, a journal in memory, and tasks that are plain functions."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowker.model.exact_json import Json, dumps, loads
from flowker_local.engine import Engine, Journal, RunEnd

T = TypeVar("T")
Work = Callable[[Json], Any]
"""What a resource does with its payload: a function, or a coroutine function."""

EPOCH = 1_772_359_200.0  # 2026-03-01T10:00:00Z


class _ImpatientSelector(selectors.SelectSelector):
    """Instead of waiting for a timer, says how long it would have taken. Waits for other threads all the same."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None:
            self.elapsed += max(timeout, 0)
        return ready


class InstantLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._impatient = _ImpatientSelector()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.elapsed


class InstantClock:
    """The clock of an instant loop, starting at a given moment."""

    def __init__(self, start: float = EPOCH) -> None:
        self._start = start

    def now(self) -> float:
        return self._start + asyncio.get_running_loop().time()

    async def sleep_until(self, moment: float) -> None:
        while (left := moment - self.now()) > 0:
            await asyncio.sleep(left)


class MemoryJournal:
    """The journal in dictionaries; keeps texts, so that what it gives back is a copy."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, str]] = []
        self._positions: dict[str, str] = {}
        self._machines: dict[str, str] = {}

    def key(self) -> bytes:
        return b"k" * 32

    def add_machine(self, name: str, definition: Json) -> None:
        self._machines[name] = dumps(definition)

    def remove_machine(self, name: str) -> None:
        self._machines.pop(name, None)

    def machine(self, name: str) -> Json:
        text = self._machines.get(name)
        return None if text is None else loads(text)

    def save(self, name: str, position: Json) -> None:
        self._positions[name] = dumps(position)
        self.saved.append((name, self._positions[name]))

    def remove(self, name: str) -> None:
        self._positions.pop(name, None)

    async def flush(self) -> None:
        pass

    def runs(self) -> dict[str, Json]:
        return {name: loads(text) for name, text in self._positions.items()}


def instantly(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=InstantLoop) as runner:
        return runner.run(main)


@dataclass
class World:
    """An engine with its tasks; `calls` are (seconds since the start, resource, payload), `ends` the runs that ended."""

    tasks: Mapping[str, Work] = field(default_factory=dict)
    journal: Journal = field(default_factory=MemoryJournal)
    start: float = EPOCH
    calls: list[tuple[float, str, Json]] = field(default_factory=list)
    ends: dict[str, RunEnd] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = InstantClock(self.start)
        self.engine = Engine(self._invoke, self.journal, clock=self.clock, on_end=self._on_end)
        self._ended = asyncio.Event()

    async def run(self, definition: Mapping[str, Any], data: Json = None, name: str = "run") -> RunEnd:
        self.engine.create("machine", definition)
        assert self.engine.start("machine", name, {} if data is None else data)
        return await self.end(name)

    async def end(self, name: str = "run") -> RunEnd:
        while name not in self.ends:
            self._ended.clear()
            await self._ended.wait()
        return self.ends[name]

    @property
    def elapsed(self) -> float:
        return round(self.clock.now() - self.start, 3)

    def times(self, resource: str) -> list[float]:
        return [at for at, called, _ in self.calls if called == resource]

    def payloads(self, resource: str) -> list[Json]:
        return [payload for _, called, payload in self.calls if called == resource]

    async def _invoke(self, resource: str, payload: Json) -> Json:
        self.calls.append((self.elapsed, resource, payload))
        result = self.tasks[resource](payload)
        return await result if asyncio.iscoroutine(result) else result

    async def _on_end(self, end: RunEnd) -> None:
        self.ends[end.name] = end
        self._ended.set()


def play(definition: Mapping[str, Any], data: Json = None, tasks: Mapping[str, Work] | None = None) -> RunEnd:
    """Run a machine once, in a world of its own."""

    async def main() -> RunEnd:
        return await World(tasks or {}).run(definition, data)

    return instantly(main())


def states(**named: Mapping[str, Any]) -> dict[str, Any]:
    """A machine that starts at the first state; a state without a way on leads to the next one, the last one ends."""
    names = list(named)
    completed: dict[str, Any] = {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        state = dict(named[name])
        if state["Type"] not in ("Choice", "Succeed", "Fail") and not {"Next", "End"} & set(state):
            state.update({"End": True} if following is None else {"Next": following})
        completed[name] = state
    return {"StartAt": names[0], "States": completed}


def task(resource: str = "work", **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **more}

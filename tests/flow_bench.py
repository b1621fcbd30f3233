"""Store a flow, run it on the embedded engine with the real worker, and tell what was recorded.

Stores are in memory, scripts run in this process, time passes only when all is idle, and services are functions of what they
are sent.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flowker import wiring
from flowker.adapters.items import Item, Key, Query, Table, Write
from flowker.adapters.stepfunctions import STOPPED, state_input
from flowker.compiler.compile import content_name
from flowker.compiler.flows.tasks import CALLBACK
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.errors import FlowkerError, NodeError, StoreUnavailable
from flowker.events import record_execution, run_node
from flowker.expressions.scripts import quickjs_engine
from flowker.model import exact_json
from flowker.model.execution import Execution, run_name
from flowker.model.run import NumberedEvent, status_of
from flowker.model.workflow import MachineType
from flowker.ports import Http
from flowker.ports.runs import Scripts
from flowker.settings import Settings
from flowker.usecases.flow_drafts import FlowDraft
from flowker.usecases.runs import RunView
from flowker.wiring.flows import flows
from flowker.wiring.runs import run_store, runs
from flowker.wiring.secrets import secret_store
from flowker_local.engine import Engine, RunEnd, TaskError
from tests.engine_world import EPOCH, InstantClock, InstantLoop, MemoryJournal
from tests.fakes import CountingIds, MemoryBlobs, MemoryTable, PlainCipher, RecordingTimer
from tests.harness import Answer, FakeHttp

ACCOUNT = "account-1"

Happening = Callable[["FlowBench"], object]


class CountedTable:
    """A table that counts its requests, see `counts`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.counts: Counter[str] = Counter()

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        self.counts["reads"] += 1
        return self._table.get(keys)

    def query(self, query: Query) -> list[Item]:
        self.counts["reads"] += 1
        return self._table.query(query)

    def write(self, writes: Sequence[Write]) -> None:
        self.counts["writes"] += 1
        self._table.write(writes)


class _Scripts:
    """`troubles` are the next calls that find no function, `meanwhile` is done once, during one."""

    def __init__(self) -> None:
        self.calls = 0
        self.troubles = 0
        self.meanwhile: Callable[[], object] | None = None

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.calls += 1
        if self.troubles:
            self.troubles -= 1
            raise StoreUnavailable("throttled")
        if self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            happening()
        return quickjs_engine.evaluate(exact_json.loads(exact_json.dumps(request)))


class _Clock:
    """The loop's time and what workers have slept, and always a little later than before."""

    def __init__(self) -> None:
        self.slept = 0.0
        self._last = 0

    def now(self) -> datetime:
        self._last += 1
        passed = asyncio.get_running_loop().time() if _in_loop() else 0.0
        return datetime.fromtimestamp(EPOCH, UTC) + timedelta(
            seconds=passed + self.slept, milliseconds=self._last
        )

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


def _in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Machines:
    """The embedded engine of the run at hand. What is started before there is one waits for it."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.engine: Engine | None = None
        self.waiting: list[tuple[str, str, Any]] = []
        self.background: set[asyncio.Future[Any]] = set()
        self.legs = 0
        self.unavailable = False

    def reference(self, definition: Any, kind: MachineType) -> str:
        return content_name(kind, definition)

    def publish(self, definition: Any, kind: MachineType) -> str:
        name = self.reference(definition, kind)
        self.definitions[name] = definition
        return name

    def delete(self, reference: str) -> None:
        raise AssertionError("not used")

    def start(self, execution: Execution) -> bool:
        self.begin(execution.launch.machine, execution.id, state_input(execution))
        return False

    def resume(self, execution: Execution, at: Mapping[str, Any], leg: int) -> None:
        self.legs = max(self.legs, leg)
        self.begin(execution.launch.machine, run_name(execution.id, leg), state_input(execution, at))

    def begin(self, machine: str, name: str, data: Any) -> None:
        if self.unavailable:
            raise StoreUnavailable("throttled")
        if self.engine is None:
            self.waiting.append((machine, name, data))
            return
        self.engine.create(machine, self.definitions[machine])
        self.engine.start(machine, name, data)

    def stop(self, execution: Execution) -> None:
        if self.engine is not None:
            self._later(self.engine.stop(run_name(execution.id, execution.leg), STOPPED, ""))

    def answer(self, token: str, output: Any) -> bool:
        assert self.engine is not None
        self._later(self.engine.send_task_success(token, output))
        return True

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def wait(self, execution_id: str, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def no_calls(request: Any) -> tuple[int, Any]:
    raise AssertionError(f"{request.url} was called")


@dataclass
class Ran:
    """What is left of a run."""

    bench: "FlowBench"
    view: RunView
    events: Sequence[NumberedEvent]
    ends: Sequence[RunEnd]

    @property
    def status(self) -> str:
        return status_of(self.view.execution).value

    @property
    def result(self) -> Any:
        return self.view.result

    @property
    def error(self) -> str | None:
        outcome = self.view.execution.outcome
        return outcome.error_message if outcome else None

    @property
    def nodes(self) -> list[str]:
        """The nodes that were entered, in order."""
        return [
            event.node_id or ""
            for event in self.events
            if event.kind == "execution_update" and event.status == "running"
        ]

    def logs(self, level: str | None = None) -> list[str]:
        return [
            event.message or ""
            for event in self.events
            if event.kind == "log" and level in (None, event.level)
        ]


class FlowBench:
    """Each `run` is a run of its own; `deliveries` is how often each task is delivered."""

    def __init__(
        self,
        answer: Answer = no_calls,
        *,
        deliveries: int = 1,
        table: Table | None = None,
        scripts: Scripts | None = None,
        **settings: Any,
    ) -> None:
        self.http = FakeHttp(answer)
        self.machines = _Machines()
        self.clock = _Clock()
        self.scripts = _Scripts()
        self.timer = RecordingTimer()
        self.table = CountedTable(table or MemoryTable())
        self.tasks: list[tuple[str, str, Counter[str]]] = []
        """Node, phase, and how many requests to the table each task took."""
        self._deliveries = deliveries
        self._happenings: list[tuple[float, Happening]] = []
        self.ends: list[RunEnd] = []
        self.current = ""
        """The run at hand."""
        http: Http = self.http
        self._home = wiring.Home(
            settings=Settings(authenticate=False, engine="standard", **settings),
            table=self.table,
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=self.machines,
            completions=self.machines,
            http=lambda: http,
            probes={},
            clock=self.clock,
            ids=CountingIds(),
            sleep=self.clock.sleep,
            scripts=lambda: scripts or self.scripts,
            timer=lambda: self.timer,
        )
        wiring.use(self._home)

    def use(self) -> None:
        """Make this bench the home, whatever another test has left behind."""
        if wiring.home() is not self._home:
            wiring.use(self._home)

    def secret(self, key: str, value: str) -> None:
        self.use()
        secret_store().put(ACCOUNT, key, value, "2026-03-01T10:00:00.000Z")

    def create(self, definition: str) -> str:
        """The id of a new flow."""
        self.use()
        draft = FlowDraft(name="sample", definition=definition)
        return flows().create(ACCOUNT, draft).flow.id

    def at(self, seconds: float, happening: Happening) -> None:
        """Let something happen so long after the start of the next run."""
        self._happenings.append((seconds, happening))

    def run(self, definition: str, data: Mapping[str, Any] | None = None) -> Ran:
        """Run a flow to its end."""
        flow_id = self.create(definition)
        return self.run_flow(flow_id, data or {})

    def run_flow(self, flow_id: str, data: Mapping[str, Any]) -> Ran:
        self.use()
        started = runs().start(ACCOUNT, flow_id, data)
        self.current = started.execution.id
        return self.finish(self.current)

    def finish(self, run_id: str) -> Ran:
        """Let the engine run until nothing is left to do."""
        loop = InstantLoop()
        try:
            loop.run_until_complete(self._drive())
        finally:
            self.machines.engine = None
            loop.close()
        view = runs().get(ACCOUNT, run_id)
        return Ran(self, view, run_store().events(run_id, 0), list(self.ends))

    async def _drive(self) -> None:
        engine = self.machines.engine = Engine(
            self._invoke, MemoryJournal(), clock=InstantClock(), on_end=self._ended
        )
        while self.machines.waiting:
            self.machines.begin(*self.machines.waiting.pop(0))
        happening = [asyncio.create_task(self._happen(*each)) for each in self._happenings]
        self._happenings = []
        while engine.running() or any(not each.done() for each in happening):
            await asyncio.sleep(0.25)
        await asyncio.gather(*happening, *self.machines.background)
        await engine.drain(1)

    async def _happen(self, seconds: float, happening: Happening) -> None:
        await asyncio.sleep(seconds)
        happening(self)

    async def _ended(self, end: RunEnd) -> None:
        self.ends.append(end)
        if end.status != "SUCCEEDED" and end.error != "ExecutionFailed":
            detail = {"name": end.name, "status": end.status, "error": end.error, "cause": end.cause}
            record_execution.handle({"detail": detail}, None)

    async def _invoke(self, resource: str, payload: Any) -> Any:
        if resource == RECORD_EXECUTION:
            return record_execution.handle(payload, None)
        if resource == CALLBACK.removesuffix(".waitForTaskToken"):
            resource, payload = payload["FunctionName"], payload["Payload"]
        assert resource == RUN_NODE
        answers = []
        for _ in range(self._deliveries):
            before = Counter(self.table.counts)
            answers.append(self._task(payload))
            self.tasks.append((payload["node"], payload.get("phase", ""), self.table.counts - before))
        assert all(str(answer) == str(answers[0]) for answer in answers), answers
        if isinstance(answers[0], TaskError):
            raise answers[0]
        return answers[0]

    def _task(self, payload: Any) -> Any:
        try:
            return exact_json.loads(exact_json.dumps(run_node.handle(payload, None)))
        except (NodeError, FlowkerError) as error:
            return TaskError(type(error).__name__, str(error))

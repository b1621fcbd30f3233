"""Compile a graph, run it on the embedded engine with the real worker, and tell what was recorded.

Stores are in memory, time passes only when all is idle, and providers are functions of what they are sent.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowker import wiring
from flowker.adapters.stepfunctions import state_input
from flowker.compiler.compile import compile_graph
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.errors import FlowkerError, NodeError
from flowker.events import record_execution, run_node
from flowker.model import exact_json
from flowker.model.execution import Execution, ExecutionStatus
from flowker.model.graph import Graph
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.model.workflow import Launch, MachineType
from flowker.ports import Http
from flowker.settings import Settings
from flowker.usecases.executions import Results
from flowker_local.engine import Engine, RunEnd, TaskError
from tests.engine_world import InstantClock, InstantLoop, MemoryJournal
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher

Answer = Callable[[OutboundRequest], tuple[int, Any]]
"""A provider: what it is sent to (status, JSON body)."""

CONFIGURATION = "11111111-1111-4111-8111-111111111111"
NOW = "2026-03-01T10:00:00.000Z"


def digest_of_body(request: OutboundRequest) -> tuple[int, Any]:
    """Answers with a digest of what was sent, so that an output proves what the node saw."""
    return 200, {"saw": exact_json.digest(exact_json.loads(request.body or b"null"))}


@dataclass
class FakeHttp:
    """Providers without a network."""

    answer: Answer
    calls: list[OutboundRequest] = field(default_factory=list)

    def judge(self, url: str, timeout: float) -> None:
        """Everything may be called."""

    def send(self, request: OutboundRequest) -> OutboundResponse:
        self.calls.append(request)
        status, body = self.answer(request)
        headers = {"Content-Type": "application/json"}
        return OutboundResponse(status, "OK", request.url, headers, exact_json.dumps(body).encode())


class _Nowhere:
    """Nothing is published or started through ports here: the bench drives the engine itself."""

    def reference(self, definition: Any, kind: MachineType) -> str:
        raise AssertionError("not used")

    def delete(self, reference: str) -> None:
        raise AssertionError("not used")

    def publish(self, definition: Any, kind: MachineType) -> str:
        raise AssertionError("not used")

    def start(self, execution: Execution) -> bool:
        raise AssertionError("not used")

    def resume(self, execution: Execution, at: Mapping[str, Any], leg: int) -> None:
        raise AssertionError("not used")

    def answer(self, token: str, output: Any) -> bool:
        raise AssertionError("not used")

    def stop(self, execution: Execution) -> None:
        raise AssertionError("not used")

    def wait(self, execution_id: str, seconds: float) -> None:
        raise AssertionError("not used")


@dataclass
class Ran:
    """What is left of an execution."""

    results: Results
    end: RunEnd
    ends: Sequence[RunEnd]
    """Of all runs."""

    @property
    def status(self) -> str:
        return self.results.execution.status

    @property
    def steps(self) -> list[tuple[str, Any]]:
        return [(step.node_id, step.output) for step in self.results.steps]


def add_configuration(
    configuration_id: str = CONFIGURATION, provider_id: str = "http", config: Mapping[str, Any] | None = None
) -> None:
    """Store a provider configuration, unless told otherwise the one that executors call."""
    wiring.provider_configuration_store().add(
        ProviderConfiguration(
            id=configuration_id,
            name=f"bench {provider_id}",
            provider_id=provider_id,
            config=config or {"base_url": "http://provider.test"},
            status=ProviderConfigurationStatus.ACTIVE,
            created_at=NOW,
            updated_at=NOW,
        )
    )


def accept(graph: Graph, entry: str, data: Any, machine: str) -> Execution:
    """Store the snapshot and a pending execution of it."""
    revision = exact_json.digest(graph.document())
    wiring.workflow_store().keep_revision(revision, graph)
    total = sum(node.type != "trigger" for node in graph.nodes)
    launch = Launch(workflow_id="w", revision=revision, machine=machine, total_steps=total, entry=entry)
    execution = Execution(
        id=wiring.home().ids.new(), launch=launch, status=ExecutionStatus.PENDING, started_at=NOW
    )
    wiring.execution_store().add(execution, data, None)
    return execution


class Bench:
    """Each `run` is an execution of its own."""

    def __init__(self, answer: Answer = digest_of_body) -> None:
        self.http = FakeHttp(answer)
        nowhere = _Nowhere()
        http: Http = self.http
        self._home = wiring.Home(
            settings=Settings(authenticate=False),
            table=MemoryTable(),
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=nowhere,
            completions=nowhere,
            http=lambda: http,
            probes={},
            clock=ManualClock(),
            ids=CountingIds(),
        )
        wiring.use(self._home)
        add_configuration()

    def run(self, graph: Graph, entry: str, data: Any, runs: int = 1) -> Ran:
        """Run to the end on the embedded engine, whatever home another test has left behind. With several `runs` of the one
        execution they take turns, state by state."""
        if wiring.home() is not self._home:
            wiring.use(self._home)
        machine = compile_graph(graph, entry)
        execution = accept(graph, entry, data, "machine")
        ends: list[RunEnd] = []

        async def ended(end: RunEnd) -> None:
            ends.append(end)

        loop = InstantLoop()
        try:
            loop.run_until_complete(self._drive(machine.definition, execution, ended, runs))
        finally:
            loop.close()
        return Ran(wiring.executions().results(execution.id), ends[0], ends)

    async def _drive(self, definition: Any, execution: Execution, ended: Any, runs: int) -> None:
        engine = Engine(_invoke, MemoryJournal(), clock=InstantClock(), on_end=ended)
        engine.create("machine", definition)
        for number in range(runs):
            engine.start("machine", f"{execution.id}-{number}", state_input(execution))
        while engine.running():
            await asyncio.sleep(1)
        await engine.drain(1)


async def _invoke(resource: str, payload: Any) -> Any:
    handle = {RUN_NODE: run_node.handle, RECORD_EXECUTION: record_execution.handle}[resource]
    try:
        return handle(payload, None)
    except (NodeError, FlowkerError) as error:
        raise TaskError(type(error).__name__, str(error)) from error

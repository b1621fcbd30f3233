"""A sample of the random graphs on emulated AWS: DynamoDB stores, Step Functions, the very definitions we deploy.

Slow, because the emulator starts a thread per branch and makes a client per task: about half a second per execution.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from flowker import wiring
from flowker.compiler.compile import compile_graph
from flowker.model.graph import Graph
from flowker.model.workflow import MachineType
from flowker.settings import Settings
from flowker_local.moto_home import MotoHome
from tests.harness import FakeHttp, accept, add_configuration, digest_of_body
from tests.properties.test_semantics import connected, told
from tests.strategies import FACTS, graphs, nested_graphs

SECONDS = 60.0


@pytest.fixture(scope="module")
def _emulated() -> Iterator[None]:
    home = MotoHome(Settings(authenticate=False))
    home.open()
    http = FakeHttp(digest_of_body)
    wiring.use(replace(wiring.home(), http=lambda: http))
    add_configuration()
    yield
    home.shut()


def run_on_moto(graph: Graph) -> Any:
    """Publish, start and wait for the end as the product does."""
    machine = compile_graph(graph, "start")
    machines = wiring.home().machines
    reference = machines.publish(machine.definition, MachineType.STANDARD)
    execution = accept(graph, "start", FACTS, reference)
    machines.start(execution)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if wiring.executions().get(execution.id).status.terminal:
            return wiring.executions().results(execution.id)
        time.sleep(0.02)
    raise TimeoutError(f"no end after {SECONDS} s")


@pytest.mark.usefixtures("_emulated")
@pytest.mark.timeout(300)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(graphs(most_nodes=12) | nested_graphs())
def test_compiled_graphs_do_the_same_on_emulated_aws(graph: Graph) -> None:
    graph = connected(graph)
    story = told(graph)
    results = run_on_moto(graph)
    assert results.execution.status == story.status == "completed"
    assert [(step.node_id, step.output) for step in results.steps] == story.steps

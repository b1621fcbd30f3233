"""Random flows mean the same to the reference interpreter and to compiler and engine together."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.compiler.flows.compile import compile_flow
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.errors import NodeError
from flowker.model.graph import Graph
from flowker_local.engine import RunEnd, TaskError
from tests.engine_world import World, instantly
from tests.flow_reference import Script, interpret
from tests.flow_strategies import flows
from tests.flow_worker import SHAPES, ScriptedWorker

LONGEST = 86_400


def perform(graph: Graph, script: Script, relay_after: int = 0) -> tuple[ScriptedWorker, list[RunEnd]]:
    """Compile the flow and run it on the embedded engine, with all its legs."""
    definition = compile_flow(graph, LONGEST, SHAPES).definition

    async def main() -> tuple[ScriptedWorker, list[RunEnd]]:
        answering = []

        def signal(token: str, output: Any) -> None:
            answering.append(world.engine.send_task_success(token, output))

        worker = ScriptedWorker(graph, script, signal, relay_after, continuable(definition))

        async def invoke(payload: Any) -> Any:
            try:
                answer = worker(payload.get("Payload", payload))
            except NodeError as error:
                raise TaskError(type(error).__name__, str(error)) from error
            while answering:
                assert await answering.pop()
            return answer

        world = World(
            {RUN_NODE: invoke, "arn:aws:states:::lambda:invoke": invoke, RECORD_EXECUTION: _recorded}
        )
        world.engine.create("machine", definition)
        at: Mapping[str, Any] = {"step": "0"}
        ends: list[RunEnd] = []
        while True:
            name = f"run.{len(ends)}"
            world.engine.start("machine", name, {"executionId": "x", "revision": "r", "at": at})
            ends.append(await world.end(name))
            if len(worker.relayed) < len(ends):
                return worker, ends
            at = worker.relayed[-1]

    return instantly(main())


def continuable(definition: Mapping[str, Any]) -> set[str]:
    """The nodes that a later leg can begin with."""
    rules = definition["States"].get("execution.entry", {"Choices": []})["Choices"]
    return {rule["StringEquals"] for rule in rules if "StringEquals" in rule}


def _recorded(payload: Any) -> Any:
    raise AssertionError(f"an error that nobody expected: {payload}")


@settings(max_examples=60, deadline=None)
@given(flows(), st.integers(0, 1000))
def test_compiled_flows_do_what_the_reference_interpreter_does(graph: Graph, seed: int) -> None:
    script = Script(seed)
    story = interpret(graph, script)
    worker, (end,) = perform(graph, script)
    assert worker.steps == story.steps
    assert (end.status == "FAILED") is story.failed
    assert end.status in ("SUCCEEDED", "FAILED")
    assert end.error in (None, "ExecutionFailed")


@settings(max_examples=30, deadline=None)
@given(flows(), st.integers(0, 1000), st.integers(1, 5))
def test_a_flow_that_goes_on_in_fresh_runs_does_the_same(graph: Graph, seed: int, relay_after: int) -> None:
    script = Script(seed)
    story = interpret(graph, script)
    worker, ends = perform(graph, script, relay_after)
    assert worker.steps == story.steps
    assert (ends[-1].status == "FAILED") is story.failed

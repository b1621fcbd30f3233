"""Express or Standard (architecture §4, decision 18)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.compiler.compile import Machine, compile_graph
from flowker.compiler.engine import choose
from flowker.model.graph import Graph
from flowker.model.workflow import MachineType
from flowker.settings.variables import EngineSetting
from tests.engine_world import states, task
from tests.samples import edge, executor, set_output, trigger

QUICK, SLOW = 10, 45

CONFIGURATION = "11111111-1111-4111-8111-111111111111"


def machine(timeout: float) -> Machine:
    """One call: 5 timeouts and 4 waits of 8 s, 31 s for an overloaded store, and 31 s to record a failure."""
    call = executor("call", CONFIGURATION, timeout=timeout)
    document = {"nodes": [trigger("start"), call], "edges": [edge("start", "call")]}
    return compile_graph(Graph.model_validate(document), "start")


def with_callback() -> Machine:
    waiting = states(a=task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", TimeoutSeconds=5))
    graph = Graph.model_validate(
        {"nodes": [trigger("start"), set_output("a")], "edges": [edge("start", "a")]}
    )
    return Machine(waiting, compile_graph(graph, "start").units)


def test_what_ends_within_five_minutes_at_the_worst_runs_on_express() -> None:
    engine = choose([machine(QUICK)])
    assert (engine.type, engine.worst_case_seconds) == (MachineType.EXPRESS, 5 * 10 + 32 + 31 + 31)
    assert (
        engine.reason == "an execution takes 144 seconds at the worst, less than the 300 that Express allows"
    )


@pytest.mark.parametrize(
    ("timeout", "kind"), [(41, "express"), (Decimal("41.1"), "express"), (42, "standard")]
)
def test_less_than_five_minutes_is_less(timeout: Any, kind: str) -> None:
    assert choose([machine(timeout)]).type == kind


def test_exactly_five_minutes_are_too_long() -> None:
    engine = choose([machine(41.2)])
    assert (engine.type, engine.worst_case_seconds) == (MachineType.STANDARD, 300)
    assert "not less than the 300" in engine.reason


def test_all_triggers_of_a_workflow_run_on_what_the_longest_needs() -> None:
    assert choose([machine(QUICK), machine(SLOW)]).type is MachineType.STANDARD
    assert choose([machine(SLOW), machine(QUICK)]).worst_case_seconds == 5 * SLOW + 32 + 31 + 31


@pytest.mark.parametrize(("setting", "timeout"), [("express", SLOW), ("standard", QUICK)])
def test_the_deployment_may_say_otherwise(setting: EngineSetting, timeout: float) -> None:
    engine = choose([machine(timeout)], setting)
    assert (engine.type, engine.reason) == (setting, "set for the whole deployment")
    assert engine.worst_case_seconds == 5 * timeout + 32 + 31 + 31


@pytest.mark.parametrize("setting", ["auto", "express", "standard"])
def test_callbacks_need_standard_whatever_is_set(setting: EngineSetting) -> None:
    engine = choose([with_callback()], setting)
    assert (engine.type, engine.reason) == (
        MachineType.STANDARD,
        "it waits for callbacks, which Express cannot",
    )


def test_the_price_is_that_of_the_dearest_trigger_in_cents() -> None:
    both = choose([machine(QUICK), with_more_tasks()]).price
    assert both == choose([with_more_tasks()]).price
    assert both.standard > choose([machine(QUICK)]).price.standard
    assert both.standard == both.standard.quantize(Decimal("0.01"))
    assert both.standard > both.express


def with_more_tasks() -> Machine:
    names = [f"n{number}" for number in range(5)]
    edges = [edge(source, target) for source, target in zip(["start", *names], names, strict=False)]
    nodes = [trigger("start"), *(executor(name, CONFIGURATION) for name in names)]
    return compile_graph(Graph.model_validate({"nodes": nodes, "edges": edges}), "start")

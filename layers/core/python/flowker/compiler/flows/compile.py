"""One flow in, one state machine out."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from flowker.compiler.compile import MOST_BYTES
from flowker.compiler.duration import worst_case
from flowker.compiler.flows.emit import emit
from flowker.compiler.flows.regions import Problem, Shapes, regions
from flowker.compiler.flows.routing import entry
from flowker.compiler.flows.times import call_seconds, pause_seconds
from flowker.compiler.policy import RUN_NODE
from flowker.errors import DefinitionTooLarge
from flowker.model import exact_json
from flowker.model.graph import Graph

UNSUPPORTED_SHAPE = "unsupported_shape"
"""The code of what no state machine can do."""


class UnsupportedShape(Exception):
    """The flow has a shape that no state machine can take; `problems` say where."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the flow cannot be run")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class FlowMachine:
    """A compiled flow. Equal flows give equal definitions, which share a state machine."""

    definition: dict[str, Any]
    worst_case: float
    """Seconds that a run takes at most, before its time limit; infinity where nothing bounds it."""


def compile_flow(graph: Graph, longest: int, shapes: Shapes) -> FlowMachine:
    """The state machine that runs a flow for at most `longest` seconds. Raises `UnsupportedShape`, `DefinitionTooLarge`."""
    region, problems = regions(graph, entry(graph), shapes)
    if problems:
        raise UnsupportedShape(problems)
    definition = emit(graph, region, shapes, longest)
    if len(exact_json.dumps(definition)) > MOST_BYTES:
        raise DefinitionTooLarge("the compiled state machine exceeds 1 MB")
    return FlowMachine(definition, _worst_case(graph, definition))


def _worst_case(graph: Graph, definition: dict[str, Any]) -> float:
    nodes = {node.id: node for node in graph.nodes}
    pauses = {name: pause_seconds(node) for name, node in nodes.items()}
    straight = deepcopy(definition)
    _straighten(straight, {name: seconds for name, seconds in pauses.items() if seconds is not None})
    calls = {name: call_seconds(nodes[node]) for name, node in _tasks(straight)}
    return worst_case(straight, calls)


def _tasks(machine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names of the tasks that call the worker, each with its node, in branches too."""
    for name, state in machine["States"].items():
        if state.get("Resource") == RUN_NODE:
            yield name, state["Parameters"]["node"]
        for branch in state.get("Branches", ()):
            yield from _tasks(branch)


def _straighten(machine: dict[str, Any], pauses: Mapping[str, float]) -> None:
    """Make each node that waits for a time of its own wait exactly once, instead of asking whether to wait again."""
    states = machine["States"]
    for name, state in states.items():
        for branch in state.get("Branches", ()):
            _straighten(branch, pauses)
        if "SecondsPath" not in state:
            continue
        resuming = states[state["Next"]]
        seconds, asking = pauses.get(resuming["Parameters"]["node"]), resuming["Next"]
        if seconds is None:
            continue
        for other in states.values():
            if other is not resuming and other.get("Next") == asking:
                other["Next"] = name
        del state["SecondsPath"]
        state["Seconds"] = seconds
        rules = states[asking]["Choices"]
        states[asking]["Choices"] = [rule for rule in rules if rule["Next"] != name]

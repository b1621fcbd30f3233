"""What a workflow means, in the plainest words: the arbiter of compiler and engine (architecture §4).

A node runs once, when every incoming edge from a reachable node is resolved and at least one is live; if all are dead it
is dead, and so are its outgoing edges. Among ready nodes the walk goes depth first, along the edges' order. A node sees
what its ancestors contributed. The first failure ends the execution.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from flowker.expressions.conditions import parse
from flowker.expressions.problems import EvaluationError
from flowker.model.graph import Edge, Graph, Node

Perform = Callable[[Node, dict[str, Any]], Any]
"""Does a node's work: (node, context) to its output; raises `EvaluationError` when it fails."""


@dataclass
class Story:
    """What happened: (node id, output) in order, the node or edge that failed, the context after all of it."""

    steps: list[tuple[str, Any]] = field(default_factory=list)
    failed: str | None = None
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return "failed" if self.failed else "completed"


class _Failed(Exception):
    pass


def interpret(graph: Graph, entry: str, data: Any, perform: Perform) -> Story:
    """Run the graph from a trigger."""
    walk = _Walk(graph, entry, data, perform)
    with suppress(_Failed):
        walk.visit(entry)
    return walk.story


class _Walk:
    def __init__(self, graph: Graph, entry: str, data: Any, perform: Perform) -> None:
        self.story = Story(context={"workflow": data})
        self._nodes = {node.id: node for node in graph.nodes}
        self._entry = entry
        self._data = data
        self._perform = perform
        reachable = _reachable(graph, entry)
        self._edges = [edge for edge in graph.edges if edge.source in reachable and _possible(edge, graph)]
        self._live: dict[str, bool] = {}
        self._before: dict[str, set[str]] = {}
        self._contributions: dict[str, dict[str, Any]] = {}

    def visit(self, node_id: str) -> None:
        node = self._nodes[node_id]
        incoming = [edge for edge in self._edges if edge.target == node_id]
        before = {edge.source for edge in incoming}.union(*(self._before[edge.source] for edge in incoming))
        self._before[node_id] = before
        runs = node_id == self._entry or any(self._live[edge.id] for edge in incoming)
        context = {"workflow": self._data}
        for earlier, contribution in self._contributions.items():
            context |= contribution if earlier in before else {}
        output = self._work(node, context) if runs else None
        outgoing = [edge for edge in self._edges if edge.source == node_id]
        ready = []
        for edge in outgoing:
            self._live[edge.id] = runs and self._follows(edge, node, output, context)
            if self._resolved(edge.target):
                ready.append(edge.target)
        for target in ready:
            self.visit(target)

    def _resolved(self, node_id: str) -> bool:
        return all(edge.id in self._live for edge in self._edges if edge.target == node_id)

    def _work(self, node: Node, context: dict[str, Any]) -> Any:
        if node.type == "trigger":
            return None
        try:
            output = self._perform(node, context)
        except EvaluationError:
            self._fail(node.id)
        self.story.steps.append((node.id, output))
        contribution = {}
        if node.type == "executor":
            contribution = {node.id: output}
        elif node.settings.get("actionType") == "set_output":
            contribution = {"output": output["output"]}
        self._contributions[node.id] = contribution
        context |= contribution
        self.story.context |= contribution
        return output

    def _follows(self, edge: Edge, node: Node, output: Any, context: dict[str, Any]) -> bool:
        if node.type == "conditional" and edge.source_handle not in (None, output["branchTaken"]):
            return False
        try:
            return edge.expression is None or parse(edge.expression).evaluate(context)
        except EvaluationError:
            self._fail(edge.id)

    def _fail(self, where: str) -> NoReturn:
        self.story.failed = where
        raise _Failed


def _reachable(graph: Graph, entry: str) -> set[str]:
    found = {entry}
    for _ in graph.nodes:
        found |= {edge.target for edge in graph.edges if edge.source in found and _possible(edge, graph)}
    return found


def _possible(edge: Edge, graph: Graph) -> bool:
    """A conditional takes no branches but `true` and `false`; an edge for another one does not exist."""
    conditional = any(node.id == edge.source and node.type == "conditional" for node in graph.nodes)
    return not conditional or edge.source_handle in (None, "true", "false")

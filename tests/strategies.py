"""Random workflows for property tests: acyclic graphs of up to 30 nodes with conditions, joins and dead paths."""

from typing import Any

from hypothesis import strategies as st

from flowker.model.graph import Graph

FACTS = {f"p{number}": bool(number % 2) for number in range(6)}
"""The input that conditions decide on: some true, some false."""

_CONDITIONS = st.sampled_from(
    [f"workflow.{name}" for name in FACTS] + ["NOT workflow.p1", "workflow.p1 AND workflow.p2"]
)


@st.composite
def graphs(draw: st.DrawFn, most_nodes: int = 30, failing: bool = False) -> Graph:
    """A graph whose first node is the trigger and whose edges point from earlier to later nodes."""
    count = draw(st.integers(1, most_nodes - 1))
    nodes: list[dict[str, Any]] = [{"id": "start", "type": "trigger", "data": {}}]
    for number in range(1, count + 1):
        nodes.append(draw(_nodes(number, failing)))
    edges: list[dict[str, Any]] = []
    for target in range(1, count + 1):
        sources = draw(st.lists(st.integers(0, target - 1), min_size=0, max_size=3))
        if not sources and draw(st.integers(0, 9)) > 0:
            sources = [target - 1]
        edges += [
            draw(_edges(nodes[source], nodes[target], f"{source}-{target}-{n}"))
            for n, source in enumerate(sources)
        ]
    order = draw(st.permutations(edges))
    return Graph.model_validate({"nodes": nodes, "edges": order})


@st.composite
def _nodes(draw: st.DrawFn, number: int, failing: bool) -> dict[str, Any]:
    kind = draw(st.sampled_from(["executor", "executor", "conditional", "action", "output"]))
    node_id = f"{kind[0]}{number}"
    if kind == "conditional":
        missing = failing and draw(st.integers(0, 5)) == 0
        condition = "workflow.missing == 1" if missing else draw(_CONDITIONS)
        return {"id": node_id, "type": "conditional", "data": {"condition": condition}}
    if kind == "output":
        return {
            "id": node_id,
            "type": "action",
            "data": {"actionType": "set_output", "output": {"by": node_id}},
        }
    if kind == "action":
        return {"id": node_id, "type": "action", "data": {"actionType": "log", "message": node_id}}
    return {"id": node_id, "type": "executor", "data": {"executorId": "http"}}


@st.composite
def _edges(draw: st.DrawFn, source: dict[str, Any], target: dict[str, Any], edge_id: str) -> dict[str, Any]:
    edge = {"id": edge_id, "source": source["id"], "target": target["id"]}
    if source["type"] == "conditional":
        handle = draw(st.sampled_from(["true", "false", "true", "false", None, "other"]))
        if handle:
            edge["sourceHandle"] = handle
    if draw(st.integers(0, 4)) == 0:
        edge["condition"] = draw(_CONDITIONS)
    return edge


class _Region:
    """Builds nodes and edges of nested forks and joins."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.nodes: list[dict[str, Any]] = [{"id": "start", "type": "trigger", "data": {}}]
        self.edges: list[dict[str, Any]] = []

    def node(self) -> dict[str, Any]:
        made = self._draw(_nodes(len(self.nodes), False))
        self.nodes.append(made)
        return made

    def connect(self, source: dict[str, Any], target: dict[str, Any]) -> None:
        edge_id = f"{source['id']}-{target['id']}-{len(self.edges)}"
        self.edges.append(self._draw(_edges(source, target, edge_id)))

    def sequence(self, source: dict[str, Any], depth: int) -> dict[str, Any]:
        """One to three blocks after `source`; returns the last node."""
        for _ in range(self._draw(st.integers(1, 3))):
            if depth and len(self.nodes) < 20 and self._draw(st.booleans()):
                source = self.fork(source, depth - 1)
            else:
                following = self.node()
                self.connect(source, following)
                source = following
        return source

    def fork(self, source: dict[str, Any], depth: int) -> dict[str, Any]:
        """Two or three branches that meet again in a node."""
        ends = [self.sequence(source, depth) for _ in range(self._draw(st.integers(2, 3)))]
        join = self.node()
        for end in ends:
            self.connect(end, join)
        return join


@st.composite
def nested_graphs(draw: st.DrawFn) -> Graph:
    """Forks and joins inside each other, with conditions on the way: what becomes parallel states with guards."""
    region = _Region(draw)
    region.sequence(region.nodes[0], 3)
    return Graph.model_validate({"nodes": region.nodes, "edges": region.edges})

"""Random flows for property tests: loops, nested splits, error routes, `END`, waits, signals, batches."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from flowker.model.graph import Edge, Graph, Node, NodeKind

ALARM = "alarm"
"""A node that any sequence may fail to."""

_PLAIN = {"type": "transform", "params": {"script": "return 1"}}
_KINDS: Mapping[str, Mapping[str, Any]] = {
    "transform": _PLAIN,
    "http": {"type": "http.request", "params": {"url": "http://provider.test"}},
    "delay": {"type": "delay", "params": {"duration": "5s"}},
    "child": {"type": "flow", "params": {"flow_id": "flow-1"}},
    "signal": {"type": "wait", "params": {"key": "go", "timeout": "1m"}},
    "batch": {**_PLAIN, "batch": {"strategy": "worker_pool", "max_parallel": 2, "on_item_error": "fail"}},
    "slow_batch": {
        "type": "delay",
        "params": {"duration": "5s"},
        "batch": {"strategy": "parallel", "on_item_error": "fail"},
    },
}
_RETRY = {"max_retries": 2, "wait": 1, "backoff": "exponential", "max_wait": 3}


def flow(nodes: Mapping[str, Mapping[str, Any]], start: str | None = None) -> Graph:
    """The graph of a flow whose nodes are given as `data`; what is missing is empty, and the first one begins."""
    first = Node(id="__start", type=NodeKind.TRIGGER, op="fr.start", data={"flow": {"name": "flow"}})
    made = [first]
    edges = [Edge(id="__start:default", source="__start", target=start or next(iter(nodes)))]
    for name, given in nodes.items():
        data = {"params": {}, "next": {}, **given}
        kind = NodeKind.EXECUTOR if data["type"] == "http.request" else NodeKind.ACTION
        made.append(Node(id=name, type=kind, op=f"fr.{data['type']}", data=data))
        edges += [
            Edge(id=f"{name}:{action}", source=name, target=target, sourceHandle=action)
            for action, target in data["next"].items()
            if target != "END"
        ]
    return Graph(nodes=tuple(made), edges=tuple(edges))


class _Author:
    """Writes nodes that follow each other, and ways between those of the same sequence."""

    def __init__(self, draw: st.DrawFn, most: int, kinds: st.SearchStrategy[str], retries: bool) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self._draw = draw
        self._most = most
        self._kinds = kinds
        self._retries = retries

    def sequence(self, depth: int, until: str | None) -> str:
        """Some nodes in a row; returns the first. `until` is where a branch may end explicitly."""
        blocks = [self._block(depth) for _ in range(self._draw(st.integers(1, 4 if depth else 2)))]
        row = [first for first, _ in blocks]
        for number, (first, last) in enumerate(blocks):
            ways = self.nodes[last]["next"]
            if number + 1 < len(row):
                ways["default"] = row[number + 1]
            elif until is not None and self._draw(st.booleans()):
                ways["default"] = until
            self._stray(ways, row, until)
            if self._draw(st.integers(0, 2)) == 0:
                self.nodes[first]["next"]["error"] = self._draw(st.sampled_from([ALARM, "END", *row]))
        return row[0]

    def _stray(self, ways: dict[str, str], row: list[str], until: str | None) -> None:
        targets = [*row, "END", ALARM] + ([until] if until else [])
        actions = st.sampled_from(["again", "success", "client_error", "timeout", "other"])
        ways |= self._draw(st.dictionaries(actions, st.sampled_from(targets), max_size=2))

    def _block(self, depth: int) -> tuple[str, str]:
        """Its first node and the one that leads on."""
        name = f"n{len(self.nodes)}"
        self.nodes[name] = {}
        if depth and len(self.nodes) < self._most and self._draw(st.integers(0, 2)) == 0:
            self.nodes[name] = {"type": "split", "next": {}}
            return name, self._split(name, depth - 1)
        self.nodes[name] = {**_KINDS[self._draw(self._kinds)], "next": {}}
        if self._retries and self._draw(st.integers(0, 4)) == 0:
            self.nodes[name]["retry"] = _RETRY
        return name, name

    def _split(self, name: str, depth: int) -> str:
        """Branches, and the node where they meet."""
        meeting = f"{name}_join"
        ways = self.nodes[name]["next"]
        ways["default"] = meeting
        for number in range(self._draw(st.integers(1, 3))):
            ways[f"lane{number}"] = self.sequence(depth, meeting)
        if self._draw(st.integers(0, 5)) == 0:
            ways["nowhere"] = "END"
        self.nodes[meeting] = {"type": "join", "next": {}}
        return meeting


@st.composite
def flows(
    draw: st.DrawFn, most: int = 14, kinds: tuple[str, ...] = tuple(_KINDS), retries: bool = True
) -> Graph:
    """A flow that has a shape."""
    author = _Author(draw, most, st.sampled_from(kinds), retries)
    start = author.sequence(2, None)
    author.nodes[ALARM] = dict(_PLAIN)
    return flow(author.nodes, start)

"""Which nodes of a flow run in one task: a node, and the quick ones that nothing but these lead to (decision 26).

A quick node is over at once and has no effect outside, so it may be repeated: it needs no task of its own to be retried or
recorded alone. A segment is entered at its head only and holds no loop, so the worker comes to its end in one go.
"""

from collections import deque
from collections.abc import Iterator, Mapping

from flowker.compiler.flows.regions import Region, Shapes, onward
from flowker.compiler.flows.times import room
from flowker.model.graph import Node
from flowker.nodes.flow.base import Shape

MOST_NODES = 10
"""That one task runs: what its quick nodes leave is written in one transaction, of at most 4 MB. A segment may have more, for
of several ways a run takes one."""

Segments = Mapping[str, tuple[str, ...]]
"""By its head, the other nodes of each segment, each behind those that lead to it."""


def segments(region: Region, nodes: Mapping[str, Node], shapes: Shapes) -> Segments:
    """Every node of the region is in one."""
    return _Finder(region, nodes, shapes).segments()


def is_quick(node: Node, shapes: Shapes) -> bool:
    """Whether the node may run in the task before it."""
    settings = node.settings
    return shapes(node) is Shape.QUICK and not settings.get("batch") and not settings.get("retry")


class _Finder:
    def __init__(self, region: Region, nodes: Mapping[str, Node], shapes: Shapes) -> None:
        self._region = region
        self._nodes = nodes
        inside = set(region.nodes)
        self._after = {
            name: list(dict.fromkeys(target for _, target in onward(nodes[name], shapes(nodes[name]))))
            for name in region.nodes
        }
        self._before: dict[str, set[str]] = {name: set() for name in region.nodes}
        for name, targets in self._after.items():
            for target in targets:
                if target in inside:
                    self._before[target].add(name)
        self._quick = {name for name in region.nodes if is_quick(nodes[name], shapes)} - {region.entry}
        self._missing = {name: len(before) for name, before in self._before.items()}
        self._heads: dict[str, str] = {}
        self._found: dict[str, list[str]] = {}
        self._distances: dict[str, int] = {}

    def segments(self) -> Segments:
        for name in self._region.nodes:
            if name not in self._quick:
                self._place(name, name)
        for name in self._region.nodes:
            # What is left then is in a loop of quick nodes, or behind one: the first of them heads it.
            self._place(name, name)
        return {head: tuple(found) for head, found in self._found.items()}

    def _place(self, name: str, head: str) -> None:
        """Put a node into a segment, and whatever that decides."""
        waiting = deque([(name, head)])
        while waiting:
            name, head = waiting.popleft()
            if name in self._heads:
                continue
            self._heads[name] = head
            self._distances[name] = 0 if name == head else self._distance(name)
            if name == head:
                self._found[head] = []
            else:
                self._found[head].append(name)
            waiting.extend(self._decided(name))

    def _decided(self, name: str) -> Iterator[tuple[str, str]]:
        for target in self._after[name]:
            if target not in self._missing:
                continue
            self._missing[target] -= 1
            if target in self._quick and not self._missing[target]:
                yield target, self._head(target)

    def _head(self, name: str) -> str:
        (first, *others) = {self._heads[before] for before in self._before[name]}
        most = min(MOST_NODES - 1, room(self._nodes[first]))
        return name if others or self._distance(name) > most else first

    def _distance(self, name: str) -> int:
        """How many nodes a run goes on from the head of a segment until it has run this one, at most."""
        return 1 + max(self._distances[before] for before in self._before[name])

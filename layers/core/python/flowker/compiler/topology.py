"""What a graph means before anything runs: order, ancestors, and what is certain once some of it has run.

A node runs once, when every incoming edge is resolved and at least one is live; if all are dead it is dead, and so are
its outgoing edges (architecture §4, Flowker spec d.3 [R]). Everything here is derived from the nodes that can be reached
from the entry; what cannot be reached does not exist for an execution.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from flowker.model.graph import Edge, Graph, Node, NodeKind

Literal = tuple[str, str]
"""A conditional's id and the branch it took, `true` or `false`."""


@dataclass(frozen=True)
class Knowledge:
    """What is certain at some point of a run: these nodes have run, these conditionals took these branches."""

    ran: frozenset[str] = frozenset()
    took: frozenset[Literal] = frozenset()

    def common(self, other: "Knowledge") -> "Knowledge":
        """What both agree on."""
        return Knowledge(self.ran & other.ran, self.took & other.took)


@dataclass(frozen=True)
class Topology:
    """The part of a graph that its entry reaches. Build it with `resolve`."""

    entry: str
    nodes: Mapping[str, Node]
    order: tuple[str, ...]
    """Depth first along the edges' order, each node after all its predecessors; step numbers are ranks in it."""
    out: Mapping[str, tuple[Edge, ...]]
    into: Mapping[str, tuple[Edge, ...]]

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """Position of each node in the order."""
        return {node: position for position, node in enumerate(self.order)}

    @cached_property
    def ancestors(self) -> Mapping[str, frozenset[str]]:
        """The nodes before each node on some path: what its context may hold."""
        found: dict[str, frozenset[str]] = {}
        for node in self.order:
            sources = {edge.source for edge in self.into[node]}
            found[node] = frozenset(sources).union(*(found[source] for source in sources))
        return found

    @cached_property
    def known(self) -> Mapping[str, Knowledge]:
        """What is certain whenever a node runs: the nodes and branches that all paths to it share."""
        found: dict[str, Knowledge] = {}
        for node in self.order:
            found[node] = self._before(self.into[node], found)
            found[node] = Knowledge(found[node].ran | {node}, found[node].took)
        return found

    def known_at(self, edges: Iterable[Edge]) -> Knowledge:
        """What is certain when at least one of these edges is live."""
        return self._before(edges, self.known)

    def _before(self, edges: Iterable[Edge], known: Mapping[str, Knowledge]) -> Knowledge:
        merged: Knowledge | None = None
        for edge in edges:
            source = known[edge.source]
            handle = self.handle(edge)
            here = Knowledge(source.ran, source.took | {(edge.source, handle)} if handle else source.took)
            merged = here if merged is None else merged.common(here)
        return merged or Knowledge()

    def handle(self, edge: Edge) -> str | None:
        """The branch that an edge out of a conditional stands for, None where it follows both."""
        return edge.source_handle if self.nodes[edge.source].type is NodeKind.CONDITIONAL else None

    def settle(self, knowledge: Knowledge) -> dict[str, bool | None]:
        """Is each edge live (True), dead (False) or open (None), given what is known?"""
        edges: dict[str, bool | None] = {}
        for node in self.order:
            incoming = [edges[edge.id] for edge in self.into[node]]
            runs: bool | None
            if node in knowledge.ran or node == self.entry or True in incoming:
                runs = True
            else:
                runs = None if None in incoming else False
            for edge in self.out[node]:
                edges[edge.id] = self._edge(edge, runs, knowledge)
        return edges

    def _edge(self, edge: Edge, source_runs: bool | None, knowledge: Knowledge) -> bool | None:
        handle = self.handle(edge)
        if source_runs is False:
            return False
        if handle is not None:
            if (edge.source, _other(handle)) in knowledge.took:
                return False
            if (edge.source, handle) not in knowledge.took:
                return None
        return None if edge.expression else source_runs


def _other(handle: str) -> str:
    return "false" if handle == "true" else "true"


def exclusive(one: Knowledge, other: Knowledge) -> bool:
    """True if both can never hold in the same run: some conditional would have to take both branches."""
    return any((node, _other(handle)) in other.took for node, handle in one.took)


def entries(graph: Graph) -> list[str]:
    """Ids of the trigger nodes, in the user's order. The first one is the entry of API starts."""
    return [node.id for node in graph.nodes if node.type is NodeKind.TRIGGER]


def possible(graph: Graph) -> list[Edge]:
    """The edges that can ever be live: a conditional takes no branches but `true` and `false`."""
    conditionals = {node.id for node in graph.nodes if node.type is NodeKind.CONDITIONAL}
    return [
        edge
        for edge in graph.edges
        if edge.source not in conditionals or edge.source_handle in (None, "true", "false")
    ]


def reachable(graph: Graph, entry: str) -> set[str]:
    """Ids of the nodes on some path from the entry, itself included."""
    out = _outgoing(possible(graph))
    found = {entry}
    waiting = [entry]
    while waiting:
        for edge in out.get(waiting.pop(), ()):
            if edge.target not in found:
                found.add(edge.target)
                waiting.append(edge.target)
    return found


def resolve(graph: Graph, entry: str) -> Topology | None:
    """The topology from an entry, or None if its part of the graph has a cycle. All edge ends must exist."""
    inside = reachable(graph, entry)
    edges = [edge for edge in possible(graph) if edge.source in inside]
    out = _outgoing(edges)
    unresolved = dict.fromkeys(inside, 0)
    for edge in edges:
        unresolved[edge.target] += 1
    if unresolved[entry]:
        return None
    order: list[str] = []
    pending = [entry]
    while pending:
        node = pending.pop()
        order.append(node)
        ready = []
        for edge in out.get(node, ()):
            unresolved[edge.target] -= 1
            if unresolved[edge.target] == 0:
                ready.append(edge.target)
        pending.extend(reversed(ready))
    if len(order) < len(inside):
        return None
    into: dict[str, list[Edge]] = {node: [] for node in order}
    for edge in edges:
        into[edge.target].append(edge)
    return Topology(
        entry=entry,
        nodes={node.id: node for node in graph.nodes if node.id in inside},
        order=tuple(order),
        out={node: tuple(out.get(node, ())) for node in order},
        into={node: tuple(found) for node, found in into.items()},
    )


def _outgoing(edges: Iterable[Edge]) -> dict[str, list[Edge]]:
    out: dict[str, list[Edge]] = {}
    for edge in edges:
        out.setdefault(edge.source, []).append(edge)
    return out

"""Which nodes share a task: a unit is a working node and the decisions that follow it and depend on it alone.

A conditional (or a trigger in mid-graph) with a single incoming edge is decided by the task before it, in the same
write, so it costs neither a transition nor an invocation (architecture §4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from flowker.compiler.topology import Topology
from flowker.model.graph import Edge, NodeKind

MOST_MEMBERS = 90
"""Steps that one task may record: a transaction takes 100 writes."""


@dataclass(frozen=True)
class Unit:
    """One task. `members` are its head and the decisions it makes afterwards, in order; `leaving` edges leave the unit."""

    head: str
    members: tuple[str, ...]
    leaving: tuple[Edge, ...]


@dataclass(frozen=True)
class Units:
    """The units of a topology in its order. The entry has none where its edges need no decision."""

    topology: Topology
    by_head: Mapping[str, Unit]
    head_of: Mapping[str, str]

    @cached_property
    def order(self) -> tuple[Unit, ...]:
        return tuple(self.by_head.values())

    @cached_property
    def before(self) -> Mapping[str, frozenset[str]]:
        """The heads that come before each head on some path."""
        return {
            head: frozenset(self.head_of[node] for node in self.topology.ancestors[head]) & set(self.by_head)
            for head in self.by_head
        }


def group(topology: Topology) -> Units:
    """Put every reachable node into exactly one unit."""
    head_of: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for node in topology.order:
        head = _joins(node, topology, head_of, members)
        head_of[node] = head
        members.setdefault(head, []).append(node)
    if _silent(topology, members):
        del members[topology.entry]
    by_head = {}
    for head, nodes in members.items():
        leaving = tuple(edge for node in nodes for edge in topology.out[node] if head_of[edge.target] != head)
        by_head[head] = Unit(head, tuple(nodes), leaving)
    return Units(topology, by_head, head_of)


def _joins(
    node: str, topology: Topology, head_of: Mapping[str, str], members: Mapping[str, list[str]]
) -> str:
    """The head of the unit that decides this node, or the node itself."""
    incoming = topology.into[node]
    decided = topology.nodes[node].type in (NodeKind.CONDITIONAL, NodeKind.TRIGGER)
    if decided and len(incoming) == 1:
        head = head_of[incoming[0].source]
        if len(members[head]) < MOST_MEMBERS:
            return head
    return node


def _silent(topology: Topology, members: Mapping[str, list[str]]) -> bool:
    """True if the entry decides nothing: all that follows it is certain to run."""
    entry = topology.entry
    return len(members[entry]) == 1 and not any(edge.expression for edge in topology.out[entry])

"""Which nodes share a task: a unit is a working node and what follows it, depends on it alone and calls nobody.

A conditional, an action (or a trigger in mid-graph) with a single incoming edge is done by the task before it, in the same
write, so it costs neither a transition nor an invocation (architecture §4).
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flowker.compiler.topology import Topology
from flowker.model.graph import Edge, NodeKind

_DECISIONS = frozenset({NodeKind.CONDITIONAL, NodeKind.TRIGGER})
_CALLING_NOBODY = _DECISIONS | {NodeKind.ACTION}

MOST_MEMBERS = 50
"""Steps that one task may record: a transaction takes 100 writes and 4 MB, and a step up to 64 KiB."""
_MOST_DECISIONS = 90


@dataclass(frozen=True)
class Unit:
    """One task. `members` are its head and what it does afterwards, in order; `leaving` edges leave the unit."""

    head: str
    members: tuple[str, ...]
    leaving: tuple[Edge, ...]

    @staticmethod
    def of(topology: Topology, members: Sequence[str]) -> "Unit":
        """Made of these nodes, of which the first is the head."""
        leaving = (edge for node in members for edge in topology.out[node] if edge.target not in members)
        return Unit(members[0], tuple(members), tuple(leaving))


@dataclass(frozen=True)
class Units:
    """The units of a topology in its order. The entry has none where nothing depends on it alone."""

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
    return _group(topology, _CALLING_NOBODY, MOST_MEMBERS)


def group_decisions(topology: Topology) -> Units:
    """As `group` was, before actions joined the units of other nodes (decision 28)."""
    return _group(topology, _DECISIONS, _MOST_DECISIONS)


def _group(topology: Topology, joining: Container[NodeKind], most: int) -> Units:
    head_of: dict[str, str] = {}
    members: dict[str, list[str]] = {}
    for node in topology.order:
        head = _joins(node, topology, joining, head_of, members)
        if len(members.get(head, ())) >= most:
            head = node
        head_of[node] = head
        members.setdefault(head, []).append(node)
    if _silent(topology, members):
        del members[topology.entry]
    by_head = {head: Unit.of(topology, nodes) for head, nodes in members.items()}
    return Units(topology, by_head, head_of)


def _joins(
    node: str,
    topology: Topology,
    joining: Container[NodeKind],
    head_of: Mapping[str, str],
    members: Mapping[str, list[str]],
) -> str:
    """The head of the unit that the node belongs to: its own, or that of the node before it."""
    incoming, kind = topology.into[node], topology.nodes[node].type
    if kind not in joining or len(incoming) != 1:
        return node
    head = head_of[incoming[0].source]
    # An entry that decides nothing needs no task, and an action does not give it one.
    needless = kind is NodeKind.ACTION and head == topology.entry and _silent(topology, members)
    return node if needless else head


def _silent(topology: Topology, members: Mapping[str, list[str]]) -> bool:
    """True if the entry decides nothing: all that follows it is certain to run."""
    entry = topology.entry
    return len(members[entry]) == 1 and not any(edge.expression for edge in topology.out[entry])

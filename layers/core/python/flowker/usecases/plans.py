"""What a worker needs to know of a revision: its units, and which recorded steps each unit refers to. Cached by digest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from flowker.compiler.topology import Topology, resolve
from flowker.compiler.units import Unit, Units, group_decisions
from flowker.errors import CyclicGraph
from flowker.expressions.conditions import parse
from flowker.model.graph import Graph, Node, NodeKind
from flowker.nodes.executor import configuration_id
from flowker.nodes.registry import type_of
from flowker.usecases.endpoints import executor_configuration_id

MOST_READS = 90
"""Steps to read one by one; for more, the whole history is one query."""


@dataclass(frozen=True)
class Plan:
    """A revision as seen from one entry. Build it with `plan`."""

    graph: Graph
    topology: Topology

    def unit(self, head: str, others: Sequence[str] | None) -> Unit:
        """What a task is made of, as its state machine says. One that says nothing is of a time when only decisions joined the
        tasks of others."""
        return self._earlier.by_head[head] if others is None else Unit.of(self.topology, [head, *others])

    @cached_property
    def _earlier(self) -> Units:
        return group_decisions(self.topology)

    @cached_property
    def edge_keys(self) -> Mapping[str, str]:
        """What state data calls each edge: `e<number>`, by edge id."""
        return {edge.id: f"e{number}" for number, edge in enumerate(self.graph.edges)}

    def ordered(self, node_ids: Iterable[str]) -> list[Node]:
        """These nodes in topological order."""
        rank = self.topology.rank
        return [self.topology.nodes[node] for node in sorted(node_ids, key=rank.__getitem__)]

    def reads(self, unit: Unit) -> list[str] | None:
        """Ids of the nodes whose steps running the unit needs, its own among them; None for all."""
        before = self.ordered(self.topology.ancestors[unit.head])
        names = self._references(unit)
        if names is None:
            wanted = [node.id for node in before if type_of(node).contributes(node)]
        else:
            wanted = [node.id for node in before if type_of(node).contributes(node) & names]
        return [unit.head, *wanted] if len(wanted) < MOST_READS else None

    def _references(self, unit: Unit) -> frozenset[str] | None:
        names: frozenset[str] = frozenset()
        for member in unit.members:
            node = self.topology.nodes[member]
            own = type_of(node).references(node)
            if own is None:
                return None
            names |= own
            for edge in self.topology.out[member]:
                names |= parse(edge.expression).roots if edge.expression else frozenset()
        return names

    def configuration(self, unit: Unit) -> str | None:
        """The provider configuration that the unit calls."""
        node = self.topology.nodes[unit.head]
        return configuration_id(node) if node.type is NodeKind.EXECUTOR else None

    def executor_configuration(self, unit: Unit) -> str | None:
        """The executor configuration that says which endpoint the unit calls."""
        node = self.topology.nodes[unit.head]
        return executor_configuration_id(node) if node.type is NodeKind.EXECUTOR else None


def plan(graph: Graph, entry: str) -> Plan:
    """Raises `CyclicGraph`, which activation has ruled out."""
    topology = resolve(graph, entry)
    if topology is None:
        raise CyclicGraph(f'nodes after trigger "{entry}" form a cycle')
    return Plan(graph, topology)

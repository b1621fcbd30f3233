"""One graph in, one state machine out."""

from dataclasses import dataclass
from typing import Any

from flowker.compiler.blocks import arrange
from flowker.compiler.duration import worst_case
from flowker.compiler.emit import emit
from flowker.compiler.topology import resolve
from flowker.compiler.units import Units, group
from flowker.errors import CyclicGraph, DefinitionTooLarge
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.workflow import MachineType
from flowker.nodes.runners.settings import DEFAULT_TIMEOUT, declared_timeout

MOST_BYTES = 1_000_000
"""Step Functions refuses definitions above 1 MB."""


@dataclass(frozen=True)
class Machine:
    """A compiled graph. Equal graphs give equal definitions."""

    definition: dict[str, Any]
    units: Units

    @property
    def worst_case(self) -> float:
        """Seconds that an execution takes at most, before its time limit."""
        nodes = self.units.topology.nodes
        return worst_case(self.definition, {head: _call_seconds(nodes[head]) for head in self.units.by_head})


def content_name(kind: MachineType, content: Json) -> str:
    """What a machine is called that has this content: the same again for the same, in up to 41 characters."""
    return f"{kind}-{exact_json.digest(content)[:32]}"


def _call_seconds(node: Node) -> float:
    """What one attempt may take. A node that declares nothing counts with what applies unless its provider's configuration
    says otherwise, which may change at any time."""
    if node.type is not NodeKind.EXECUTOR:
        return 0
    return declared_timeout(node.settings) or DEFAULT_TIMEOUT


def compile_graph(graph: Graph, entry: str) -> Machine:
    """The state machine that runs the graph from this trigger. Raises `CyclicGraph`, `DefinitionTooLarge`."""
    topology = resolve(graph, entry)
    if topology is None:
        raise CyclicGraph(f'nodes after trigger "{entry}" form a cycle')
    units = group(topology)
    definition = emit(units, arrange(units), graph.edges)
    if len(exact_json.dumps(definition)) > MOST_BYTES:
        raise DefinitionTooLarge("the compiled state machine exceeds 1 MB")
    return Machine(definition, units)

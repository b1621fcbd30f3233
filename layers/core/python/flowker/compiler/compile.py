"""One graph in, one state machine out."""

from dataclasses import dataclass
from typing import Any

from flowker.compiler.blocks import arrange
from flowker.compiler.emit import emit
from flowker.compiler.topology import resolve
from flowker.compiler.units import Units, group
from flowker.errors import CyclicGraph, DefinitionTooLarge
from flowker.model import exact_json
from flowker.model.graph import Graph

MOST_BYTES = 1_000_000
"""Step Functions refuses definitions above 1 MB."""


@dataclass(frozen=True)
class Machine:
    """A compiled graph. Equal graphs give equal definitions, and the name is derived from the definition."""

    definition: dict[str, Any]
    units: Units

    @property
    def name(self) -> str:
        return f"flowker-{exact_json.digest(self.definition)[:40]}"


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

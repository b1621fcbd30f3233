"""What the worker knows of a flow before it looks at a run: made once for each revision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from flowker.compiler.flows.regions import after_loops, regions
from flowker.compiler.flows.routing import edge_keys, lanes
from flowker.compiler.flows.segments import is_quick
from flowker.errors import UnknownSchema
from flowker.expressions.scripts import Reads, reads
from flowker.model.exact_json import Json
from flowker.model.graph import Graph, Node, NodeKind
from flowker.nodes.flow.base import FlowNodeType, Shape
from flowker.ports import WorkflowStore

TYPE_PREFIX = "fr."
HOOKS = ("prep", "exec", "post")
"""The scripts of a node around its work, in order (FlowRunner spec c.7)."""


def type_name(node: Node) -> str:
    """As in `type:`."""
    return (node.op or "").removeprefix(TYPE_PREFIX)


@dataclass(frozen=True)
class FlowPlan:
    graph: Graph
    types: Mapping[str, FlowNodeType]

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        return {node.id: node for node in self.graph.nodes}

    @cached_property
    def start(self) -> Node:
        """The first node that works."""
        triggers = {node.id for node in self.graph.nodes if node.type is NodeKind.TRIGGER}
        return self.nodes[next(edge.target for edge in self.graph.edges if edge.source in triggers)]

    @cached_property
    def edge_keys(self) -> Mapping[str, str]:
        return edge_keys(self.graph)

    @cached_property
    def after_loops(self) -> frozenset[str]:
        """The nodes that another leg of a run can begin with."""
        region, _ = regions(self.graph, self.start.id, self.shape)
        return frozenset(after_loops(region, self.nodes, self.shape))

    def shape(self, node: Node) -> Shape:
        """How the node lowers to states."""
        return self.type_of(node).shape(node.settings.get("params") or {})

    def listens(self, node: Node) -> bool:
        """Whether it waits for a signal. Then it is told to be running by what records that it does, and not by what comes
        before it: whoever is told may send the signal at once."""
        return self.shape(node) is Shape.SIGNAL

    def quick(self, node: Node) -> bool:
        """Whether running the node once more does no harm."""
        return is_quick(node, self.shape)

    @cached_property
    def targets(self) -> Mapping[str, str]:
        """The nodes that edges lead to, by what state data calls these."""
        return {self.edge_keys[edge.id]: edge.target for edge in self.graph.edges}

    @cached_property
    def about(self) -> Mapping[str, Json]:
        """Name and version of the flow."""
        trigger = next(node for node in self.graph.nodes if node.type is NodeKind.TRIGGER)
        known: Mapping[str, Json] = trigger.settings.get("flow") or {}
        return {"name": known.get("name"), "version": known.get("version")}

    def reads(self, node: Node) -> Reads:
        """What the texts of a node refer to."""
        found = self._reads.get(node.id)
        if found is None:
            raw, settings = self.type_of(node).raw, node.settings
            params = settings.get("params") or {}
            texts: list[Json] = [{name: value for name, value in params.items() if name not in raw}]
            texts.append((settings.get("batch") or {}).get("items"))
            found = self._reads[node.id] = reads(texts, list(self.scripts(node)))
        return found

    @cached_property
    def _reads(self) -> dict[str, Reads]:
        return {}

    @cached_property
    def secrets(self) -> frozenset[str] | None:
        """The names of all secrets in the flow, None for all that there are."""
        named = [
            self.reads(node).secrets for node in self.nodes.values() if node.type is not NodeKind.TRIGGER
        ]
        if any(names is None for names in named):
            return None
        return frozenset(name for names in named for name in names or ())

    def type_of(self, node: Node) -> FlowNodeType:
        """Raises `UnknownSchema` for a type that this version does not have."""
        found = self.types.get(type_name(node))
        if found is None:
            raise UnknownSchema("a node of this flow is of another version of Flowker")
        return found

    def lanes(self, node: Node) -> Sequence[Node]:
        """The first nodes of the branches of a split, in order."""
        return [self.nodes[target] for target in lanes(node).values()]

    def scripts(self, node: Node) -> Iterator[str]:
        """The code in a node: scripts and expressions in its params, and its hooks."""
        for _, code, _ in self.type_of(node).scripts(node.settings.get("params") or {}):
            yield code
        hooks = node.settings.get("hooks") or {}
        yield from (hooks[name] for name in HOOKS if name in hooks)


class FlowPlans:
    """The plans of revisions, which never change, so those used lately are kept."""

    def __init__(self, workflows: WorkflowStore, types: Mapping[str, FlowNodeType]) -> None:
        self._plan = lru_cache(maxsize=256)(lambda revision: FlowPlan(workflows.revision(revision), types))

    def of(self, revision: str) -> FlowPlan:
        return self._plan(revision)

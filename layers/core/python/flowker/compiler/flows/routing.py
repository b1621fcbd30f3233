"""Where a node of a flow leads: the table of the specification (FlowRunner spec c.3), asked by the worker, by the compiler
and by the tests' interpreter.

A node's `data["next"]` maps actions to node ids or `END`. Each entry that does not say `END` is an edge of the graph, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flowker.model.graph import Graph, Node

END = "END"
"""As a target: finish here."""
DEFAULT, SUCCESS, ERROR = "default", "success", "error"
FAILURE_HANDLES = ("client_error", "server_error", "timeout", ERROR)
"""Entries of `next` that only failures follow, unless an action has that very name."""

_FALLBACK = {SUCCESS: DEFAULT, DEFAULT: SUCCESS}


@dataclass(frozen=True, slots=True)
class Route:
    """What the table answers. `handle` is the entry of `next` that applies, None if none does; `target` is None where there
    is nothing to go on with, by `END` or because nothing applies; `edge` is the id of the edge to `target`."""

    handle: str | None = None
    target: str | None = None
    edge: str | None = None

    @property
    def matched(self) -> bool:
        return self.handle is not None


def entry(graph: Graph) -> str:
    """The node that a flow begins with: where its first edge leads."""
    return graph.edges[0].target


def ways(node: Node) -> Mapping[str, str]:
    """The node's `next`."""
    found: Mapping[str, str] = node.settings.get("next") or {}
    return found


def success(node: Node, action: str) -> Route:
    """After a success with this action. Where nothing applies, the way ends with the node's result; if the node has any
    `next`, that deserves a warning."""
    return _route(node, (action, _FALLBACK.get(action, DEFAULT)))


def failure(node: Node, handle: str | None) -> Route:
    """After a failure, when nothing is left to be tried again. Where nothing applies, the execution fails."""
    return _route(node, (ERROR,) if handle is None else (handle, ERROR))


def joined(node: Node) -> Route:
    """After all lanes of a split: its `default` and nothing else, since `success` is a lane like any other."""
    return _route(node, (DEFAULT,))


def lanes(node: Node) -> Mapping[str, str]:
    """What a split runs side by side: all of `next` but `default` and `error`, in order; first node by action. An entry that
    says `END` would run nothing, so it is no lane."""
    return {
        action: target
        for action, target in ways(node).items()
        if action not in (DEFAULT, ERROR) and target != END
    }


def edge_id(node_id: str, action: str) -> str:
    """The id of the edge that an entry of `next` makes."""
    return f"{node_id}:{action}"


def edge_keys(graph: Graph) -> Mapping[str, str]:
    """What state data calls each edge, by the edge's id: `e` and its position in the graph."""
    return {edge.id: f"e{number}" for number, edge in enumerate(graph.edges)}


def _route(node: Node, handles: tuple[str, ...]) -> Route:
    entries = ways(node)
    handle = next((each for each in handles if each in entries), None)
    if handle is None:
        return Route()
    target = entries[handle]
    return Route(handle) if target == END else Route(handle, target, edge_id(node.id, handle))

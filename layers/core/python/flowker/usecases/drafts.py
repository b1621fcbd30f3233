"""What a user sends as a workflow, checked for structure: each violation has its code (Flowker spec a.3, c.1 step 1).

The order of checks is part of the contract; the first violation wins.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flowker import errors
from flowker.errors import FlowkerError, InvalidBody
from flowker.model.graph import Edge, Graph, Node, NodeKind, Position

MOST_NODES = 100
MOST_EDGES = 200
NAME_LENGTH = 100
DESCRIPTION_LENGTH = 500
CONDITION_LENGTH = 500
LABEL_LENGTH = 50
"""Longest id, name or label of a node or an edge."""

_Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """A structurally sound workflow document."""

    name: str
    description: str | None
    graph: Graph
    metadata: Mapping[str, Any]


def draft(document: _Document) -> Draft:
    """Check the body of create or update. Raises the coded error of the first violation."""
    name = workflow_name(document)
    nodes = _list(document, "nodes")
    edges = _list(document, "edges")
    if len(nodes) > MOST_NODES:
        raise errors.TooManyNodes(f"at most {MOST_NODES} nodes", fields={"nodes": f"at most {MOST_NODES}"})
    if len(edges) > MOST_EDGES:
        raise errors.TooManyEdges(f"at most {MOST_EDGES} edges", fields={"edges": f"at most {MOST_EDGES}"})
    graph = Graph(
        nodes=tuple(_node(item, f"nodes[{number}]") for number, item in enumerate(nodes)),
        edges=tuple(_edge(item, f"edges[{number}]") for number, item in enumerate(edges)),
    )
    _unique(graph)
    return Draft(
        name=name,
        description=_text(document, "description", "description", DESCRIPTION_LENGTH),
        graph=graph,
        metadata=_object(document, "metadata", "metadata") or {},
    )


def workflow_name(document: _Document) -> str:
    """Raises `WorkflowNameMissing`, `WorkflowNameTooLong`."""
    name = document.get("name")
    if name is None or name == "" or (isinstance(name, str) and not name.strip()):
        raise errors.WorkflowNameMissing("name is required", fields={"name": "required"})
    if not isinstance(name, str):
        raise InvalidBody("name must be a string", fields={"name": "must be a string"})
    if len(name) > NAME_LENGTH:
        message = f"name is longer than {NAME_LENGTH} characters"
        raise errors.WorkflowNameTooLong(message, fields={"name": f"at most {NAME_LENGTH} characters"})
    return name


def _list(document: _Document, name: str) -> list[Any]:
    value = document.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidBody(f"{name} must be an array", fields={name: "must be an array"})
    return value


def _object(document: _Document, name: str, at: str) -> dict[str, Any] | None:
    value = document.get(name)
    if value is not None and not isinstance(value, dict):
        raise InvalidBody(f"{at} must be an object", fields={at: "must be an object"})
    return value


def _text(document: _Document, name: str, at: str, length: int) -> str | None:
    value = document.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidBody(f"{at} must be a string", fields={at: "must be a string"})
    if len(value) > length:
        raise InvalidBody(
            f"{at} is longer than {length} characters", fields={at: f"at most {length} characters"}
        )
    return value


def _required(document: object, name: str, at: str, error: type[FlowkerError]) -> str:
    value = _text(document, name, f"{at}.{name}", LABEL_LENGTH) if isinstance(document, dict) else None
    if not value:
        raise error(f"{at}.{name} is required", fields={f"{at}.{name}": "required"})
    return value


def _node(item: Any, at: str) -> Node:
    if not isinstance(item, dict):
        raise InvalidBody(f"{at} must be an object", fields={at: "must be an object"})
    node_id = _required(item, "id", at, errors.InvalidNodeId)
    kind = item.get("type")
    if kind not in list(NodeKind):
        kinds = ", ".join(NodeKind)
        raise errors.InvalidNodeType(
            f"{at}.type must be one of {kinds}", fields={f"{at}.type": f"one of {kinds}"}
        )
    position = _object(item, "position", f"{at}.position") or {}
    return Node(
        id=node_id,
        type=NodeKind(kind),
        name=_text(item, "name", f"{at}.name", LABEL_LENGTH) or None,
        position=Position(x=_coordinate(position, "x", at), y=_coordinate(position, "y", at)),
        data=_object(item, "data", f"{at}.data"),
    )


def _coordinate(position: _Document, name: str, at: str) -> Any:
    value = position.get(name, 0)
    if value is None or isinstance(value, bool | str | list | dict):
        field = f"{at}.position.{name}"
        raise InvalidBody(f"{field} must be a number", fields={field: "must be a number"})
    return value


def _edge(item: Any, at: str) -> Edge:
    if not isinstance(item, dict):
        raise InvalidBody(f"{at} must be an object", fields={at: "must be an object"})
    return Edge(
        id=_required(item, "id", at, errors.InvalidEdgeId),
        source=_required(item, "source", at, errors.EdgeSourceMissing),
        target=_required(item, "target", at, errors.EdgeTargetMissing),
        sourceHandle=_text(item, "sourceHandle", f"{at}.sourceHandle", LABEL_LENGTH) or None,
        condition=_text(item, "condition", f"{at}.condition", CONDITION_LENGTH),
        label=_text(item, "label", f"{at}.label", LABEL_LENGTH),
    )


def _unique(graph: Graph) -> None:
    for node_id in _repeated(node.id for node in graph.nodes):
        raise errors.InvalidNodeId(
            f'node id "{node_id}" is used twice', fields={"nodes": f'"{node_id}" is used twice'}
        )
    for edge_id in _repeated(edge.id for edge in graph.edges):
        raise errors.InvalidEdgeId(
            f'edge id "{edge_id}" is used twice', fields={"edges": f'"{edge_id}" is used twice'}
        )
    known = {node.id for node in graph.nodes}
    for number, edge in enumerate(graph.edges):
        for end, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in known:
                message = f'edge "{edge.id}" has {end} "{node_id}", which is not a node'
                raise errors.UnknownEdgeEnd(
                    message, fields={f"edges[{number}].{end}": "not a node of this workflow"}
                )


def _repeated(ids: Iterator[str]) -> list[str]:
    return [found for found, count in Counter(ids).items() if count > 1]

"""A flow as the one graph that is compiled and run (FlowRunner spec k.2)."""

from flowker.compiler.flows.check import START, FlowDocument
from flowker.compiler.flows.routing import DEFAULT, END, edge_id
from flowker.model.graph import Edge, Graph, Node, NodeKind

_CALLING = frozenset(
    {"http.request", "webhook", "llm", "agent", "email.send", "email.receive", "postgres", "dynamodb", "mcp"}
)
"""Types that call somebody outside."""


def graph_of(document: FlowDocument, label: str) -> Graph:
    """The graph of a checked flow; `label` is what this version of it is called. Equal flows give equal graphs."""
    start = Node(
        id=START,
        type=NodeKind.TRIGGER,
        op="fr.start",
        data={"flow": {"name": document.name, "version": label}},
    )
    nodes = [
        Node(id=name, type=_kind(data["type"]), op=f"fr.{data['type']}", data=data)
        for name, data in document.nodes.items()
    ]
    edges = [Edge(id=edge_id(START, DEFAULT), source=START, target=document.start)]
    for name, data in document.nodes.items():
        edges += [
            Edge(id=edge_id(name, action), source=name, target=target, sourceHandle=action)
            for action, target in data["next"].items()
            if target != END
        ]
    return Graph(nodes=(start, *nodes), edges=tuple(edges))


def _kind(name: str) -> NodeKind:
    if name in _CALLING:
        return NodeKind.EXECUTOR
    return NodeKind.CONDITIONAL if name == "condition" else NodeKind.ACTION

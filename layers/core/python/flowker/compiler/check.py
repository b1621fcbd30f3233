"""Everything that is wrong with a graph, found at once, before it may be activated (Flowker spec c.1 [R])."""

from collections.abc import Iterator

from flowker.compiler.topology import entries, reachable, resolve
from flowker.errors import Diagnostic
from flowker.expressions.conditions import parse
from flowker.expressions.problems import ExpressionSyntaxError
from flowker.model.graph import Graph, NodeKind

RESERVED_IDS = ("workflow", "output")
"""Names that the context uses itself (Flowker spec d.2)."""


def check(graph: Graph) -> list[Diagnostic]:
    """All findings that forbid activation, most fundamental first. Edge ends exist and ids are unique (checked at save)."""
    if not graph.nodes:
        return [Diagnostic("FLK-0112", "a workflow without nodes cannot be activated", "/nodes")]
    findings = [*_node_ids(graph), *_conditions(graph)]
    triggers = entries(graph)
    if not triggers:
        findings.append(
            Diagnostic("FLK-0116", "a workflow without a trigger node cannot be activated", "/nodes")
        )
    for trigger in triggers:
        if resolve(graph, trigger) is None:
            message = f'nodes after trigger "{trigger}" form a cycle'
            findings.append(Diagnostic("FLK-0508", message, "/edges"))
    return findings


def unreachable(graph: Graph) -> list[str]:
    """Ids of nodes that no trigger reaches: legal, but never run."""
    found = set().union(*(reachable(graph, trigger) for trigger in entries(graph)))
    return [node.id for node in graph.nodes if node.id not in found]


def _node_ids(graph: Graph) -> Iterator[Diagnostic]:
    for number, node in enumerate(graph.nodes):
        if node.id in RESERVED_IDS or any(char in ".[]" or char.isspace() for char in node.id):
            message = f'node id "{node.id}" cannot be referred to: it is reserved or contains one of . [ ] or a space'
            yield Diagnostic("FLK-0120", message, f"/nodes/{number}/id")


def _conditions(graph: Graph) -> Iterator[Diagnostic]:
    for number, node in enumerate(graph.nodes):
        if node.type is NodeKind.CONDITIONAL:
            yield from _condition(node.settings.get("condition"), f"/nodes/{number}/data/condition")
    for number, edge in enumerate(graph.edges):
        if edge.expression is not None:
            yield from _condition(edge.expression, f"/edges/{number}/condition")


def _condition(text: object, pointer: str) -> Iterator[Diagnostic]:
    if not isinstance(text, str) or not text.strip():
        yield Diagnostic("FLK-0105", "a conditional node needs a condition", pointer)
        return
    try:
        parse(text)
    except ExpressionSyntaxError as error:
        yield Diagnostic("FLK-0105", str(error), pointer)

"""The one list of node kinds, and what they mean together: which context a node sees."""

from collections.abc import Iterable, Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.execution import Step, StepStatus
from flowker.model.graph import Node, NodeKind
from flowker.nodes.action import Action
from flowker.nodes.base import NodeType
from flowker.nodes.conditional import Conditional
from flowker.nodes.executor import Executor
from flowker.nodes.trigger import Trigger

NODE_TYPES: Mapping[NodeKind, NodeType] = {
    NodeKind.TRIGGER: Trigger(),
    NodeKind.EXECUTOR: Executor(),
    NodeKind.CONDITIONAL: Conditional(),
    NodeKind.ACTION: Action(),
}


def type_of(node: Node) -> NodeType:
    return NODE_TYPES[node.type]


def context_of(data: Json, nodes: Iterable[Node], steps: Mapping[str, Step]) -> dict[str, Any]:
    """The context after these nodes: the input, and what each of them that completed contributed, in this order."""
    context: dict[str, Any] = {"workflow": data}
    for node in nodes:
        step = steps.get(node.id)
        if step is not None and step.status is StepStatus.COMPLETED:
            type_of(node).contribute(node, step.output, context)
    return context

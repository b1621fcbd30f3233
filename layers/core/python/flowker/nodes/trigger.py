"""The entry point of a graph. It does no work: the input is already in the context."""

from typing import Any

from flowker.model.exact_json import Json
from flowker.model.graph import Node, NodeKind
from flowker.nodes.base import Result, Run


class Trigger:
    def references(self, node: Node) -> frozenset[str]:
        return frozenset()

    def run(self, node: Node, run: Run) -> Result:
        return Result(None)

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        """Nothing."""

    def contributes(self, node: Node) -> frozenset[str]:
        return frozenset()


def trigger_type(node: Node) -> str | None:
    """The id of the trigger in the catalog, as the node names it; None if it is no trigger, or names none."""
    named = node.settings.get("triggerType") or node.settings.get("triggerId")
    return str(named) if node.type is NodeKind.TRIGGER and named else None

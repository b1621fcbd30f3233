"""The entry point of a graph. It does no work: the input is already in the context."""

from typing import Any

from flowker.model.exact_json import Json
from flowker.model.graph import Node
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

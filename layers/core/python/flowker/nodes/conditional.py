"""Decide which way to go: `data.condition` in the condition language (Flowker spec d.3, d.4, e)."""

from typing import Any

from flowker.expressions.conditions import parse
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.nodes.base import Failure, Result, Run


class Conditional:
    def references(self, node: Node) -> frozenset[str]:
        text = node.settings.get("condition")
        return parse(text).roots if isinstance(text, str) and text.strip() else frozenset()

    def run(self, node: Node, run: Run) -> Result:
        """Output `{condition, result, branchTaken: "true" | "false"}`."""
        text = node.settings.get("condition")
        if not isinstance(text, str) or not text.strip():
            raise Failure("missing condition expression")
        try:
            result = parse(text).evaluate(run.context)
        except (ExpressionSyntaxError, EvaluationError) as error:
            raise Failure(f"condition evaluation failed: {error}") from error
        return Result({"condition": text, "result": result, "branchTaken": "true" if result else "false"})

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        """Nothing: only its outgoing edges know what it decided."""

    def contributes(self, node: Node) -> frozenset[str]:
        return frozenset()

"""Built-in work without an external service: `set_output`, `log`, `transform`; other actions complete without effect.

`data.actionType`, or else `data.action`, names the action (Flowker spec d.5).
"""

import logging
from collections.abc import Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.nodes.base import Result, Run
from flowker.nodes.mapping import changed, deep_merge, input_change, input_mappings, mapped, roots_of

logger = logging.getLogger(__name__)


class Action:
    def references(self, node: Node) -> frozenset[str] | None:
        if kind_of(node) == "set_output":
            return roots_of(input_mappings(node, "mapping"))
        return roots_of(input_change(node)) if _transforms(node) else frozenset()

    def run(self, node: Node, run: Run) -> Result:
        """Output: the node's whole `data`, for `set_output` with its mapping merged over `output`; for `transform` the
        result of its `inputMapping` or `transforms`, any JSON."""
        if _transforms(node):
            return Result(changed(input_change(node), run.context, run, "input transformation failed"))
        data = dict(node.settings)
        if kind_of(node) == "log":
            logger.info("action log", extra={"node_id": node.id, "log_message": data.get("message")})
        if kind_of(node) == "set_output" and isinstance(data.get("output"), Mapping):
            mapping = input_mappings(node, "mapping")
            if not mapping.empty:
                values = mapped(mapping, run.context, run, "output transformation failed")
                data["output"] = deep_merge(data["output"], values)
        return Result(data)

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        if _transforms(node):
            context[node.id] = output
        elif self.contributes(node):
            context["output"] = output["output"]

    def contributes(self, node: Node) -> frozenset[str]:
        if _transforms(node):
            return frozenset({node.id})
        sets = kind_of(node) == "set_output" and isinstance(node.settings.get("output"), Mapping)
        return frozenset({"output"}) if sets else frozenset()


def kind_of(node: Node) -> object:
    """What the action is called."""
    return node.settings.get("actionType") or node.settings.get("action")


def _transforms(node: Node) -> bool:
    """A `transform` with nothing to do is one of the actions that complete without effect."""
    return kind_of(node) == "transform" and not input_change(node).empty

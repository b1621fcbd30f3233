"""Built-in work without an external service: `set_output` and `log`; other actions complete without effect.

`data.actionType`, or else `data.action`, names the action (Flowker spec d.5).
"""

import logging
from collections.abc import Mapping
from typing import Any

from flowker.expressions.mappings import WHOLE
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.nodes.base import EVERYTHING, Result, Run
from flowker.nodes.mapping import deep_merge, input_mappings, mapped

logger = logging.getLogger(__name__)


class Action:
    def references(self, node: Node) -> frozenset[str] | None:
        roots = input_mappings(node, "mapping").roots if _kind(node) == "set_output" else frozenset()
        return EVERYTHING if WHOLE in roots else roots

    def run(self, node: Node, run: Run) -> Result:
        """Output: the node's whole `data`; for `set_output` with its mapping merged over `output`."""
        data = dict(node.settings)
        if _kind(node) == "log":
            logger.info("action log", extra={"node_id": node.id, "log_message": data.get("message")})
        if _kind(node) == "set_output" and isinstance(data.get("output"), Mapping):
            mapping = input_mappings(node, "mapping")
            if not mapping.empty:
                values = mapped(mapping, run.context, "output transformation failed")
                data["output"] = deep_merge(data["output"], values)
        return Result(data)

    def contribute(self, node: Node, output: Json, context: dict[str, Any]) -> None:
        if self.contributes(node):
            context["output"] = output["output"]

    def contributes(self, node: Node) -> frozenset[str]:
        sets = _kind(node) == "set_output" and isinstance(node.settings.get("output"), Mapping)
        return frozenset({"output"}) if sets else frozenset()


def _kind(node: Node) -> object:
    return node.settings.get("actionType") or node.settings.get("action")

"""Field mappings as nodes use them: parsed from node data, applied to a context, merged over static values."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import EvaluationError
from flowker.model.graph import Node
from flowker.nodes.base import Context, Failure


@lru_cache(maxsize=4096)
def input_mappings(node: Node, name: str = "inputMapping") -> FieldMappings:
    """The mappings under a key of the node's data. Raises `MappingError` for those that were never checked."""
    return FieldMappings.for_input(node.settings.get(name) or [])


@lru_cache(maxsize=4096)
def output_mappings(node: Node) -> FieldMappings:
    """The node's `outputMapping`."""
    return FieldMappings.for_output(node.settings.get("outputMapping") or [])


def mapped(mappings: FieldMappings, document: Context, reason: str) -> dict[str, Any]:
    """Apply the mappings. Raises `Failure` with this reason, and the cause in its detail."""
    try:
        return mappings.apply(document)
    except EvaluationError as error:
        raise Failure(reason, detail=f"{reason}: {error}") from error


def deep_merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged key by key; anything else in `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = deep_merge(below, value)
        merged[key] = value
    return merged

"""Field mappings as nodes use them: parsed from node data, applied to a context, merged over static values."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import EvaluationError
from flowker.model import exact_json
from flowker.model.graph import Node
from flowker.nodes.base import Context, Failure


def input_mappings(node: Node, name: str = "inputMapping") -> FieldMappings:
    """The mappings under a key of the node's data. Raises `MappingError` for those that were never checked."""
    return _parsed(exact_json.dumps(node.settings.get(name) or []), False)


def output_mappings(node: Node) -> FieldMappings:
    """The node's `outputMapping`."""
    return _parsed(exact_json.dumps(node.settings.get("outputMapping") or []), True)


@lru_cache(maxsize=1024)
def _parsed(text: str, output: bool) -> FieldMappings:
    items = exact_json.loads(text)
    return FieldMappings.for_output(items) if output else FieldMappings.for_input(items)


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

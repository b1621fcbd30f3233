"""Field mappings and transforms as nodes use them: read from node data, applied to a context, merged over static values."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.operations.specs import WHOLE
from flowker.expressions.problems import EvaluationError
from flowker.expressions.transforms import Transforms
from flowker.model.exact_json import Json
from flowker.model.graph import Node
from flowker.nodes.base import EVERYTHING, Failure, Run

Change = FieldMappings | Transforms
"""What makes a new document of a given one."""


@lru_cache(maxsize=4096)
def input_mappings(node: Node, name: str = "inputMapping") -> FieldMappings:
    """The mappings under a key of the node's data. Raises `MappingError` for those that were never checked."""
    return FieldMappings.for_input(node.settings.get(name) or [])


@lru_cache(maxsize=4096)
def output_mappings(node: Node) -> FieldMappings:
    """The node's `outputMapping`."""
    return FieldMappings.for_output(node.settings.get("outputMapping") or [])


@lru_cache(maxsize=4096)
def input_change(node: Node) -> Change:
    """The node's `inputMapping`, or else its `transforms` (Flowker spec d.6). Raises as `input_mappings` does."""
    mappings = input_mappings(node)
    return Transforms.parse(node.settings.get("transforms") or []) if mappings.empty else mappings


def roots_of(change: Change) -> frozenset[str] | None:
    """The top-level names of the context that it refers to; `EVERYTHING` for all of it."""
    return EVERYTHING if WHOLE in change.roots else change.roots


def changed(change: Change, document: Json, run: Run, reason: str) -> Json:
    """The new document. Raises `Failure` with this reason, and the cause in its detail."""
    try:
        return change.apply(document, run.surroundings(reason))
    except EvaluationError as error:
        raise Failure(reason, detail=f"{reason}: {error}") from error


def mapped(mappings: FieldMappings, document: Json, run: Run, reason: str) -> dict[str, Any]:
    """The new document where it must be an object. Raises as `changed` does."""
    result = changed(mappings, document, run, reason)
    if not isinstance(result, dict):
        raise Failure(reason, detail=f"{reason}: the result is no object")
    return result


def deep_merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged key by key; anything else in `over` wins."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = deep_merge(below, value)
        merged[key] = value
    return merged

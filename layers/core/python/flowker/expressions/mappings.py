"""Field mappings: lists of `{source, target, required?, transformation?}` that build a new document.

Flowker spec f.1, l.12. All of a list is one shift, followed by the transformations in the order of the list.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from flowker.expressions.operations.base import Operation, Surroundings, measured
from flowker.expressions.operations.shift import Move, Shift, Source
from flowker.expressions.operations.specs import WHOLE, fields, source, target
from flowker.expressions.paths import Path
from flowker.expressions.problems import MappingError
from flowker.expressions.transforms import Transforms, kind_of, within_limits
from flowker.model.exact_json import Json

_PREFIXES = ("executor.", "provider.")

_Read = Callable[..., Source]


@dataclass(frozen=True, slots=True)
class FieldMappings:
    """A list of mappings. The moves are applied in order, so of overlapping targets the later one wins."""

    shift: Shift
    transforms: Transforms

    @staticmethod
    def for_input(items: object) -> "FieldMappings":
        """Mappings from the context to what a node works on. `items` is JSON; None means none.

        A leading `executor.` or `provider.` of the targets is dropped if every target has one.
        Raises `MappingError`.
        """
        found = _items(items)
        if all(item.target.startswith(_PREFIXES) for item in found if item.target is not None):
            found = [replace(item, target=item.target and _without_prefix(item.target)) for item in found]
        return _compiled(found, Source.parse)

    @staticmethod
    def for_output(items: object) -> "FieldMappings":
        """Mappings from a response envelope to a node's output. `items` is JSON; None means none.

        A source `executor.x` or `provider.x` is `x` of the body, else of the envelope. Raises `MappingError`.
        """
        return _compiled(_items(items), _in_response)

    @property
    def empty(self) -> bool:
        return not self.shift.moves and self.transforms.empty

    @property
    def roots(self) -> frozenset[str]:
        """The top-level keys of the document that the sources refer to; `WHOLE` if one takes the whole document."""
        return frozenset(root for move in self.shift.moves for root in move.source.roots)

    def apply(self, document: Json, surroundings: Surroundings) -> Json:
        """A new document; it may share values with the given one, which stays as it is. Raises `EvaluationError`."""
        result = self.shift.apply(document, surroundings)
        measured(result)
        return self.transforms.apply(result, surroundings)

    def workflow_writes(self, result: Json) -> dict[str, Json]:
        """What of an output mapping's result goes into the workflow's own data too: its targets `workflow.…`."""
        written = result.get("workflow") if isinstance(result, dict) else None
        return dict(written) if self.writes_workflow and isinstance(written, dict) else {}

    @property
    def writes_workflow(self) -> bool:
        """Whether a target is below `workflow`."""
        steps = (move.target.steps for move in self.shift.moves)
        return any(step[0] == "workflow" and len(step) > 1 for step in steps)


@dataclass(frozen=True, slots=True)
class _Item:
    """One mapping as it was written."""

    index: int
    source: str | None
    target: str | None
    required: bool
    transformation: Mapping[str, object] | None


def _items(items: object) -> list[_Item]:
    """The items that are objects; others are dropped."""
    if items is None:
        return []
    if not isinstance(items, list):
        raise MappingError("field mappings are a list of objects")
    within_limits(items)
    return [_item(item, index) for index, item in enumerate(items) if isinstance(item, Mapping)]


def _item(item: Mapping[str, object], index: int) -> _Item:
    required, transformation = item.get("required"), item.get("transformation")
    if not isinstance(required, bool | None):
        raise MappingError("expected true or false", index, "required")
    if transformation is not None:
        transformation = fields(transformation, index, "transformation")
    source_text, target_text = (_path_text(item, key, index) for key in ("source", "target"))
    return _Item(index, source_text, target_text, bool(required), transformation)


def _path_text(item: Mapping[str, object], key: str, index: int) -> str | None:
    """Without a source or a target an item moves nothing, which is no error (Flowker spec f.1)."""
    if key not in item:
        return None
    text = item[key]
    if not isinstance(text, str) or not text.strip():
        raise MappingError("expected a path", index, key)
    return text


def _compiled(items: list[_Item], read: _Read) -> FieldMappings:
    moves = [
        Move(
            read(item.source, item.index, "source"), target(item.target, item.index, "target"), item.required
        )
        for item in items
        if item.source is not None and item.target is not None
    ]
    return FieldMappings(Shift(tuple(moves)), Transforms.of(_transformations(items)))


def _transformations(items: list[_Item]) -> Iterator[tuple[int, str, Operation]]:
    for item in items:
        if item.transformation is None:
            continue
        at = (item.index, "transformation")
        name, config = item.transformation.get("type"), item.transformation.get("config")
        kind = kind_of(name, *at, "type")
        config = {} if config is None else fields(config, *at, "config")
        try:
            operation = kind.parse_at(config, item.target)
        except MappingError as problem:
            raise problem.below(*at, "config") from None
        yield item.index, str(name), operation


def _in_response(text: str, *at: str | int) -> Source:
    """Envelopes know no shorthand: their own keys are meant."""
    if text == WHOLE:
        return Source(WHOLE, ())
    if not text.startswith(_PREFIXES):
        return Source(text, (replace(source(text, *at), shorthand=False),))
    path = replace(source(_without_prefix(text), *at), shorthand=False)
    return Source(text, (Path("body", (path.root, *path.steps)), path))


def _without_prefix(text: str) -> str:
    return text.split(".", 1)[1]

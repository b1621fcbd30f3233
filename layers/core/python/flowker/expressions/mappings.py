"""Field mappings: lists of `{source, target, required?}` that build a new document (Flowker spec f.1, l.12)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flowker.expressions.paths import MISSING, Path, Target
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError, MappingError
from flowker.model.exact_json import Json

WHOLE: Final = "$"
"""The source that is the whole document, and among `roots` the need for all of it."""

_PREFIXES = ("executor.", "provider.")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One value's way: from the first of `places` that holds one to `target`. No places: the whole document."""

    source: str
    places: tuple[Path, ...]
    target: Target
    required: bool

    def value(self, document: Mapping[str, Json]) -> Json:
        """Raises `EvaluationError` if nothing is there and it is required; otherwise nothing is null."""
        if not self.places:
            return dict(document)  # a copy, because callers put results back into the document
        gap = MISSING if self.required else None
        for place in self.places:
            found = place.find(document, gap=gap)
            if found is not MISSING:
                return found
        if self.required:
            raise EvaluationError(f"required field not found: {self.source}")
        return None


@dataclass(frozen=True, slots=True)
class FieldMappings:
    """A list of mappings. They are applied in order, so of overlapping targets the later one wins."""

    items: tuple[FieldMapping, ...] = ()

    @staticmethod
    def for_input(items: object) -> "FieldMappings":
        """Mappings from the context to what a node works on. `items` is JSON; None means none.

        A leading `executor.` or `provider.` of the targets is dropped if every target has one.
        Raises `MappingError`.
        """
        texts = _texts(items)
        addressed = all(target.startswith(_PREFIXES) for _, _, target, _ in texts)
        return FieldMappings(
            tuple(
                FieldMapping(
                    source,
                    _in_context(source, item),
                    _target(target.split(".", 1)[1] if addressed else target, item),
                    required,
                )
                for item, source, target, required in texts
            )
        )

    @staticmethod
    def for_output(items: object) -> "FieldMappings":
        """Mappings from a response envelope to a node's output. `items` is JSON; None means none.

        A source `executor.x` or `provider.x` is `x` of the body, else of the envelope. Raises `MappingError`.
        """
        return FieldMappings(
            tuple(
                FieldMapping(source, _in_response(source, item), _target(target, item), required)
                for item, source, target, required in _texts(items)
            )
        )

    @property
    def empty(self) -> bool:
        return not self.items

    @property
    def roots(self) -> frozenset[str]:
        """The top-level keys of the document that the sources refer to; `WHOLE` if one takes the whole document."""
        return frozenset(
            root for item in self.items for root in ([place.root for place in item.places] or [WHOLE])
        )

    def apply(self, document: Mapping[str, Json]) -> dict[str, Json]:
        """A new document; it may share values with the given one, which stays as it is. Raises `EvaluationError`."""
        result: dict[str, Json] = {}
        for item in self.items:
            result = item.target.put(result, item.value(document))
        return result

    def workflow_writes(self, result: Mapping[str, Json]) -> dict[str, Json]:
        """What of an output mapping's result goes into the workflow's own data too: its targets `workflow.…`."""
        written = result.get("workflow")
        return dict(written) if self.writes_workflow and isinstance(written, dict) else {}

    @property
    def writes_workflow(self) -> bool:
        """Whether a target is below `workflow`."""
        return any(item.target.steps[0] == "workflow" and len(item.target.steps) > 1 for item in self.items)


_Texts = tuple[str, str, str, bool]


def _texts(items: object) -> list[_Texts]:
    """Name in messages, source, target and required of every item that maps something."""
    if items is None:
        return []
    if not isinstance(items, list):
        raise MappingError("field mappings are a list of objects")
    found = [_text(item, f"[{index}]") for index, item in enumerate(items) if isinstance(item, Mapping)]
    return [texts for texts in found if texts]


def _text(item: Mapping[str, object], name: str) -> _Texts | None:
    if item.get("transformation") is not None:
        raise MappingError("transformations are not supported", f"{name}.transformation")
    required = item.get("required")
    if not isinstance(required, bool | None):
        raise MappingError("expected true or false", f"{name}.required")
    source, target = (_path_text(item, key, name) for key in ("source", "target"))
    return (name, source, target, bool(required)) if source and target else None


def _path_text(item: Mapping[str, object], key: str, name: str) -> str:
    """Empty where the key is absent: such an item maps nothing, but is no error (Flowker spec f.1)."""
    if key not in item:
        return ""
    text = item[key]
    if not isinstance(text, str) or not text.strip():
        raise MappingError("expected a path", f"{name}.{key}")
    return text


def _in_context(source: str, item: str) -> tuple[Path, ...]:
    if source == WHOLE:
        return ()
    return (_source(source, item),)


def _in_response(source: str, item: str) -> tuple[Path, ...]:
    """Envelopes know no shorthand: their own keys are meant."""
    if source == WHOLE:
        return ()
    if not source.startswith(_PREFIXES):
        return (replace(_source(source, item), shorthand=False),)
    path = replace(_source(source.split(".", 1)[1], item), shorthand=False)
    return (Path("body", (path.root, *path.steps)), path)


def _source(text: str, item: str) -> Path:
    try:
        path = Path.parse(text)
    except ExpressionSyntaxError as error:
        raise MappingError(str(error), f"{item}.source") from None
    if path.root == WHOLE:
        raise MappingError("$ is the whole document and stands alone", f"{item}.source")
    return path


def _target(text: str, item: str) -> Target:
    try:
        target = Target.parse(text)
    except ExpressionSyntaxError as error:
        raise MappingError(str(error), f"{item}.target") from None
    if target.steps[0] == WHOLE:
        raise MappingError("$ is for sources only", f"{item}.target")
    return target

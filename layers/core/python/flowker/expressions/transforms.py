"""Lists of operations that are applied one after the other (Flowker spec f.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from flowker.expressions.operations.base import Operation, Surroundings, measured
from flowker.expressions.operations.fields import Pass
from flowker.expressions.operations.registry import OPERATIONS, Kind
from flowker.expressions.operations.specs import WHOLE, fields
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.model.exact_json import Json

MAX_OPERATIONS: Final = 100
"""In one list."""

MAX_CHARACTERS: Final = 64 * 1024
"""Of JSON in one list, roughly, so that the work it asks for is bounded."""


@dataclass(frozen=True, slots=True)
class Transforms:
    """Operations, each with what messages call it."""

    operations: tuple[tuple[str, Operation], ...] = ()

    @staticmethod
    def parse(items: object) -> "Transforms":
        """From `[{operation, spec, require?}, …]`; None means none. Raises `MappingError`."""
        return Transforms.of(
            (index, str(item.get("operation")), _operation(item, index)) for index, item in _objects(items)
        )

    @staticmethod
    def of(found: Iterable[tuple[int, str, Operation]]) -> "Transforms":
        """Operations with their places in a list and their names. Raises `MappingError` for too many."""
        operations = tuple((f"[{index}] {name}", operation) for index, name, operation in found)
        if len(operations) > MAX_OPERATIONS:
            raise MappingError(f"at most {MAX_OPERATIONS} operations")
        return Transforms(operations)

    @property
    def empty(self) -> bool:
        return not self.operations

    @property
    def roots(self) -> frozenset[str]:
        """The top-level keys of the document that the result depends on, `WHOLE` for all of them.

        What the first operation that does anything leaves behind is out of reach for those after it.
        """
        roots = (operation.roots for _, operation in self.operations if not isinstance(operation, Pass))
        first = next(roots, None)
        return frozenset({WHOLE}) if first is None else first

    def apply(self, document: Json, surroundings: Surroundings) -> Json:
        """A new document; it may share values with the given one, which stays as it is. Raises `EvaluationError`."""
        if isinstance(document, dict):
            document = dict(document)  # because callers put results back into the document
        for name, operation in self.operations:
            try:
                document = operation.apply(document, surroundings)
                measured(document)
            except EvaluationError as problem:
                raise EvaluationError(f"{name}: {problem}") from None
        return document


def within_limits(items: object) -> None:
    """Raises `MappingError` for a list that is too long for its work to be bounded, or nested absurdly."""
    try:
        measured(items, MAX_CHARACTERS)
    except EvaluationError:
        raise MappingError(f"too large: at most {MAX_CHARACTERS} characters, not nested deeply") from None


def kind_of(name: object, *at: str | int) -> Kind:
    """Raises `MappingError` for an operation that does not exist."""
    kind = OPERATIONS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise MappingError(f"expected one of {', '.join(OPERATIONS)}", *at)
    return kind


def _objects(items: object) -> Iterable[tuple[int, Mapping[str, object]]]:
    if items is None:
        return []
    if not isinstance(items, list):
        raise MappingError("operations are a list of objects")
    within_limits(items)
    return [(index, fields(item, index)) for index, item in enumerate(items)]


def _operation(item: Mapping[str, object], index: int) -> Operation:
    kind = kind_of(item.get("operation"), index, "operation")
    require = item.get("require")
    if not isinstance(require, bool | None):
        raise MappingError("expected true or false", index, "require")
    spec = item.get("spec")
    if kind is OPERATIONS["pass"] and spec is None:
        return Pass()
    if not fields(spec, index, "spec") and kind is not OPERATIONS["pass"]:
        raise MappingError("the spec is empty", index, "spec")
    try:
        return kind.parse(fields(spec), bool(require))
    except MappingError as problem:
        raise problem.below(index, "spec") from None

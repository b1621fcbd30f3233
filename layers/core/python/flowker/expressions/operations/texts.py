"""Operations on one text in its place. Where there is no text they do nothing (Flowker spec f.4)."""

from collections.abc import Callable
from dataclasses import dataclass

from flowker.expressions.operations.base import Operation, Surroundings
from flowker.expressions.operations.specs import Spec, single_place, text
from flowker.expressions.paths import MISSING, Path
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.model.exact_json import Json

Change = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class EditText(Operation):
    """A text is replaced by what `change` makes of it."""

    path: Path
    change: Change
    require: bool

    def apply(self, document: Json, _: Surroundings) -> Json:
        return self.path.edit(document, self._edited)

    def _edited(self, value: Json) -> Json:
        if value is MISSING and self.require:
            raise EvaluationError(f"field not found: {self.path}")
        return self.change(value) if isinstance(value, str) else value


def remove_characters(spec: Spec, require: bool) -> EditText:
    """`{path, characters}`: each of the characters is removed. Raises `MappingError`."""
    unwanted = text(spec, "characters")
    if not unwanted.strip():
        raise MappingError("expected characters that are not all blank", "characters")
    table = dict.fromkeys(map(ord, unwanted))
    return EditText(_path(spec), lambda value: value.translate(table), require)


def add_prefix(spec: Spec, require: bool) -> EditText:
    """`{path, prefix}`. Raises `MappingError`."""
    prefix = text(spec, "prefix")
    return EditText(_path(spec), lambda value: prefix + value, require)


def add_suffix(spec: Spec, require: bool) -> EditText:
    """`{path, suffix}`. Raises `MappingError`."""
    suffix = text(spec, "suffix")
    return EditText(_path(spec), lambda value: value + suffix, require)


def to_uppercase(spec: Spec, require: bool) -> EditText:
    """`{path}`. Raises `MappingError`."""
    return EditText(_path(spec), str.upper, require)


def to_lowercase(spec: Spec, require: bool) -> EditText:
    """`{path}`. Raises `MappingError`."""
    return EditText(_path(spec), str.lower, require)


def _path(spec: Spec) -> Path:
    path = single_place(spec.get("path"), "path")
    if not all(isinstance(step, str) for step in path.steps):
        raise MappingError("the path of a text has names only, no [index]", "path")
    return path

"""Operations that add, take and choose fields: coalesce, concat, default, delete, extract, pass (Flowker spec f.3)."""

from dataclasses import dataclass
from decimal import Decimal

from flowker.expressions.operations.base import MAX_SIZE, Operation, Surroundings, measured
from flowker.expressions.operations.specs import Spec, entries, fields, single_place, source, target
from flowker.expressions.paths import MISSING, Path, Target
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.model import exact_json
from flowker.model.exact_json import Json


def written(document: Json, goal: Target, value: Json) -> dict[str, Json]:
    """A copy of the document with the value in its place. Raises `EvaluationError` if the document has no places."""
    if not isinstance(document, dict):
        raise EvaluationError("the document is no object")
    return goal.put(document, value)


def as_text(value: Json) -> str:
    """Text as it is, everything else as JSON writes it. Raises `EvaluationError` for what is too much."""
    if isinstance(value, str):
        return value
    measured(value)
    return exact_json.readable(value)


@dataclass(frozen=True, slots=True)
class Pass(Operation):
    """Nothing."""

    @staticmethod
    def parse(_: Spec, __: bool) -> "Pass":
        return Pass()

    def apply(self, document: Json, _: Surroundings) -> Json:
        return document


@dataclass(frozen=True, slots=True)
class Extract(Operation):
    """A value of the document becomes the document; null if there is none."""

    path: Path
    require: bool

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Extract":
        """`{path}`. Raises `MappingError`."""
        return Extract(source(spec.get("path"), "path"), require)

    @property
    def roots(self) -> frozenset[str]:
        return frozenset({self.path.root})

    def apply(self, document: Json, _: Surroundings) -> Json:
        if self.require:
            return self.path.resolve(document)
        found = self.path.find(document, gap=None)
        return None if found is MISSING else found


@dataclass(frozen=True, slots=True)
class Default(Operation):
    """Values are set, whatever is there."""

    values: tuple[tuple[Target, Json], ...]

    @staticmethod
    def parse(spec: Spec, _: bool) -> "Default":
        """`{target: value}`. Raises `MappingError`."""
        return Default(tuple((target(key, key), value) for key, value in spec.items()))

    def apply(self, document: Json, _: Surroundings) -> Json:
        for goal, value in self.values:
            document = written(document, goal, value)
        return document


@dataclass(frozen=True, slots=True)
class Delete(Operation):
    """Fields and elements are taken out, one after the other."""

    paths: tuple[Path, ...]
    require: bool

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Delete":
        """`{paths: [path, …]}`. Raises `MappingError`."""
        listed = enumerate(entries(spec.get("paths"), "paths"))
        return Delete(tuple(single_place(each, "paths", index) for index, each in listed), require)

    def apply(self, document: Json, _: Surroundings) -> Json:
        for path in self.paths:
            if self.require:
                path.resolve(document)
            document = path.edit(document, lambda _: MISSING)
        return document


@dataclass(frozen=True, slots=True)
class Coalesce(Operation):
    """Each target gets the first value that is neither null nor to be ignored; without one it stays as it is."""

    choices: tuple[tuple[Target, tuple[Path, ...]], ...]
    ignored: tuple[Json, ...]

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Coalesce":
        """`{target: [source, …], ignore?: [value, …]}`. Raises `MappingError`."""
        if require:
            raise MappingError("coalesce takes what there is: require is not supported")
        ignored = [] if spec.get("ignore") is None else entries(spec["ignore"], "ignore")
        choices = [(target(key, key), _sources(key, value)) for key, value in spec.items() if key != "ignore"]
        if not choices:
            raise MappingError("expected a target with a list of sources")
        return Coalesce(tuple(choices), tuple(ignored))

    def apply(self, document: Json, _: Surroundings) -> Json:
        for goal, paths in self.choices:
            found = (path.find(document, gap=None) for path in paths)
            value = next((each for each in found if not self._ignores(each)), MISSING)
            if value is not MISSING:
                document = written(document, goal, value)
        return document

    def _ignores(self, value: Json) -> bool:
        return (
            value is None
            or value is MISSING
            or any(
                value == other and isinstance(value, bool) == isinstance(other, bool)
                for other in self.ignored
            )
        )


def _sources(key: str, value: object) -> tuple[Path, ...]:
    return tuple(source(each, key, index) for index, each in enumerate(entries(value, key)))


@dataclass(frozen=True, slots=True)
class Concat(Operation):
    """Texts and values as text, joined into one. Of lists the elements are joined without a delimiter."""

    sources: tuple[Path | str, ...]
    """A text stands for itself."""
    goal: Target
    delimiter: str
    require: bool

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Concat":
        """`{sources: [{value} or {path}, …], targetPath, delim?}`. Raises `MappingError`."""
        delimiter = "" if spec.get("delim") is None else spec["delim"]
        if not isinstance(delimiter, str):
            raise MappingError("expected a text", "delim")
        listed = enumerate(entries(spec.get("sources"), "sources"))
        sources = tuple(_part(each, "sources", index) for index, each in listed)
        return Concat(sources, target(spec.get("targetPath"), "targetPath"), delimiter, require)

    def apply(self, document: Json, _: Surroundings) -> Json:
        parts: list[str] = []
        for each in self.sources:
            parts.append(each if isinstance(each, str) else self._text(document, each))
            if sum(map(len, parts)) > MAX_SIZE:
                raise EvaluationError(f"the result is too large: more than {MAX_SIZE} characters")
        return written(document, self.goal, self.delimiter.join(parts))

    def _text(self, document: Json, path: Path) -> str:
        value = path.resolve(document) if self.require else path.find(document, gap=None)
        if value is MISSING:
            return as_text(None)
        if isinstance(value, list):
            return "".join(as_text(element) for element in value if element is not None)
        return as_text(value)


def _part(value: object, *at: str | int) -> Path | str:
    part = fields(value, *at)
    if "value" not in part:
        return source(part.get("path"), *at, "path")
    literal = part["value"]
    if not isinstance(literal, str | int | float | Decimal | None):
        raise MappingError("expected a text, a number, true, false or null", *at, "value")
    return as_text(literal)

"""`uuid`: write an identifier, a random one or one that follows from names (Flowker spec f.3)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, UUID, uuid3, uuid5

from flowker.expressions.operations.base import Operation, Surroundings
from flowker.expressions.operations.fields import as_text, written
from flowker.expressions.operations.specs import Spec, entries, fields, source, target, text
from flowker.expressions.paths import MISSING, Path, Target
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.model.exact_json import Json

_NAMESPACES: Final = {
    "DNS": NAMESPACE_DNS,
    "URL": NAMESPACE_URL,
    "OID": NAMESPACE_OID,
    "X500": NAMESPACE_X500,
}
_NAMING: Final[Mapping[object, Callable[[UUID, str], UUID]]] = {3: uuid3, 5: uuid5}


@dataclass(frozen=True, slots=True)
class Name:
    """A value as text; `default` where there is none, and None if there must be one."""

    path: Path
    default: str | None

    def text(self, document: Json) -> str:
        """Raises `EvaluationError`."""
        value = self.path.find(document, gap=None)
        if value is not MISSING and value is not None:
            return as_text(value)
        if self.default is None:
            raise EvaluationError(f"field not found: {self.path}")
        return self.default


@dataclass(frozen=True, slots=True)
class Identifier:
    """Where to write it. `naming` is how a name and the identifier before it make one; without it, it is random."""

    goal: Target
    naming: Callable[[UUID, str], UUID] | None = None
    namespace: UUID = NAMESPACE_DNS
    names: tuple[Name, ...] = ()

    def make(self, document: Json, surroundings: Surroundings) -> UUID:
        if self.naming is None:
            return surroundings.random_uuid()
        made = self.namespace
        for name in self.names:
            try:
                made = self.naming(made, name.text(document))
            except UnicodeEncodeError:
                raise EvaluationError(f"{name.path} holds half of a character") from None
        return made


@dataclass(frozen=True, slots=True)
class Uuid(Operation):
    """Identifiers, written one after the other."""

    identifiers: tuple[Identifier, ...]

    @staticmethod
    def parse(spec: Spec, _: bool) -> "Uuid":
        """`{target: {version: 4}}` or `{target: {version: 3 | 5, namespace, names: [{path, default?}, …]}}`.

        Raises `MappingError`.
        """
        return Uuid(tuple(_identifier(key, spec[key], key) for key in spec))

    @staticmethod
    def parse_at(config: Spec, at: object) -> "Uuid":
        """The same, or `{version, …}` for the one target. Raises `MappingError`."""
        if any(isinstance(value, Mapping) for value in config.values()):
            return Uuid.parse(config, False)
        return Uuid((_identifier(config.get("path", at), config),))

    def apply(self, document: Json, surroundings: Surroundings) -> Json:
        for identifier in self.identifiers:
            made = identifier.make(document, surroundings)
            document = written(document, identifier.goal, str(made))
        return document


def _identifier(goal: object, value: object, *at: str) -> Identifier:
    found, config = target(goal, *(at or ("path",))), fields(value, *at)
    version = config.get("version")
    if version == 4:
        return Identifier(found)
    naming = _NAMING.get(version) if isinstance(version, int | Decimal) else None
    if naming is None:
        raise MappingError("expected 3, 4 or 5", *at, "version")
    names = [
        _name(each, *at, "names", index)
        for index, each in enumerate(entries(config.get("names"), *at, "names"))
    ]
    if not names:
        raise MappingError("expected at least one name", *at, "names")
    return Identifier(found, naming, _namespace(config, *at), tuple(names))


def _namespace(config: Spec, *at: str) -> UUID:
    try:
        namespace = text(config, "namespace")
        return _NAMESPACES.get(namespace) or UUID(namespace)
    except MappingError as problem:
        raise problem.below(*at) from None
    except ValueError:
        raise MappingError("expected DNS, URL, OID, X500 or a UUID", *at, "namespace") from None


def _name(value: object, *at: str | int) -> Name:
    name = fields(value, *at)
    default = name.get("default")
    if isinstance(default, dict | list):
        raise MappingError("expected a text", *at, "default")
    return Name(source(name.get("path"), *at, "path"), None if default is None else as_text(default))

"""The one list of operations (Flowker spec f.3, f.4)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flowker.expressions.operations import texts
from flowker.expressions.operations.base import Operation
from flowker.expressions.operations.fields import Coalesce, Concat, Default, Delete, Extract, Pass
from flowker.expressions.operations.identifiers import Uuid
from flowker.expressions.operations.shift import Shift
from flowker.expressions.operations.specs import Spec
from flowker.expressions.operations.timestamp import Timestamp

Parse = Callable[[Spec, bool], Operation]
"""From a spec, and whether what it takes from the document must be there. Raises `MappingError`."""

ParseAt = Callable[[Spec, object], Operation]
"""From the `config` of a field mapping and its target, None if it has none. Raises `MappingError`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How an operation is read, alone and as the transformation of a field mapping."""

    parse: Parse
    parse_at: ParseAt


def _ignoring_target(parse: Parse) -> Kind:
    """Its spec names all of its places itself."""
    return Kind(parse, lambda config, _: parse(config, False))


def _at_path(parse: Parse) -> Kind:
    """It works at one `path`, which is the target unless the config has another."""
    return Kind(parse, lambda config, target: parse({"path": target, **config}, False))


OPERATIONS: Final[Mapping[str, Kind]] = {
    "shift": _ignoring_target(Shift.parse),
    "concat": _ignoring_target(Concat.parse),
    "coalesce": _ignoring_target(Coalesce.parse),
    "extract": _at_path(Extract.parse),
    "timestamp": Kind(Timestamp.parse, Timestamp.parse_at),
    "uuid": Kind(Uuid.parse, Uuid.parse_at),
    "default": _ignoring_target(Default.parse),
    "delete": _ignoring_target(Delete.parse),
    "pass": _ignoring_target(Pass.parse),
    "remove_characters": _at_path(texts.remove_characters),
    "add_prefix": _at_path(texts.add_prefix),
    "add_suffix": _at_path(texts.add_suffix),
    "to_uppercase": _at_path(texts.to_uppercase),
    "to_lowercase": _at_path(texts.to_lowercase),
}

"""`timestamp`: rewrite times in their place, or write the current one (Flowker spec f.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from flowker.expressions.layouts import Layout, Moment, UnixSeconds
from flowker.expressions.operations.base import Operation, Surroundings
from flowker.expressions.operations.specs import Spec, fields, place, text
from flowker.expressions.paths import MISSING, Path
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.model.exact_json import Json

NOW: Final = "$now"
UNIX: Final = "$unix"

Format = Layout | UnixSeconds


@dataclass(frozen=True, slots=True)
class Rewriting:
    """One place and its formats. Without an `incoming` one the time is now."""

    path: Path
    incoming: Format | None
    outgoing: Format


@dataclass(frozen=True, slots=True)
class Timestamp(Operation):
    """Texts that are times become other texts. Null and what is missing is skipped."""

    rewritings: tuple[Rewriting, ...]
    require: bool

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Timestamp":
        """`{path: {inputFormat, outputFormat}}`. Raises `MappingError`."""
        return Timestamp(tuple(_rewriting(key, spec[key], key) for key in spec), require)

    @staticmethod
    def parse_at(config: Spec, at: object) -> "Timestamp":
        """The same, or `{inputFormat, outputFormat}` for the one place. Raises `MappingError`."""
        if any(isinstance(value, Mapping) for value in config.values()):
            return Timestamp.parse(config, False)
        return Timestamp((_rewriting(config.get("path", at), config),), False)

    def apply(self, document: Json, surroundings: Surroundings) -> Json:
        for rewriting in self.rewritings:
            if not isinstance(document, dict):
                raise EvaluationError("the document is no object")
            document = rewriting.path.edit(document, partial(self._rewritten, rewriting, surroundings))
        return document

    def _rewritten(self, rewriting: Rewriting, surroundings: Surroundings, value: Json) -> Json:
        if rewriting.incoming is None:
            return rewriting.outgoing.write(Moment.at(surroundings.now))
        if value is MISSING and self.require:
            raise EvaluationError(f"field not found: {rewriting.path}")
        if value is MISSING or value is None:
            return value
        if not isinstance(value, str):
            raise EvaluationError(f"{rewriting.path} is no text")
        try:
            return rewriting.outgoing.write(rewriting.incoming.read(value))
        except EvaluationError as problem:
            raise EvaluationError(f"{rewriting.path} {problem}") from None


def _rewriting(path: object, value: object, *at: str) -> Rewriting:
    found = place(path, *(at or ("path",)))
    formats = fields(value, *at)
    try:
        incoming = None if formats.get("inputFormat") == NOW else _format(formats, "inputFormat")
        return Rewriting(found, incoming, _format(formats, "outputFormat"))
    except MappingError as problem:
        raise problem.below(*at) from None


def _format(formats: Mapping[str, object], key: str) -> Format:
    layout = text(formats, key)
    if layout == UNIX:
        return UnixSeconds()
    try:
        return Layout.parse(layout)
    except MappingError as problem:
        raise problem.below(key) from None

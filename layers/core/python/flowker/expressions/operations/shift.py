"""`shift`: a new document made of values of the given one (Flowker spec f.1, f.3)."""

from collections.abc import Iterable
from dataclasses import dataclass

from flowker.expressions.operations.base import MAX_SIZE, Operation, Surroundings, measured
from flowker.expressions.operations.specs import WHOLE, Spec, entries, source, target
from flowker.expressions.paths import MISSING, Path, Target
from flowker.expressions.problems import EvaluationError
from flowker.model.exact_json import Json


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: the first of `places` that holds one. No places: the whole document."""

    text: str
    places: tuple[Path, ...]

    @staticmethod
    def parse(value: object, *at: str | int) -> "Source":
        """Raises `MappingError`."""
        if value == WHOLE:
            return Source(WHOLE, ())
        return Source(str(value), (source(value, *at),))

    @property
    def roots(self) -> frozenset[str]:
        return frozenset(place.root for place in self.places) or frozenset({WHOLE})

    @property
    def collects(self) -> bool:
        return any(place.collects for place in self.places)

    def value(self, document: Json, *, required: bool) -> Json:
        """Raises `EvaluationError` if nothing is there and it is required; otherwise nothing is null."""
        if not self.places:  # a copy, because callers put results back into the document
            return dict(document) if isinstance(document, dict) else document
        gap = MISSING if required else None
        for place in self.places:
            found = place.find(document, gap=gap)
            if found is not MISSING:
                return found
        if required:
            raise EvaluationError(f"required field not found: {self.text}")
        return None


@dataclass(frozen=True, slots=True)
class Move:
    """One value's way. `wrapped`: it arrives as the only element of a list."""

    source: Source
    target: Target
    required: bool
    wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Shift(Operation):
    """Moves, applied in order, so of overlapping targets the later one wins."""

    moves: tuple[Move, ...] = ()

    @staticmethod
    def parse(spec: Spec, require: bool) -> "Shift":
        """`{target: source or [source, …]}`. Raises `MappingError`."""
        return Shift(tuple(move for key in spec for move in _moves(key, spec[key], require)))

    @property
    def roots(self) -> frozenset[str] | None:
        found = frozenset(root for move in self.moves for root in move.source.roots)
        return None if WHOLE in found else found

    def apply(self, document: Json, _: Surroundings) -> Json:
        result: dict[str, Json] = {}
        room = MAX_SIZE
        for move in self.moves:
            value = move.source.value(document, required=move.required)
            if move.source.collects:  # into a list that did not exist before
                room -= measured(value, room)
            result = move.target.put(result, [value] if move.wrapped else value)
        return result


def _moves(key: str, value: object, require: bool) -> Iterable[Move]:
    goal = target(key, key)
    if not isinstance(value, list):
        return [Move(Source.parse(value, key), goal, require)]
    listed = enumerate(entries(value, key))
    return [Move(Source.parse(each, key, index), goal, require, wrapped=True) for index, each in listed]

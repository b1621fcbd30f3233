"""What every operation offers, what it may use, and how large what it makes may be (Flowker spec f.2)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from flowker.expressions.problems import EvaluationError
from flowker.model.exact_json import Json

MAX_SIZE: Final = 4 * 1024 * 1024
"""Characters of JSON, roughly: four times what a request or an answer may bring in."""

MAX_DEPTH: Final = 200


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What operations take from outside of the document. `now` knows its zone."""

    now: datetime
    random_uuid: Callable[[], UUID]


class Operation(ABC):
    """One change of a document. Nothing given is ever changed; results may share values with it."""

    __slots__ = ()

    @property
    def roots(self) -> frozenset[str] | None:
        """The top-level keys of the document that the result depends on; None for all of them."""
        return None

    @abstractmethod
    def apply(self, document: Json, surroundings: Surroundings) -> Json:
        """The new document. Raises `EvaluationError`."""


def measured(value: Json, room: int = MAX_SIZE) -> int:
    """How large the value is. Operations can double a document again and again, so what is too much is an error.

    Raises `EvaluationError` for what does not fit into `room`, or is nested too deeply.
    """
    size, depth, level = 0, 0, [value]
    while level:
        below: list[Json] = []
        for each in level:
            kind = type(each)
            if kind is str:
                size += len(each) + 2
            elif kind is int:
                size += each.bit_length() // 3 + 1
            elif kind is dict or kind is list:
                size += _frame(each)
                _fits(size, room)  # before more is collected: the same list may be there a thousand times
                below += each.values() if kind is dict else each
            else:
                size += len(str(each))
        _fits(size, room)
        level, depth = below, depth + 1
        if depth > MAX_DEPTH + 1:
            raise EvaluationError(f"the result is nested deeper than {MAX_DEPTH}")
    return size


def _fits(size: int, room: int) -> None:
    if size > room:
        raise EvaluationError(f"the result is too large: more than {MAX_SIZE} characters")


def _frame(value: dict[str, Json] | list[Json]) -> int:
    """What an object or list takes without the values in it."""
    keys = sum(map(len, value)) + 3 * len(value) if isinstance(value, dict) else 0
    return 2 + len(value) + keys

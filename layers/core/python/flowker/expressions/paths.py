"""Dotted paths into JSON: where a value comes from (`Path`) and where it goes (`Target`). Flowker spec d.2, e.4, f.2.

a.b       key of an object; a segment of digits is also an index where it meets a list
a[2]      index of a list
a[*].b    sources of mappings: collects from every element
a[+]      targets: append; a[-] prepend; a[5] pads with null
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.model.exact_json import Json

MAX_STEPS: Final = 100
MAX_TARGET_INDEX: Final = 999
"""A target beyond it would fill the document with nulls."""

MISSING: Final = object()
"""What a path finds where there is nothing; null is something."""


class Every(Enum):
    """The step `[*]`."""

    ELEMENT = "*"


class End(Enum):
    """The steps `[-]` and `[+]`: the place before the first and after the last element."""

    BEFORE = "-"
    AFTER = "+"


Step = str | int | Every
TargetStep = str | int | End

_STEP = re.compile(r"(?:^|(?!^)\.)(?P<name>[^.\[\]]+)|\[(?P<bracket>[0-9]{1,9}|[*+-])\]")
_ENVELOPE = frozenset({"status", "status_text", "url", "headers"})
_WITHOUT_ENVELOPE = frozenset({"workflow", "output"})


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value comes from: a top-level key of a document and the steps below it.

    `shorthand`: where the root's value is the unmapped response of a call, a step that is no key of the response is
    looked up in the response's body, so `check-fraud.score` means `check-fraud.body.score` (Flowker spec d.2 [R]).
    """

    root: str
    steps: tuple[Step, ...] = ()
    shorthand: bool = False

    @staticmethod
    def parse(text: str, *, at: int = 0) -> "Path":
        """Read a path into the context. `at` is the position of `text` in a larger one.

        Raises `ExpressionSyntaxError`.
        """
        root, *rest = _steps(text, at)
        steps = tuple(_source_step(name, bracket, position) for name, bracket, position in rest)
        shorthand = root[0] not in _WITHOUT_ENVELOPE and bool(steps) and isinstance(steps[0], str)
        return Path(root[0], steps, shorthand)

    @property
    def collects(self) -> bool:
        """Whether it holds `[*]`, so that it finds lists only."""
        return Every.ELEMENT in self.steps

    def resolve(self, context: Mapping[str, Json]) -> Json:
        """The value in this context. Raises `EvaluationError`: field not found."""
        value = self.find(context)
        if value is MISSING:
            raise EvaluationError(f"field not found: {self}")
        return value

    def find(self, document: Json, *, gap: Json = MISSING) -> Json:
        """The value in this document, or `MISSING`. `gap` stands in for elements that `[*]` met without the rest."""
        value = _child(document, self.root)
        if self.shorthand and _answers_in_body(value, self.steps[0]):
            value = value["body"]
        return _below(value, self.steps, gap)

    def edit(self, document: Json, change: Callable[[Json], Json]) -> Json:
        """A copy of the document with what `change` makes of the value, or of each value that `[*]` meets.

        `change` gets `MISSING` where there is nothing, and answers with it where nothing is to be. Knows no shorthand.
        Raises `EvaluationError` for a new element far beyond the end of a list.
        """
        return _edited(document, (self.root, *self.steps), change)

    def __str__(self) -> str:
        return self.root + "".join(
            f".{step}" if isinstance(step, str) else _bracket(step) for step in self.steps
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value goes in a new document."""

    steps: tuple[TargetStep, ...]

    @staticmethod
    def parse(text: str) -> "Target":
        """Raises `ExpressionSyntaxError`."""
        return Target(
            tuple(_target_step(name, bracket, position) for name, bracket, position in _steps(text, 0))
        )

    def put(self, document: Mapping[str, Json], value: Json) -> dict[str, Json]:
        """A copy of the document with the value in its place; whatever stands in the way is replaced.

        Copies what lies on the way and shares the rest, so nothing given is ever changed.
        """
        placed: dict[str, Json] = _placed(document, self.steps, value)
        return placed


def _steps(text: str, at: int) -> Iterator[tuple[str, str, int]]:
    """Each step of a path as name or bracket content (the other is empty) and position; the first is a name."""
    end = count = 0
    while end < len(text) or not count:
        match = _STEP.match(text, end)
        if match is None or not (count or match["name"]):
            raise ExpressionSyntaxError("malformed path: expected names joined by dots, or [index]", at + end)
        if count == MAX_STEPS:
            raise ExpressionSyntaxError(f"a path has at most {MAX_STEPS} segments", at + end)
        yield match["name"] or "", match["bracket"] or "", at + end
        end, count = match.end(), count + 1


def _source_step(name: str, bracket: str, position: int) -> Step:
    if name:
        return name
    if bracket in ("+", "-"):
        raise ExpressionSyntaxError(f"[{bracket}] is for targets of mappings only", position)
    return Every.ELEMENT if bracket == "*" else int(bracket)


def _target_step(name: str, bracket: str, position: int) -> TargetStep:
    if name:
        return name
    if bracket == "*":
        raise ExpressionSyntaxError("[*] is for sources of mappings only", position)
    if bracket in ("+", "-"):
        return End(bracket)
    if int(bracket) > MAX_TARGET_INDEX:
        raise ExpressionSyntaxError(f"an index of a target is at most {MAX_TARGET_INDEX}", position)
    return int(bracket)


def _answers_in_body(value: Json, step: Step) -> bool:
    return (
        isinstance(value, dict)
        and step not in value
        and value.keys() >= _ENVELOPE
        and isinstance(value.get("body"), dict)
    )


def _below(value: Json, steps: tuple[Step, ...], gap: Json) -> Json:
    for position, step in enumerate(steps):
        if isinstance(step, Every):
            return _collected(value, steps[position + 1 :], gap)
        value = _child(value, step)
    return value


def _child(value: Json, step: str | int) -> Json:
    if isinstance(value, dict):
        return value.get(step, MISSING)
    index = _index(value, step)
    return MISSING if index is None or index >= len(value) else value[index]


def _index(value: Json, step: str | int) -> int | None:
    """Which element of the value the step means; None if it means none."""
    if not isinstance(value, list):
        return None
    if isinstance(step, str):
        return int(step) if step.isascii() and step.isdigit() and len(step) < 10 else None
    return step


def _collected(value: Json, steps: tuple[Step, ...], gap: Json) -> Json:
    if not isinstance(value, list):
        return MISSING
    found = [_below(element, steps, gap) for element in value]
    filled = [gap if element is MISSING else element for element in found]
    return MISSING if any(element is MISSING for element in filled) else filled


def _placed(current: Json, steps: tuple[TargetStep, ...], value: Json) -> Json:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        fields = current if isinstance(current, Mapping) else {}
        return {**fields, step: _placed(fields.get(step), rest, value)}
    elements = current if isinstance(current, list) else []
    if step is End.BEFORE:
        return [_placed(None, rest, value), *elements]
    if step is End.AFTER:
        return [*elements, _placed(None, rest, value)]
    elements = elements + [None] * (step + 1 - len(elements))
    return [*elements[:step], _placed(elements[step], rest, value), *elements[step + 1 :]]


def _edited(value: Json, steps: tuple[Step, ...], change: Callable[[Json], Json]) -> Json:
    if not steps:
        return change(value)
    step, rest = steps[0], steps[1:]
    if isinstance(step, Every):
        if not isinstance(value, list):
            change(MISSING)  # it may have something to say about that
            return value
        elements = [_edited(element, rest, change) for element in value]
        return [element for element in elements if element is not MISSING]
    before = _child(value, step)
    after = _edited(before, rest, change)
    return value if after is before else _replaced(value, step, after)


def _replaced(value: Json, step: str | int, child: Json) -> Json:
    index = _index(value, step)
    if child is not MISSING:
        if index is not None and index > max(MAX_TARGET_INDEX, len(value) - 1):
            raise EvaluationError(f"an index of a new element is at most {MAX_TARGET_INDEX}")
        return _placed(value, (step if index is None else index,), child)
    if index is None:
        return {key: other for key, other in value.items() if key != step}
    return [*value[:index], *value[index + 1 :]]


def _bracket(step: int | Enum) -> str:
    return f"[{step.value if isinstance(step, Enum) else step}]"

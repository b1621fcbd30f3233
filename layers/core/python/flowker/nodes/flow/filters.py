"""Which values of the store a query wants, and in which order (FlowRunner spec d.6)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowker.model.exact_json import Json
from flowker.nodes.flow.params import is_number

_NOTHING = object()


def problem(filter_: Any) -> str | None:
    """What is wrong with a filter, a map of fields to values or to operators with operands."""
    for field, wanted in filter_.items():
        if not has_operators(wanted):
            continue
        for operator, operand in wanted.items():
            if operator not in OPERATORS:
                return f"has an unknown operator for {field}: use {', '.join(OPERATORS)}"
            if operator == "$in" and not isinstance(operand, list) and not isinstance(operand, str):
                return f"needs a list for $in of {field}"
    return None


def matches(filter_: Mapping[str, Json], value: Mapping[str, Json]) -> bool:
    """All fields must match; one that is missing does not."""
    return all(_field(wanted, value.get(field, _NOTHING)) for field, wanted in filter_.items())


def ordered(
    found: Sequence[dict[str, Json]], sort: str | None, of: str | None = None
) -> list[dict[str, Json]]:
    """By `field`, or by `-field` the other way round; what has none comes last. Values of a kind stand together. The fields
    are those of the entries, or of the maps that they have under `of`."""
    if not sort:
        return list(found)
    field = sort.removeprefix("-")

    def by(entry: Mapping[str, Json]) -> Json:
        return (entry if of is None else entry[of]).get(field)

    having = sorted(
        (entry for entry in found if _rank(by(entry)) < _UNORDERED),
        key=lambda entry: (_rank(by(entry)), by(entry)),
        reverse=sort.startswith("-"),
    )
    return having + [entry for entry in found if _rank(by(entry)) >= _UNORDERED]


def _field(wanted: Json, actual: Json) -> bool:
    if actual is _NOTHING:
        return False
    if has_operators(wanted):
        return all(OPERATORS[operator](actual, operand) for operator, operand in wanted.items())
    return _equal(actual, wanted)


def has_operators(wanted: Json) -> bool:
    """Whether a field is to satisfy operators, and not to equal a value."""
    return isinstance(wanted, Mapping) and bool(wanted) and all(str(name).startswith("$") for name in wanted)


def _equal(one: Json, other: Json) -> bool:
    """As in JSON: true is not 1."""
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _ordering(holds: Callable[[Any, Any], bool]) -> Callable[[Json, Json], bool]:
    """For two numbers or two texts; nothing else is less or greater."""
    return lambda actual, operand: _rank(actual) == _rank(operand) in (1, 2) and holds(actual, operand)


def _contains(actual: Json, operand: Json) -> bool:
    """An element of a list, or a part of a text."""
    if isinstance(actual, list):
        return any(_equal(element, operand) for element in actual)
    return isinstance(actual, str) and isinstance(operand, str) and operand in actual


OPERATORS: Mapping[str, Callable[[Json, Json], bool]] = {
    "$eq": _equal,
    "$ne": lambda actual, operand: not _equal(actual, operand),
    "$gt": _ordering(lambda actual, operand: actual > operand),
    "$gte": _ordering(lambda actual, operand: actual >= operand),
    "$lt": _ordering(lambda actual, operand: actual < operand),
    "$lte": _ordering(lambda actual, operand: actual <= operand),
    "$in": lambda actual, operand: isinstance(operand, list) and any(_equal(actual, e) for e in operand),
    "$contains": _contains,
}

_UNORDERED = 3


def _rank(value: Json) -> int:
    """Booleans, then numbers, then texts; nothing else has an order."""
    if isinstance(value, bool):
        return 0
    if is_number(value):
        return 1
    return 2 if isinstance(value, str) else _UNORDERED

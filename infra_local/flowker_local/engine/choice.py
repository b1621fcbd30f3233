"""The rules of a Choice state, compiled to predicates."""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal

from flowker.model.exact_json import Json
from flowker_local.engine.failure import RUNTIME, TaskError
from flowker_local.engine.fields import Fields
from flowker_local.engine.paths import MISSING, ContextSource, Path

Rule = Callable[[Json, ContextSource], bool]
Kind = Callable[[Json], bool]


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_truth(value: Json) -> bool:
    return isinstance(value, bool)


_KIND_TESTS: Mapping[str, Kind] = {
    "IsPresent": lambda value: value is not MISSING,
    "IsNull": lambda value: value is None,
    "IsString": _is_text,
    "IsNumeric": _is_number,
    "IsBoolean": _is_truth,
}

_COMPARISONS: Mapping[str, tuple[Kind, Callable[[Json, Json], bool]]] = {
    "BooleanEquals": (_is_truth, operator.eq),
    "StringEquals": (_is_text, operator.eq),
    "NumericEquals": (_is_number, operator.eq),
    "NumericLessThan": (_is_number, operator.lt),
    "NumericGreaterThan": (_is_number, operator.gt),
    "NumericLessThanEquals": (_is_number, operator.le),
    "NumericGreaterThanEquals": (_is_number, operator.ge),
}

_PATH_COMPARISONS = {f"{name}Path": name for name in ("BooleanEquals", "StringEquals", "NumericEquals")}

_COMBINATIONS = ("And", "Or", "Not")
_OPERATORS = (*_COMBINATIONS, *_KIND_TESTS, *_COMPARISONS, *_PATH_COMPARISONS, "StringMatches")


def rule(fields: Fields) -> Rule:
    """Compile one rule; its `Next` is the caller's. A comparison of the wrong type is false, a path that finds nothing
    raises `TaskError` States.Runtime, except under IsPresent."""
    given = [name for name in _OPERATORS if name in fields]
    if len(given) != 1:
        fields.report(f"a rule must have exactly one operator the engine knows, not {len(given)}")
        for name in (*given, "Variable"):
            fields.value(name)
        return _never
    name = given[0]
    return _combination(fields, name) if name in _COMBINATIONS else _test(fields, name)


def _never(_data: Json, _context: ContextSource) -> bool:
    return False


def _combination(fields: Fields, name: str) -> Rule:
    if name == "Not":
        inner = fields.object(name)
        negated = _nested(inner) if inner is not None else _never
        return lambda data, context: not negated(data, context)
    rules = [_nested(each) for each in fields.objects(name, required=True)]
    if name == "And":
        return lambda data, context: all(each(data, context) for each in rules)
    return lambda data, context: any(each(data, context) for each in rules)


def _nested(fields: Fields) -> Rule:
    compiled = rule(fields)
    fields.done()
    return compiled


def _test(fields: Fields, name: str) -> Rule:
    variable = fields.reference("Variable")
    if variable is None:
        if "Variable" not in fields:
            fields.report("Variable is missing")
        fields.value(name)
        return _never
    if name in _KIND_TESTS:
        return _kind_test(fields, name, variable)
    if name in _PATH_COMPARISONS:
        return _path_comparison(fields, name, variable)
    if name == "StringMatches":
        return _pattern_test(fields, name, variable)
    return _comparison(fields, name, variable)


def _kind_test(fields: Fields, name: str, variable: Path) -> Rule:
    wanted = fields.value(name)
    if not _is_truth(wanted):
        fields.report(f"{name} must be true or false", name)
    test = _KIND_TESTS[name]
    find = variable.find if name == "IsPresent" else variable.get
    return lambda data, context: test(find(data, context)) is wanted


def _comparison(fields: Fields, name: str, variable: Path) -> Rule:
    kind, compare = _COMPARISONS[name]
    wanted = fields.value(name)
    if not kind(wanted):
        fields.report(f"{name} has a value of the wrong type", name)

    def test(data: Json, context: ContextSource) -> bool:
        value = variable.get(data, context)
        return kind(value) and compare(value, wanted)

    return test


def _path_comparison(fields: Fields, name: str, variable: Path) -> Rule:
    kind, compare = _COMPARISONS[_PATH_COMPARISONS[name]]
    other = fields.reference(name)
    if other is None:
        return _never

    def test(data: Json, context: ContextSource) -> bool:
        value, wanted = variable.get(data, context), other.get(data, context)
        if not kind(wanted):
            raise TaskError(
                RUNTIME, f"Invalid path '{other.text}': {name} needs a value of its own type there"
            )
        return kind(value) and compare(value, wanted)

    return test


def _pattern_test(fields: Fields, name: str, variable: Path) -> Rule:
    text = fields.text(name)
    if text is None:
        return _never
    try:
        pieces = _pieces(text)
    except ValueError as error:
        fields.report(str(error), name)
        return _never

    def test(data: Json, context: ContextSource) -> bool:
        value = variable.get(data, context)
        return isinstance(value, str) and _matches(pieces, value)

    return test


def _pieces(pattern: str) -> list[str]:
    """The literal texts between the wildcards. `\\*` is a star, `\\\\` a backslash."""
    pieces = [""]
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            pieces.append("")
        elif character == "\\":
            literal = next(characters, "")
            if literal not in ("*", "\\"):
                raise ValueError("StringMatches: only \\* and \\\\ are escapes")
            pieces[-1] += literal
        else:
            pieces[-1] += character
    return pieces


def _matches(pieces: list[str], value: str) -> bool:
    """Taking each piece where it first occurs is enough, and linear: a pattern cannot be made to backtrack."""
    if len(pieces) == 1:
        return value == pieces[0]
    first, *middle, last = pieces
    end = len(value) - len(last)
    if not value.startswith(first) or not value.endswith(last) or end < len(first):
        return False
    position = len(first)
    for piece in middle:
        found = value.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True

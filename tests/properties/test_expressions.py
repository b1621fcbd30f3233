"""Laws of conditions and mappings, on generated expressions and documents."""

import contextlib
import copy
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.expressions.conditions import parse
from flowker.expressions.mappings import FieldMappings
from flowker.expressions.paths import Path
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError, MappingError
from flowker.model import exact_json
from tests.surroundings import SURROUNDINGS

Tree = tuple[Any, ...]
modest = settings(max_examples=100, deadline=None)

# --- generated expressions: trees of plain tuples, so that the oracle shares nothing with the parser -----------------

numerals = st.sampled_from(
    ["0", "1", "-1", "1.0", "1e2", "100", "0.1", "9007199254740993", "9007199254740992"]
)
words = st.sampled_from(["", "a", "false", "x AND y", "(", "it's", "a == b", "<nil>", "true"])
paths = st.sampled_from(
    [
        "workflow.a",
        "workflow.b",
        "workflow.c.d",
        "workflow.list[0]",
        "workflow.list.1",
        "kyc-check.score",
        "nobody",
    ]
)
operands = st.one_of(
    paths.map(lambda path: ("path", path)),
    numerals.map(lambda text: ("number", text)),
    st.one_of(words, numerals).map(lambda text: ("text", text)),
    st.sampled_from([("constant", "true"), ("constant", "false"), ("constant", "null")]),
)
comparisons = st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), operands, operands)
trees: st.SearchStrategy[Tree] = st.recursive(
    st.one_of(operands, comparisons, paths.map(lambda path: ("exists", path))),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=6,
)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 200),
    st.sampled_from([9007199254740993, Decimal("0.1"), Decimal("100.00"), Decimal("9007199254740993.0")]),
    words,
    numerals,
)
contexts = st.fixed_dictionaries(
    {
        "workflow": st.fixed_dictionaries(
            {},
            optional={
                "a": values,
                "b": values,
                "c": st.one_of(values, st.fixed_dictionaries({"d": values})),
                "list": st.lists(values, max_size=2),
            },
        )
    },
    optional={
        "kyc-check": st.one_of(
            st.fixed_dictionaries({"score": values}),
            st.fixed_dictionaries(
                {
                    "status": st.just(200),
                    "status_text": st.just("200 OK"),
                    "url": st.just(""),
                    "headers": st.just({}),
                    "body": st.one_of(st.just("text"), st.fixed_dictionaries({"score": values})),
                }
            ),
        )
    },
)

PLAIN = {"and": " AND ", "or": " OR ", "not": "NOT "}
TERSE = {"and": "&&", "or": "||", "not": "!"}


def written(tree: Tree, spelling: dict[str, str], blank: str) -> str:
    kind, *rest = tree
    match kind:
        case "path" | "number" | "constant":
            return str(rest[0])
        case "text":
            return f'"{rest[0]}"'
        case "exists":
            return f"exists({blank}{rest[0]}{blank})"
        case "not":
            return f"{spelling['not']}({blank}{written(rest[0], spelling, blank)}{blank})"
        case "and" | "or":
            return spelling[kind].join(f"({written(part, spelling, blank)})" for part in rest[0])
        case symbol:
            return f"{written(rest[0], spelling, blank)}{blank}{symbol}{blank}{written(rest[1], spelling, blank)}"


# --- the oracle ------------------------------------------------------------------------------------------------------


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Unanswerable(Exception):
    """What the oracle raises where the language has no answer."""


def looked_up(path: str, context: Any) -> list[Any]:
    """The value in a list, or the empty list."""
    value = context
    for step in path.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, list) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, dict) and "status_text" in value and isinstance(value["body"], dict):
            value = value["body"][step]
        else:
            return []
    return [value]


def fraction(value: Any) -> Fraction | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return Fraction(value)
    except ValueError:
        return None


def answer(tree: Tree, context: Any) -> Any:
    kind, *rest = tree
    match kind:
        case "path":
            for value in looked_up(rest[0], context):
                return value
            raise Unanswerable
        case "number":
            return Decimal(rest[0])
        case "text":
            return rest[0]
        case "constant":
            return {"true": True, "false": False, "null": None}[rest[0]]
        case "exists":
            return bool(looked_up(rest[0], context))
        case "not":
            return not holds(rest[0], context)
        case "and":
            return all(holds(part, context) for part in rest[0])
        case "or":
            return any(holds(part, context) for part in rest[0])
        case symbol:
            return compared(symbol, rest[0], rest[1], context)


def compared(symbol: str, left_tree: Tree, right_tree: Tree, context: Any) -> bool:
    if symbol in ("==", "!=") and ("constant", "null") in (left_tree, right_tree):
        other = left_tree if right_tree == ("constant", "null") else right_tree
        missing = other[0] == "path" and not looked_up(other[1], context)
        return (missing or answer(other, context) is None) == (symbol == "==")
    left, right = answer(left_tree, context), answer(right_tree, context)
    left_number, right_number = fraction(left), fraction(right)
    if left_number is not None and right_number is not None:
        return COMPARISONS[symbol](left_number, right_number)
    if symbol not in ("==", "!="):
        raise Unanswerable
    return COMPARISONS[symbol](shown(left), shown(right))


def shown(value: Any) -> str:
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(tree: Tree, context: Any) -> bool:
    value = answer(tree, context)
    if isinstance(value, str):
        return value.lower() not in ("", "false")
    return isinstance(value, list | dict) or bool(value)


# --- conditions ------------------------------------------------------------------------------------------------------


@modest
@given(trees, contexts)
def test_evaluation_agrees_with_the_oracle(tree: Tree, context: Any) -> None:
    condition = parse(written(tree, PLAIN, " "))
    try:
        expected = holds(tree, context)
    except Unanswerable:
        with pytest.raises(EvaluationError):
            condition.evaluate(context)
    else:
        assert condition.evaluate(context) is expected


@modest
@given(trees)
def test_spelling_and_blanks_change_nothing(tree: Tree) -> None:
    plain, terse = parse(written(tree, PLAIN, "  ")), parse(written(tree, TERSE, ""))
    assert plain == terse
    assert hash(plain) == hash(terse)


@modest
@given(trees)
def test_a_printed_condition_parses_to_an_equal_one(tree: Tree) -> None:
    condition = parse(f"\t{written(tree, PLAIN, ' ')} ")
    assert parse(str(condition)) == condition


pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "AND",
                "or",
                "NOT",
                "&&",
                "||",
                "!",
                "(",
                ")",
                "==",
                "!=",
                "<",
                ">=",
                "=",
                "exists",
                '"',
                "'",
                " ",
                ".",
                "[",
            ]
        ),
        st.sampled_from(
            ["]", "[0]", "[*]", "workflow.a", "kyc-check", "1e5", "0x", "nan", "null", "\n", "é", "\x00"]
        ),
    ),
    max_size=25,
).map("".join)


@modest
@given(st.one_of(st.text(max_size=60), pieces))
def test_parsing_raises_nothing_but_syntax_errors(text: str) -> None:
    with contextlib.suppress(ExpressionSyntaxError):
        condition = parse(text)
        assert parse(str(condition)) == condition
        with contextlib.suppress(EvaluationError):
            condition.evaluate({"workflow": {"a": 1}})


@modest
@given(pieces)
def test_a_syntax_error_lies_inside_the_text(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as problem:
        parse(f"{text} (")
    assert 0 <= problem.value.position <= len(text) + 2


@modest
@given(st.one_of(st.text(max_size=30), pieces))
def test_a_printed_path_parses_to_the_same_path(text: str) -> None:
    try:
        path = Path.parse(text)
    except ExpressionSyntaxError:
        return
    assert Path.parse(str(path)) == path


# --- mappings --------------------------------------------------------------------------------------------------------

decimals = st.decimals(allow_nan=False, allow_infinity=False)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), decimals, st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), json_values, max_size=3)
sources = st.sampled_from(["$", "a", "a.b", "b[0]", "c[*].a", "a.0", "b.c", "executor.a", "d"])
targets = st.sampled_from(["a", "a.b", "a.b.c", "b[0]", "b[+]", "b[-].a", "b[2][0]", "c", "workflow.x"])
mapping_lists = st.lists(st.fixed_dictionaries({"source": sources, "target": targets}), max_size=6)


@modest
@given(mapping_lists, documents)
def test_applying_never_changes_the_document(items: list[Any], document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    for mappings in (FieldMappings.for_input(items), FieldMappings.for_output(items)):
        first = mappings.apply(document, SURROUNDINGS)
        assert document == before
        assert mappings.apply(document, SURROUNDINGS) == first


@modest
@given(json_values)
def test_numbers_survive_mapping_digit_by_digit(value: Any) -> None:
    read = exact_json.loads(exact_json.dumps({"workflow": {"v": value}}))
    result = FieldMappings.for_input([{"source": "workflow.v", "target": "x.y[0]"}]).apply(read, SURROUNDINGS)
    assert exact_json.dumps(result) == exact_json.dumps({"x": {"y": [value]}})


@modest
@given(
    st.lists(
        st.one_of(json_values, st.fixed_dictionaries({"source": json_values, "target": st.text(max_size=8)}))
    )
)
def test_refusing_a_list_raises_nothing_but_mapping_errors(items: list[Any]) -> None:
    for constructor in (FieldMappings.for_input, FieldMappings.for_output):
        with contextlib.suppress(MappingError):
            constructor(items).apply({"a": 1}, SURROUNDINGS)

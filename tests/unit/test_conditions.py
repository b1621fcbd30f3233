"""The condition language: what it accepts, what it means, and what it says about mistakes (Flowker spec, section e)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.expressions.conditions import MAX_LENGTH, MAX_NESTING, parse
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError

CONTEXT: dict[str, Any] = {
    "workflow": {
        "amount": Decimal("1500.5"),
        "limit": "2000",
        "tier": "gold",
        "vip": True,
        "note": "",
        "nothing": None,
        "tags": ["a", "b"],
        "customer": {"age": 17},
    },
    "kyc-check": {"status": 200, "body": {"score": 72, "decision": "ALLOW", "flags": {}}},
}

OTHERS: dict[str, Any] = {
    "workflow": {
        "big": 9007199254740993,
        "bigger": 9007199254740994,
        "cents": Decimal("0.10"),
        "float": 0.1,
        "tags": ["a", "b"],
        "rows": [{"id": 1}, {"id": 2}],
        "mixed": [None, True, "x", 1, Decimal("1.50"), 1234567, {"b": 1, "a": []}],
        "zero": 0,
        "no": "FALSE",
        "yes": "0",
        "nil": None,
        "first name": "Ana",
        "R&D": 1,
        "done!": True,
        "0": "digit",
        "quote": "O'Brien",
    },
    "output": {"status": 1, "status_text": "", "url": "", "headers": {}, "body": {"x": 1}},
    "check_fraud-2": {
        "status": 200,
        "status_text": "200 OK",
        "url": "https://example.com",
        "headers": {"Date": "today"},
        "body": {"score": 10, "status": "from the body", "rows": [7]},
    },
    "text-answer": {"status": 200, "status_text": "200 OK", "url": "u", "headers": {}, "body": "plain"},
    "mapped": {"score": 3, "body": {"other": 4}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workflow.amount > 1000", True),
        ("workflow.amount <= workflow.limit", True),
        ('workflow.amount == "1500.50"', True),
        ('workflow.tier == "gold"', True),
        ("workflow.tier != 'silver'", True),
        ('kyc-check.body.score >= 70 AND kyc-check.body.decision == "ALLOW"', True),
        ("workflow.customer.age >= 18 OR workflow.vip", True),
        ('workflow.vip == "true"', True),
        ("workflow.note", False),
        ("kyc-check.body.flags", True),
        ("workflow.vip OR workflow.missing == 1", True),
        ('workflow.missing != "x"', "field not found: workflow.missing"),
        ('workflow.tier > "bronze"', "requires numeric operands"),
        ('workflow.tags.0 == "a"', True),
        ('workflow.tier == "gold AND silver"', False),
        ("workflow.tier == gold", "field not found: gold"),
        ("(workflow.vip)", True),
        ("5 > 3", True),
        ("workflow", True),
        ("workflow.nothing", False),
    ],
)
def test_the_examples_of_the_specification(text: str, expected: bool | str) -> None:
    if isinstance(expected, bool):
        assert parse(text).evaluate(CONTEXT) is expected
    else:
        with pytest.raises(EvaluationError, match=expected):
            parse(text).evaluate(CONTEXT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # operators
        ("workflow.vip and not workflow.note", True),
        ("workflow.vip && !workflow.note", True),
        ("workflow.note || workflow.vip", True),
        ("NOT workflow.tier == 'silver'", True),
        ("!workflow.vip == false", True),
        ("workflow.note AND workflow.note OR workflow.vip", True),
        ("workflow.note AND (workflow.note OR workflow.vip)", False),
        ("(workflow.customer.age) < 18", True),
        ("workflow.amount>1000&&workflow.tier=='gold'", True),
        ("exists(workflow.tier) == true", True),
        ("workflow.vip\nAND\tworkflow.vip", True),
        # what is missing, and null
        ("exists(workflow.missing)", False),
        ("EXISTS ( workflow.nothing )", True),
        ("exists(kyc-check.body.score) and exists(workflow)", True),
        ("exists(workflow.tags[2]) or exists(workflow.tags.2) or exists(workflow.tier.x)", False),
        ("workflow.missing == null", True),
        ("null != workflow.missing", False),
        ("workflow.nothing == null", True),
        ("(workflow.missing) == NULL", True),
        ("workflow.tier != null", True),
        ("null == null", True),
        ("null", False),
        ("workflow.nothing == '<nil>'", True),
        # literals
        ("TRUE and not False", True),
        ("'it's' == \"it's\"", True),
        ('"say "hi"" != \'say hi\'', True),
        ('"say "hi" now" == \'say "hi" now\' AND \'a\' or "b" == "c"', True),
        ('"x" "y" == \'x" "y\'', True),
        ("'rock 'n' roll' AND 'band' and'x'", True),
        ("'a' order' == \"a' order\"", True),
        ("'' OR \"false\" OR 0 OR 0x0p1", False),
        ("'a\\n' == 'a\\n'", True),
    ],
)
def test_the_language_beyond_the_examples(text: str, expected: bool) -> None:
    assert parse(text).evaluate(CONTEXT) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workflow.big < workflow.bigger", True),
        ("workflow.big == '9007199254740993'", True),
        ("workflow.big == 9007199254740992", False),
        ("0.1 == 0.1000000000000000055", False),
        ("workflow.cents == .1", True),
        ("workflow.float == 0.1", True),
        ("1e3 == 1_000 and 1e3 == '1000.'", True),
        ("0x1.8p1 == 3 and -0x_Fp-2 == -3.75", True),
        ("0x20000000000001p0 == 9007199254740993", True),
        ("inf > 1e999999999 and -Infinity < +INF", True),
        ("nan == nan or nan < 1 or nan >= 1 or nan == 'nan'", False),
        ("nan != nan and nan", True),
        ("' 5' == 5", False),
        ("0x1p999999999 == 1", "field not found"),
        ("'0x1p999999999' == '0x1p999999999' and '1e99999999999999999999' != 1", True),
        ("true == 1", False),
        ("true > 0", "> requires numeric operands, the left one"),
        ("1 <= null", "<= requires numeric operands, the right one"),
        ("workflow.zero OR workflow.no OR workflow.nil", False),
        ("workflow.yes", True),
        ("workflow.tags == '[a b]'", True),
        ("workflow.mixed == '[<nil> true x 1 1.5 1.234567e+06 map[a:[] b:1]]'", True),
    ],
)
def test_values_are_compared_exactly_and_print_as_in_go(text: str, expected: bool | str) -> None:
    if isinstance(expected, bool):
        assert parse(text).evaluate(OTHERS) is expected
    else:
        with pytest.raises(EvaluationError, match=expected):
            parse(text).evaluate(OTHERS)


@pytest.mark.parametrize(
    "text",
    [
        "workflow.rows[1].id == 2",
        "workflow.rows.1.id == 2",
        "workflow.0 == 'digit'",
        "workflow.first name == 'Ana' and workflow.R&D == 1&&workflow.done!",
        "workflow.done! == true",
        "workflow.quote == 'O'Brien'",
        "check_fraud-2.score == 10",
        "check_fraud-2.body.score == 10",
        "check_fraud-2.rows[0] == 7",
        "check_fraud-2.status == 200",
        "check_fraud-2.headers.Date == 'today'",
        "not exists(check_fraud-2.missing)",
        "not exists(text-answer.score)",
        "mapped.score == 3 and not exists(mapped.other)",
        "not exists(output.x)",
    ],
)
def test_paths_find_fields_indices_and_the_fields_of_an_unmapped_answer(text: str) -> None:
    assert parse(text).evaluate(OTHERS) is True


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        (" \t", 0),
        ('workflow.tier == "', 17),
        ("workflow.tier == 'gold", 17),
        ("workflow.tier == 'gold' b", 17),
        ("workflow.tier = 'gold'", 14),
        ("workflow.amount >", 17),
        ("> 5", 0),
        ("a == b == c", 7),
        ("a > 1 b", 6),
        ("this is not valid", 5),
        ("a AND", 5),
        ("a AND OR b", 6),
        ("(a", 2),
        ("a)", 1),
        ("()", 1),
        ("a & b", 2),
        ("exists()", 7),
        ("exists(5)", 7),
        ("exists('a')", 7),
        ("exists(a", 8),
        ("a..b", 1),
        ("x == .b", 5),
        ("a.b.", 3),
        ("a[x]", 1),
        ("a[-1]", 1),
        ("a[+]", 1),
        ("a[*]", 0),
        ("[0]", 0),
        ("x" * (MAX_LENGTH + 1), MAX_LENGTH),
        ("(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1), MAX_NESTING + 1),
        ("!" * (MAX_NESTING + 1) + "a", MAX_NESTING + 1),
    ],
)
def test_a_mistake_is_reported_with_its_position(text: str, position: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse(text)
    assert caught.value.position == position
    assert f"(at character {position + 1})" in str(caught.value)


def test_the_limits_themselves_are_allowed() -> None:
    assert parse("(" * MAX_NESTING + "true" + ")" * MAX_NESTING).evaluate({})
    assert parse("true".ljust(MAX_LENGTH)).evaluate({})


def test_long_chains_are_not_nesting() -> None:
    assert parse("1&&" * 160 + "1").evaluate({})


def test_errors_of_what_is_not_evaluated_go_unnoticed() -> None:
    assert parse("false AND workflow.missing > 1").evaluate(CONTEXT) is False
    assert parse("true OR missing.x").evaluate(CONTEXT) is True


def test_roots_are_all_top_level_keys_referred_to() -> None:
    condition = parse(
        "workflow.a > kyc-check.b[0] or exists(x.y) and (tags[1] == null or not gold) and 'no.text' != 1.5"
    )
    assert condition.roots == {"workflow", "kyc-check", "x", "tags", "gold"}
    assert parse("true").roots == frozenset()


def test_error_texts_show_no_values_of_the_context() -> None:
    with pytest.raises(EvaluationError) as caught:
        parse("workflow.tier > 1").evaluate(CONTEXT)
    assert "gold" not in str(caught.value)


def test_values_nested_too_deeply_are_an_error_of_the_condition() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EvaluationError, match="nested too deeply"):
        parse("deep == 'x'").evaluate({"deep": deep})


def test_conditions_are_equal_by_meaning_of_their_text_and_hashable() -> None:
    assert parse(" a==1 && !b ") == parse("a == 1 AND (NOT b)")
    assert len({parse("a == 1"), parse("a==1"), parse("a == true"), parse("a == 1.0")}) == 3
    assert parse(" a == nan") == parse("a == nan ")
    assert parse("a == 1") is parse("a == 1")
    assert str(parse(" a == 1 ")) == "a == 1"

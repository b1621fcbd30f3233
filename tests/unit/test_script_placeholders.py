"""Placeholders in texts: FlowRunner spec e.3, and D-17."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from flowker.expressions.scripts import Evaluation, ScriptError
from flowker.expressions.scripts.placeholders import Placeholder, split
from flowker.expressions.scripts.quickjs_engine import evaluate

SCOPE: Mapping[str, Any] = {
    "input": {"name": "Ann", "n": 3, "price": Decimal("1.10"), "big": 2**60, "list": [1, {"b": True}], "none": None},
    "shared": {"from_shared": 1},
    "result": {"from_shared": 2, "from_result": 2},
    "previous": {"from_result": 3, "from_previous": 3},
    "results": {"a-b": {"x": 1}},
    "secrets": {"KEY": "s3cret", "k-x.y@z": "other"},
    "error": None,
}  # fmt: skip


class CountingEngine:
    def __init__(self) -> None:
        self.requests: list[Mapping[str, Any]] = []

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.requests.append(request)
        return evaluate(request)


def no_engine(request: Mapping[str, Any]) -> Mapping[str, Any]:
    raise AssertionError(f"the engine was asked: {request}")


def filled(value: Any) -> Any:
    return Evaluation(evaluate, SCOPE).params(value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("none", ("none",)),
        ("a ${b} c", ("a ", Placeholder("b"), " c")),
        (" ${b}\n", (Placeholder("b"),)),
        ("${b}${c}", (Placeholder("b"), Placeholder("c"))),
        ("$${b}", ("${b}",)),
        ("$$${b}", ("$${b}",)),
        ("$a {b} $", ("$a {b} $",)),
        ("${ {a: '}'}.a }", (Placeholder(" {a: '}'}.a "),)),
        ('${"\\"}"}!', (Placeholder('"\\"}"'), "!")),
        ("${`a${b + `}`}}`}", (Placeholder("`a${b + `}`}}`"),)),
        ("${s.replace(/[\"'}]/g, '')}.", (Placeholder("s.replace(/[\"'}]/g, '')"), ".")),
        ("${a / b}${c / d}", (Placeholder("a / b"), Placeholder("c / d"))),
        ("${typeof /}/}", (Placeholder("typeof /}/"),)),
        ("${/* } */ a}", (Placeholder("/* } */ a"),)),
        ("${a // }\n}", (Placeholder("a // }\n"),)),
    ],
)
def test_a_placeholder_ends_at_its_own_brace(text: str, parts: tuple[object, ...]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", ["${", "${a", "${'}", "${`}", "${{}", "x ${a} ${b"])
def test_a_placeholder_that_is_not_closed_is_refused(text: str) -> None:
    with pytest.raises(ScriptError, match="not closed"):
        filled(text)


def test_hostile_texts_are_scanned_in_linear_time() -> None:
    for text in ("${" + '"\\' * 30_000, "${" + "(/" * 30_000, "${" + "/*" * 30_000, "${" + "'" * 60_001):
        with pytest.raises(ScriptError):
            split(text)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${input.n}", 3),
        ("  ${input.n}  ", 3),
        ("n=${input.n}", "n=3"),
        ("${input.name}${input.n}", "Ann3"),
        ("<${input.none}${input.missing}>", "<>"),
        ("is ${input.list}", 'is [1,{"b":true}]'),
        ("${input.list[1].b}", True),
        ("${input.list[5]}", None),
        ("${input.list.length}", 2),
        ("${input.name.length}", 3),
        ('${results["a-b"].x}', 1),
        ("${error}", None),
        ("Bearer ${secrets.KEY}", "Bearer s3cret"),
        ('${secrets["k-x.y@z"]}', "other"),
        ("${input.from_shared}/${input.from_result}/${input.from_previous}", "1/2/3"),
        ("${input.big} ${input.price}", f"{2**60} 1.10"),
    ],
)
def test_member_paths_need_no_engine(template: str, value: Any) -> None:
    assert Evaluation(no_engine, SCOPE).params(template) == value


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("${input.n + 1}", 4),
        ("${input.n / 2}", Decimal("1.5")),
        ("${input.list.map(x => typeof x)}", ["number", "object"]),
        ("${`${input.name}!`}", "Ann!"),
        ("${input?.missing?.deeper}", None),
        ("${input.missing ?? input.from_previous}", 3),
        ("${ {a: input.n} }", {"a": 3}),
        ("${undefined} ${NaN} ${1/0}", "  "),
        ("${secrets.NONE === null}", True),
    ],
)
def test_expressions_are_javascript(template: str, value: Any) -> None:
    assert filled(template) == value


def test_all_of_a_structure_is_evaluated_in_one_call_of_the_engine() -> None:
    engine = CountingEngine()
    value = {
        "url": "https://x.test/${input.name.toLowerCase()}",
        "k-${input.n}": [{"deep": "${input.n * 2}"}, 7, None, True, "plain $${kept}"],
        "${input.n > 2 ? 'yes' : 'no'}": "${input.n}",
    }
    assert Evaluation(engine, SCOPE).params(value) == {
        "url": "https://x.test/ann",
        "k-3": [{"deep": 6}, 7, None, True, "plain ${kept}"],
        "yes": 3,
    }
    assert len(engine.requests) == 1


def test_what_a_placeholder_yields_is_not_evaluated_again() -> None:
    scope = {"input": {"text": "${secrets.KEY}"}, "secrets": {"KEY": "v"}}
    assert (
        Evaluation(evaluate, scope).params(["${input.text}", "${input['te' + 'xt']}"])
        == ["${secrets.KEY}"] * 2
    )


def test_raw_params_stay_as_they_are() -> None:
    value = {"script": "return `${input.n}`", "n": "${input.n}"}
    assert Evaluation(no_engine, SCOPE).params(value, raw=frozenset({"script", "other"})) == {
        "script": "return `${input.n}`",
        "n": 3,
    }


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("${secrets.NONE}", "secret not found: NONE"),
        ("Bearer ${secrets.NONE}", "secret not found: NONE"),
        ('${secrets["a.b"]}', "secret not found: a.b"),
        ("${input.missing.x}", "TypeError: cannot read property 'x' of undefined"),
        ("${input.none.x}", "TypeError: cannot read property 'x' of null"),
        ("${secrets.NONE.x}", "TypeError: cannot read property 'x' of null"),
        ("${item.id}", "ReferenceError: item is not defined"),
        ("${nobody}", "ReferenceError: nobody is not defined (line 1)"),
        ("${env.HOME}", "ReferenceError: env is not defined (line 1)"),
        ("${previous}", "ReferenceError: previous is not defined (line 1)"),
        ("${(() => { throw new Error('as said') })()}", "as said"),
    ],
)
def test_an_error_fails_the_node(template: str, message: str) -> None:
    with pytest.raises(ScriptError) as failed:
        filled({"a": [template]})
    assert failed.value.message == message


def test_keys_that_become_the_same_are_refused() -> None:
    with pytest.raises(ScriptError, match="two keys become Ann"):
        filled({"${input.name}": 1, "Ann": 2})


def test_the_engine_gets_no_secret_and_no_result_but_those_that_are_named() -> None:
    engine = CountingEngine()
    Evaluation(engine, SCOPE).params("${secrets.KEY + '!'}")
    assert engine.requests[0]["scope"] == {"secrets": '{"KEY":"s3cret"}'}
    Evaluation(engine, SCOPE).params("${secrets['K' + 'EY']}")
    assert "other" in engine.requests[1]["scope"]["secrets"]


def test_what_input_inherits_is_taken_from_the_scope_only_when_a_property_is_missing() -> None:
    taken: list[str] = []

    class Loading(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            taken.append(name)
            return super().__getitem__(name)

        def get(self, name: str, default: Any = None) -> Any:
            taken.append(name)
            return super().get(name, default)

    assert Evaluation(evaluate, Loading(SCOPE)).run("return input.n", "body") == 3
    assert set(taken) == {"input"}
    assert Evaluation(evaluate, Loading(SCOPE)).run("return input.from_previous", "body") == 3
    assert set(taken) == {"input", "shared", "result", "previous"}

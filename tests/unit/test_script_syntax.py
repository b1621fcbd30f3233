"""Scripts are checked without being run: FlowRunner spec c.8."""

import pytest

from flowker.expressions.scripts import check_syntax
from flowker.expressions.scripts.placeholders import codes, texts
from flowker.expressions.scripts.quickjs_engine import evaluate


def problem(code: str, mode: str) -> str | None:
    found = check_syntax(evaluate, [("a.script", code, mode)])
    assert [path for path, _ in found] in ([], ["a.script"])
    return found[0][1] if found else None


@pytest.mark.parametrize(
    "code",
    [
        "",
        "return 1",
        "// only a comment",
        "return 1 // at the end",
        "'use strict'; return this",
        "var x; function x() {} return x",
        "const input = 1, result = 2; return input",
        "label: for (;;) { break label }",
        "return `a\nb${`}`}`\n/* \n */",
        "return 'a\u2028b'",
        "a\u2028b\u2029c",
        "return 1\r\nif (x)\r return 2\r",
        "const f = async () => { await 1 }; class A { #b = 1; static { } } return f?.() ?? 1",
        "while (true) {}",
        "function f(a) { { let a } }",
    ],
)
def test_bodies_that_parse(code: str) -> None:
    assert problem(code, "body") is None


@pytest.mark.parametrize(
    "code",
    [
        "1",
        "a, b",
        "{a: 1}",
        "input.x // c",
        "\n x \n",
        "(() => { return {} })()",
        "`${1}`",
        "a\u2028+ b",
        "/}/",
    ],
)
def test_expressions_that_parse(code: str) -> None:
    assert problem(code, "expression") is None


@pytest.mark.parametrize(
    "code",
    [
        "}",
        "{",
        "} evil() {",
        "}, evil(), function() {",
        "} [evil()] = {",
        "} , () => {",
        "}); evil(); (function() {",
        "return 1 }) ; (function(){",
        "}; let x = function() {",
        "}}) /*",
        "/*",
        "`",
        "'",
        "`${",
        "x =>",
        "foo(\n1,",
        "let a; let a",
        "f = (a) => { let a",
        "function f(a) { let a }",
        "'use strict'; with (a) {}",
        "import x from 'y'",
        "export default 1",
        "await x",
        "a\0b",
        "'\ud800'",
    ],
)
def test_bodies_that_do_not_parse(code: str) -> None:
    assert problem(code, "body")


@pytest.mark.parametrize(
    "code",
    ["", " ", "// c", "a,", ",a", "...a", "return 1", "a; b", "a b", "1); evil(); (2", "1]; [2", "1] + [2", "1) + (2", "(a",
     "if (a) b"],
)  # fmt: skip
def test_expressions_that_do_not_parse(code: str) -> None:
    assert problem(code, "expression")


def test_a_problem_says_where_it_is() -> None:
    assert problem("let a = 1;\nfoo(;", "body") == "unexpected token in expression: ';' (line 2, column 5)"
    assert problem("foo(", "body") == "unexpected token in expression: ';' at the end"


def test_nothing_runs_while_syntax_is_checked() -> None:
    loops = [
        "while (true) {}",
        "(() => { while (true) {} })()",
        "} while (true); {",
        "})(), (() => { while (true) {} })(), (()=>{",
    ]
    for code in loops:
        for mode in ("body", "expression"):
            assert "longer" not in (problem(code, mode) or "")


def test_every_problem_is_reported_with_its_path_and_paths_need_no_engine() -> None:
    value = {
        "url": "https://x.test/${input.id}/${input.(}",
        "headers": {"${bad bad}": "1", "ok": "${secrets.A}"},
        "list": ["${1 +}", "none"],
    }
    items = [(path, code, "expression") for path, text in texts(value) for code in codes(text)]
    assert [path for path, _ in check_syntax(evaluate, items)] == ["url", "headers.${bad bad}", "list.0"]
    assert check_syntax(lambda request: pytest.fail("asked"), [("p", "input.a[0]", "expression")]) == []


def test_many_scripts_are_checked_at_once() -> None:
    items = [(f"p{number}", "return 1" if number % 100 else "return (", "body") for number in range(450)]
    assert [path for path, _ in check_syntax(evaluate, items)] == ["p0", "p100", "p200", "p300", "p400"]

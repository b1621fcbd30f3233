"""What scripts can do, and what becomes of it: FlowRunner spec c.7, d.3, e.2."""

from typing import Any

import pytest

from flowker.expressions.scripts import Evaluation, ScriptError
from flowker.expressions.scripts.quickjs_engine import evaluate


def around(**scope: Any) -> Evaluation:
    return Evaluation(evaluate, {"input": {"a": 1}, "shared": {"s": 1}, "secrets": {"K": "v"}, **scope})


def message_of(code: str, mode: str = "body", **scope: Any) -> str:
    with pytest.raises(ScriptError) as failed:
        around(**scope).run(code, mode)
    return failed.value.message


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("", None),
        ("return undefined", None),
        ("return {a: undefined, b: NaN, c: [undefined, -Infinity]}", {"b": None, "c": [None, None]}),
        ("return new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("const input = 5, result = 6; return input + result", 11),
        ("var shared = 1; return shared", 1),
        ("return [7, 2.0, 2 ** 53, 1e3]", [7, 2, 2**53, 1000]),
        ("return '\\u{1F600}\\0é'", "\U0001f600\0é"),
        ("x = 1; return this.x", 1),
        ("function f(n) { return n ? n * f(n - 1) : 1 } return f(5)", 120),
        ("return 1 // the end", 1),
        ("return parseInt('12px') + Math.max(1, 2) + JSON.parse('[3]')[0]", 17),
    ],
)
def test_a_body_returns_what_json_can_say(code: str, value: Any) -> None:
    assert around().run(code, "body") == value


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return () => 1", "TypeError: a function cannot be handed on"),
        ("return {a: [function f() {}]}", "TypeError: a function cannot be handed on: 0"),
        ("return {a: Symbol()}", "TypeError: a symbol cannot be handed on: a"),
        ("return 10n", "TypeError: a bigint cannot be handed on"),
        ("return Promise.resolve(1)", "TypeError: a script cannot wait for a promise"),
        ("const o = {}; o.o = o; return o", "TypeError: circular reference"),
        (
            "let o = 1; for (let i = 0; i <= 200; i++) o = [o]; return o",
            "the result cannot be handed on: nested too deeply",
        ),
        ("throw new Error('too large')", "too large"),
        ("throw 'plain'", "plain"),
        ("throw {code: 7}", '{"code":7}'),
        ("throw undefined", "undefined"),
        ("class Refused extends Error {} throw new Refused('no')", "no"),
        ("throw {toJSON() { throw 1 }}", "an error that cannot be described"),
        ("\n\nlet a; return a.b", "TypeError: cannot read property 'b' of undefined (line 3)"),
        ("[1].map(x =>\n x.y.z)", "TypeError: cannot read property 'z' of undefined (line 2)"),
        ("return item", "ReferenceError: item is not defined (line 1)"),
        ("return 1 +", "SyntaxError: unexpected token in expression: '}' (line 2)"),
        ("route()", "TypeError: route needs the name of an action (line 1)"),
        ("shared = 5", "TypeError: shared must remain a map"),
        ("a\0b", "SyntaxError: the script contains a null character"),
        ("'\ud800'", "SyntaxError: the script is not Unicode"),
    ],
)
def test_an_error_says_what_and_where(code: str, message: str) -> None:
    assert message_of(code) == message


def test_the_line_of_an_error_is_known() -> None:
    with pytest.raises(ScriptError) as failed:
        around().run("\nnull.x", "body")
    assert failed.value.line == 2


def test_properties_that_input_lacks_are_inherited_without_showing() -> None:
    scope: dict[str, Any] = {
        "input": {"own": 0},
        "shared": {"x": 1, "own": 1},
        "result": {"x": 2, "y": 2},
        "previous": {"y": 3, "z": {"deep": 3}},
    }
    code = """
        const inOrder = [];
        for (const name in input) inOrder.push(name);
        return [input.own, input.x, input.y, input.z.deep, input.none === undefined, "z" in input, "none" in input,
                Object.keys(input), inOrder, JSON.stringify(input), input.hasOwnProperty("x"), {...input}];
    """
    found = around(**scope).run(code, "body")
    assert found == [0, 1, 2, 3, True, True, False, ["own"], ["own"], '{"own":0}', False, {"own": 0}]
    assert around(**scope).run("input.new = 1; return input", "body") == {"own": 0, "new": 1}


def test_only_maps_inherit() -> None:
    scope: dict[str, Any] = {"input": [1], "shared": {"x": 1}}
    assert around(**scope).run("return input.x === undefined", "body") is True


def test_a_secret_that_is_missing_reads_null_and_none_can_be_changed() -> None:
    evaluation = around()
    code = "secrets.K = 'x'; delete secrets.K; return [secrets.K, secrets.NONE, 'NONE' in secrets, Object.keys(secrets)]"
    assert evaluation.run(code, "body") == ["v", None, False, ["K"]]
    assert evaluation.run("secrets.NONE", "expression") is None


def test_bodies_change_shared_and_later_ones_see_it() -> None:
    evaluation = around()
    assert not evaluation.shared_changed
    evaluation.run("shared.s += 1; shared.list = [1]", "body")
    evaluation.run("shared.list.push(input.a + 1)", "body")
    assert evaluation.shared_changed
    assert evaluation.shared == {"s": 2, "list": [1, 2]}
    assert evaluation.params("${shared.s}${shared.list.join()}") == "21,2"


def test_shared_may_be_replaced_by_another_map() -> None:
    evaluation = around()
    evaluation.run("shared = {...shared, t: 2}", "body")
    assert evaluation.shared == {"s": 1, "t": 2}


@pytest.mark.parametrize("mode", ["expression", "body"])
def test_reading_shared_changes_nothing(mode: str) -> None:
    evaluation = around(shared={"f": 1.5, "text": "é\u2028", "o": {}})
    evaluation.run("Object.keys(shared).length" if mode == "expression" else "return shared", mode)
    assert not evaluation.shared_changed


def test_expressions_and_failed_bodies_leave_shared_as_it_was() -> None:
    evaluation = around()
    assert evaluation.run("shared.s = 5", "expression") == 5
    with pytest.raises(ScriptError):
        evaluation.run("shared.s = 6; throw 1", "body")
    assert evaluation.shared == {"s": 1}


def test_placeholders_do_not_see_what_others_did() -> None:
    values = ["${(input.a = 5, 1) + 1}", "${input.a + 0}", "${input.a}"]
    assert around().params(values) == [2, 1, 1]


def test_what_is_written_to_the_console_is_kept_also_when_the_script_fails() -> None:
    evaluation = around()
    code = """
        console.log("a", 1, {b: [null]}, undefined, null);
        console.info(); console.warn(new TypeError("t")); console.error([1n].length); console.debug("d");
        throw 1;
    """
    with pytest.raises(ScriptError):
        evaluation.run(code, "body")
    assert evaluation.logs == [
        ("info", 'a 1 {"b":[null]} undefined null'),
        ("info", ""),
        ("warn", "TypeError: t"),
        ("error", "1"),
        ("debug", "d"),
    ]


def test_a_script_may_choose_the_action() -> None:
    evaluation = around()
    assert evaluation.routed is None
    evaluation.run("route('first'); route('second')", "body")
    assert evaluation.routed == "second"
    evaluation.run("return 1", "body")
    assert evaluation.routed == "second"


def test_hooks_see_the_context() -> None:
    code = "return {headers: {...context.headers, 'X-Id': String(input.a)}}"
    found = around(context={"headers": {"a": "b"}}).run(code, "body")
    assert found == {"headers": {"a": "b", "X-Id": "1"}}


def test_item_and_index_are_there_in_a_batch() -> None:
    assert around(item={"id": 4}, index=2).run("item.id * index", "expression") == 8


def test_there_is_nothing_beside_the_language() -> None:
    names = "process require module std os fetch XMLHttpRequest setTimeout setInterval scriptArgs print load Deno __loadScript"
    for name in names.split():
        for code in (
            f"typeof {name}",
            f"typeof globalThis.{name}",
            f"typeof (() => 0).constructor('return this')().{name}",
        ):
            assert around().run(code, "expression") == "undefined"


@pytest.mark.parametrize("path", ["os", "std", "qjs:os", "/etc/passwd", "data:text/javascript,1"])
def test_nothing_can_be_imported(path: str) -> None:
    assert message_of(f"return import('{path}')") == "TypeError: a script cannot wait for a promise"
    assert message_of(f"import x from '{path}'").startswith("SyntaxError")


def test_a_request_leaves_nothing_behind_for_the_next() -> None:
    around().run(
        "Object.prototype.leak = 1; Array.prototype.map = null; JSON.stringify = null; globalThis.g = 1",
        "body",
    )
    assert around().run(
        "[typeof ({}).leak, [1].map(String)[0], JSON.stringify(1), typeof g]", "expression"
    ) == [
        "undefined",
        "1",
        "1",
        "undefined",
    ]


def test_scripts_that_change_the_language_only_change_their_own_results() -> None:
    code = """
        Object.prototype.toJSON = () => 5; Array.prototype.toJSON = () => 6; String.prototype.slice = null;
        Array.prototype.push = null; globalThis.String = null; globalThis.Error = null; JSON.stringify = () => "{";
        Object.defineProperty(Array.prototype, Symbol.iterator, {value: null});
        Object.defineProperty(Object.prototype, "message", {get() { return 1 }});
        console.log("still", {a: 1});
    """
    evaluation = around()
    assert evaluation.run(f"{code} return {{a: 1}}", "body") == 5
    assert evaluation.logs == [("info", "still 5")]
    with pytest.raises(ScriptError, match=r"^mine$"):
        evaluation.run(f"{code} throw 'mine'", "body")


def test_half_characters_do_no_harm() -> None:
    evaluation = around()
    assert evaluation.run("console.log('\\ud800'); return 1", "body") == 1
    assert evaluation.logs == [("info", "?")]
    assert message_of("throw new Error('a\\ud800')") == "a?"

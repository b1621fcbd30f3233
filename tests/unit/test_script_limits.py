"""What scripts may use: FlowRunner spec e.3."""

import pytest

from flowker.expressions.scripts import Evaluation, ScriptError, limits
from flowker.expressions.scripts.quickjs_engine import evaluate

TOO_LONG = "the script ran longer than 250 ms"
TOO_BIG = "the script used more than 16 MiB of memory"


def failure(code: str, mode: str = "body") -> str:
    with pytest.raises(ScriptError) as failed:
        Evaluation(evaluate, {"input": {"a": 1}, "shared": {}}).run(code, mode)
    return failed.value.message


@pytest.mark.parametrize(
    "code",
    [
        "while (true) {}",
        "try { while (true) {} } catch (error) { return 1 } finally { return 2 }",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "[].indexOf.call({length: 2 ** 53 - 1}, 1)",
        "return {toJSON() { while (true) {} }}",
        "throw {get message() { while (true) {} }, toJSON() { while (true) {} }}",
        "return new Proxy({}, {ownKeys() { while (true) {} }})",
    ],
)
def test_endless_work_is_stopped(code: str) -> None:
    assert failure(code) == TOO_LONG


@pytest.mark.parametrize(
    "code",
    [
        "const a = []; while (true) a.push(new Array(1e5).fill(1))",
        "return 'x'.repeat(1e9)",
        "return new Array(1e9).fill(0)",
        "let s = 'x'; while (true) s += s + 'y'.repeat(1e5)",
        "return new ArrayBuffer(1e9).byteLength",
        "globalThis.kept = []; while (true) kept.push('x'.repeat(1000) + kept.length)",
    ],
)
def test_too_much_memory_is_refused(code: str) -> None:
    message = failure(code)
    assert message == TOO_BIG or message.startswith(("RangeError", "InternalError: string too long")), message


@pytest.mark.parametrize(
    "code",
    [
        "return (function f() { return f() })()",
        "let o = {}; for (let i = 0; i < 1e5; i++) o = {o}; return o",
        "const f = {get toString() { return '' + f }}; return '' + f",
        "return JSON.parse('['.repeat(1e5))",
        "return new RegExp('('.repeat(1e5)).source",
    ],
)
def test_deep_recursion_ends(code: str) -> None:
    assert failure(code)


def test_a_result_may_have_200_kib() -> None:
    evaluation = Evaluation(evaluate, {})
    assert len(evaluation.run("return 'x'.repeat(200 * 1024 - 2)", "body")) == 200 * 1024 - 2
    assert failure("return 'x'.repeat(200 * 1024)") == "the result is larger than 200 KiB"
    assert failure("return '\\u00e9'.repeat(150 * 1024)") == "the result is larger than 200 KiB"


def test_a_result_that_is_nested_too_deeply_is_refused() -> None:
    assert failure("let o = 1; for (let i = 0; i < 1500; i++) o = [o]; return o")


def test_shared_may_be_as_large_as_what_an_input_grows_to() -> None:
    assert failure("shared.x = 'x'.repeat(2 ** 20)") == "shared is larger than 1024 KiB"


def test_a_script_may_have_64_kib() -> None:
    assert Evaluation(evaluate, {}).run("return 1;" + " " * (64 * 1024 - 9), "body") == 1
    assert failure("return 1;" + " " * (64 * 1024)) == "the script is larger than 64 KiB"


def test_the_console_keeps_100_lines_of_2_kib() -> None:
    evaluation = Evaluation(evaluate, {})
    evaluation.run("console.log('é'.repeat(5000)); for (let i = 0; i < 60; i++) console.log(i)", "body")
    evaluation.run("for (let i = 0; i < 1000; i++) console.log(i)", "body")
    assert len(evaluation.logs) == limits.LOG_LINES
    assert all(len(text.encode()) <= limits.LOG_LINE_BYTES for _, text in evaluation.logs)


def test_a_large_scope_does_not_count_as_the_script_s_memory() -> None:
    data: list[list[int]] = [[] for _ in range(400_000)]
    scope = {"input": {"data": data}}
    assert Evaluation(evaluate, scope).run("return input.data.length + [1].length", "body") == 400_001


def test_many_slow_placeholders_end_as_a_whole() -> None:
    slow = "${(() => { const end = Date.now() + 150; while (Date.now() < end); return 1 })()}"
    with pytest.raises(ScriptError, match="longer than 2 s in all"):
        Evaluation(evaluate, {}).params([slow] * 40)


def test_the_next_request_is_not_touched_by_one_that_was_stopped() -> None:
    failure("while (true) {}")
    failure("const a = []; while (true) a.push('x'.repeat(1000) + a.length)")
    assert Evaluation(evaluate, {}).run("return 1", "body") == 1

"""Member paths mean the same with and without the script engine (FlowRunner spec e.4)."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.expressions.scripts import Evaluation, ScriptError, check_syntax, paths
from flowker.expressions.scripts.placeholders import Placeholder, split
from flowker.expressions.scripts.quickjs_engine import evaluate
from flowker.model import exact_json

NAMES = [
    "a",
    "b",
    "0",
    "1",
    "length",
    "toString",
    "__proto__",
    "constructor",
    "k-x.y",
    "é",
    "toJSON",
    "map",
    "",
]
KEYS = st.sampled_from(NAMES)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=4), st.just("\U0001f600")
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=10,
)
SCOPES = st.fixed_dictionaries(
    {"input": VALUES, "results": st.dictionaries(KEYS, VALUES, max_size=3)},
    optional={"shared": VALUES, "result": VALUES, "previous": VALUES, "item": VALUES, "error": VALUES},
)


@st.composite
def codes(draw: st.DrawFn) -> str:
    code = draw(st.sampled_from(["input", "input", "input", "results", "shared", "item", "error"]))
    for name in draw(st.lists(KEYS, max_size=4)):
        if name.isdigit():
            code += draw(st.sampled_from([f"[{name}]", f'["{name}"]', f"[ '{name}' ]"]))
        elif name.isidentifier() and name.isascii():
            code += draw(st.sampled_from([f".{name}", f" .{name} ", f'["{name}"]']))
        else:
            code += f'["{name}"]'
    return code


def outcome(work: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "value", work()
    except ScriptError as error:
        return "error", error.message.removesuffix(" (line 1)")


@settings(max_examples=120, deadline=None)
@given(SCOPES, codes())
def test_a_path_is_what_the_engine_says(scope: Mapping[str, Any], code: str) -> None:
    parsed = paths.parse(code)
    assert parsed is not None
    read = outcome(lambda: paths.read(parsed, scope))
    if read[1] is paths.ASK:
        return
    expected = outcome(lambda: Evaluation(evaluate, scope).run(f"return {code}", "body"))
    known = None if read[1] is paths.UNDEFINED else read[1]
    if (
        read[0] == "value"
    ):  # JavaScript puts members with whole numbers as names first, which does not matter here
        assert expected[0] == "value", expected
        assert exact_json.canonical(known) == exact_json.canonical(expected[1])
    else:
        assert read == expected


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["${", "$${", "{", "}", "'", '"', "`", "/", "*", "\\", "\n", "a", " ", ".", "(", "//"]
        ),
        max_size=14,
    )
)
def test_what_is_split_can_be_put_together_again(tokens: list[str]) -> None:
    text = "".join(tokens)
    try:
        parts = split(text)
    except ScriptError:
        return
    again = "".join(f"${{{p.code}}}" if isinstance(p, Placeholder) else p.replace("${", "$${") for p in parts)
    assert again in (text, text.strip())


TOKENS = ["}", "{", ")", "(", "]", "[", ",", ";", "=", "=>", "x", "1", "x()", "function f()", "\n"]
PAIRS = {")": "(", "]": "[", "}": "{"}


def balanced(code: str) -> bool:
    opened: list[str] = []
    for character in code:
        if character in PAIRS.values():
            opened.append(character)
        elif character in PAIRS and (not opened or opened.pop() != PAIRS[character]):
            return False
    return not opened


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=7).map("".join), st.sampled_from(["body", "expression"]))
def test_code_that_closes_what_is_around_it_does_not_pass_the_syntax_check(code: str, mode: str) -> None:
    if not check_syntax(evaluate, [("p", code, mode)]):
        assert balanced(code)
        whole = f"({code}\n)" if mode == "expression" else f"(function(){{{code}\n}})"
        assert Evaluation(evaluate, {}).run(f"return 0; {whole}", "body") == 0

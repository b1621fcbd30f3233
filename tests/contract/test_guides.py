"""The examples of the guides mean what the guides say."""

import re
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import quickjs  # type: ignore[import-untyped]

from flowker.expressions.conditions import parse
from flowker.expressions.mappings import FieldMappings
from flowker.expressions.operations.registry import OPERATIONS
from flowker.expressions.problems import EvaluationError
from flowker.expressions.transforms import Transforms
from flowker.model import exact_json
from statemachines.golden import HERE as STATE_MACHINES
from statemachines.golden import flow_examples
from tests.surroundings import SURROUNDINGS

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
GUIDE = (GUIDES / "expressions.md").read_text()
BLOCK = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall(GUIDE)
CONTEXT: Any = exact_json.loads(next(text for _, kind, text in BLOCKS if kind == "context"))
CONDITIONS = [
    re.split(r" {2,}", line)[:2]
    for _, kind, text in BLOCKS
    if kind == "conditions"
    for line in text.splitlines()
]
READERS: dict[str, tuple[str, Callable[[object], Any], Any]] = {
    "input": ("inputMapping", FieldMappings.for_input, CONTEXT),
    "output": ("outputMapping", FieldMappings.for_output, CONTEXT["check-fraud"]),
    "transforms": ("transforms", Transforms.parse, CONTEXT),
}
EXAMPLES = [
    (kind, text, BLOCKS[number + 1][2]) for number, (_, kind, text) in enumerate(BLOCKS) if kind in READERS
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS)
def test_a_condition_of_the_guide_is_what_it_says(condition: str, expected: str) -> None:
    if expected == "error":
        with pytest.raises(EvaluationError):
            parse(condition).evaluate(CONTEXT)
    else:
        assert parse(condition).evaluate(CONTEXT) is {"true": True, "false": False}[expected]


@pytest.mark.parametrize(("kind", "example", "shown"), EXAMPLES)
def test_an_example_of_the_guide_makes_what_is_shown_below_it(kind: str, example: str, shown: str) -> None:
    name, read, document = READERS[kind]
    made = read(exact_json.loads(example)[name]).apply(document, SURROUNDINGS)
    assert made == exact_json.loads(shown)


BROWSER = """
globalThis.said = [], globalThis.shown = [], globalThis.later = [];
globalThis.location = { origin: "https://flowker.example" };
globalThis.setTimeout = action => later.push(action);
globalThis.fetch = async (url, { method, headers }) => {
  said.push(`${method} ${url} ${headers.Authorization}`);
  return { json: async () => ({ ticket: `t${said.length}` }) };
};
globalThis.WebSocket = class { constructor(url) { said.push(url); globalThis.socket = this; } };
"""
"""As much of a browser as the guide needs, without a network."""


def test_the_page_of_the_guide_follows_a_run_and_goes_on_where_it_was() -> None:
    guide = (GUIDES / "flows.md").read_text()
    (snippet,) = [text for language, _, text in BLOCK.findall(guide) if language == "js"]
    page = quickjs.Context()

    def do(code: str) -> None:
        page.eval(code)
        while page.execute_pending_job():
            pass

    do(BROWSER + snippet + 'follow("exec-1", "token", message => shown.push(message.sequence));')
    for sequence in (1, 2, 2, 1, 3):
        do(f"socket.onmessage({{ data: JSON.stringify({{ sequence: {sequence} }}) }});")
    do("socket.onclose({ code: 1006 }); later.pop()();")
    do("socket.onclose({ code: 1000 });")
    assert page.eval("JSON.stringify(shown)") == "[1,2,3]"
    assert page.eval("later.length") == 0
    asked = "POST /api/v1/executions/exec-1/ws-ticket Bearer token"
    address = "wss://flowker.example/ws/executions/exec-1"
    assert exact_json.loads(page.eval("JSON.stringify(said)")) == [
        asked,
        f"{address}?ticket=t1&since=0",
        asked,
        f"{address}?ticket=t3&since=3",
    ]


EXAMPLE = re.compile(r"\]\(\.\./\.\./statemachines/([\w-]+)/flow\.yaml\)")
EXCERPTS = [
    (path.name, found[1], excerpt)
    for path in sorted(GUIDES.glob("*.md"))
    if (found := EXAMPLE.search(path.read_text()))
    for language, _, excerpt in BLOCK.findall(path.read_text())
    if language == "yaml"
]


@pytest.mark.parametrize(("guide", "example", "excerpt"), EXCERPTS)
def test_an_excerpt_is_cut_from_the_flow_that_the_guide_is_about(
    guide: str, example: str, excerpt: str
) -> None:
    flow = (STATE_MACHINES / example / "flow.yaml").read_text()
    assert indent(excerpt, "  ") in flow, f"{guide} shows another flow than {example}"


def test_every_flow_among_the_examples_has_a_guide() -> None:
    assert {example for _, example, _ in EXCERPTS} == {path.name for path in flow_examples()}


def test_the_guide_lists_every_operation() -> None:
    assert [name for name in OPERATIONS if f"`{name}`" not in GUIDE] == []

"""Whatever text is sent as a flow is read or refused, never more; and what is accepted survives (FlowRunner spec c)."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.compiler.flows.check import check
from flowker.compiler.flows.document import parse
from flowker.compiler.flows.graph import graph_of
from flowker.model import exact_json
from flowker.model.graph import Graph
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from tests.flow_samples import CATALOGUE, ORDERS, SEED, flow

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12),
    st.sampled_from(
        ["yes", "no", "null", "~", "1:30", "0x1", "1e3", "${input.a}", "${", "END", "a", "b", "1s"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
PIECES = st.sampled_from(
    ["a", ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&x ", "*x", "!!int ", "!t ", "'", '"', "|", ">", "<<", "? ",
     "#", "%", "@", "\t", "---\n", "...\n", "nodes", "metadata", "type: base", "next", "1", "yes", "ä", "\u2028"]
)  # fmt: skip
KEYS = ("type", "params", "next", "retry", "batch", "hooks", "timeout", "description", "other")
NODES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "yes", "x y", "END"]),
    st.one_of(
        VALUES,
        st.fixed_dictionaries(
            {"type": st.sampled_from([*FLOW_NODE_TYPES, "none"])},
            optional={key: VALUES for key in KEYS if key != "type"},
        ),
    ),
    max_size=4,
)


def no_scripts(scripts: Any) -> list[tuple[str, str]]:
    return []


@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    tree, problems = parse(text)
    assert tree is not None or problems
    lines = text.count("\n") + text.count("\r") + text.count("\u2028") + text.count("\x85") + 1
    assert all(1 <= (each.line or 0) <= lines + 1 and (each.column or 0) >= 1 for each in problems)
    if tree is not None:
        exact_json.dumps(tree.value)
    check(text, FLOW_NODE_TYPES, no_scripts, ())


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_what_json_holds_is_read_back(value: Any) -> None:
    text = exact_json.readable(value)
    tree, problems = parse(text)
    if not problems:  # JSON may hold a character that YAML does not, or a key twice
        assert tree is not None
        assert exact_json.canonical(tree.value) == exact_json.canonical(exact_json.loads(text))


@given(NODES, VALUES)
@settings(max_examples=200, deadline=None)
def test_any_nodes_are_a_flow_or_refused(nodes: Any, more: Any) -> None:
    text = flow(nodes, start=more)
    checked = check(text, FLOW_NODE_TYPES, no_scripts, ["a"])
    assert (checked.document is None) == bool(checked.problems)
    if checked.document is None:
        return
    graph = graph_of(checked.document, "1")
    stored = Graph.model_validate(exact_json.loads(exact_json.dumps(graph.document())))
    assert exact_json.digest(stored.document()) == exact_json.digest(graph.document())
    assert stored.edges == graph.edges


@given(st.sampled_from([SEED, ORDERS, CATALOGUE]), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_flow_is_a_flow_or_refused(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    damaged = text[:start] + data.draw(st.lists(PIECES, max_size=4).map("".join)) + text[end:]
    checked = check(damaged, FLOW_NODE_TYPES, no_scripts)
    assert (checked.document is None) == bool(checked.problems)
    assert all(each.line and each.column for each in checked.problems)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_strings_and_keys_mean_what_they_mean_to_other_readers(value: Any) -> None:
    """An independent writer quotes all texts, and says by tags what else there is."""
    text = yaml.safe_dump({"value": value}, allow_unicode=True, default_style='"')
    tree, problems = parse(text)
    if not problems:
        assert tree is not None
        assert _texts(tree.value["value"]) == _texts(value)


def _texts(value: Any) -> Any:
    """The value with all that is no text left out."""
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return value if isinstance(value, str) else None

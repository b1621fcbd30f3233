"""The reference of node types says what is true of them."""

import pytest
import yaml

from docs import nodes
from flowker.nodes.flow.params import Kind
from flowker.nodes.flow.registry import FLOW_NODE_TYPES, NODE_TYPES


@pytest.mark.parametrize("name", NODE_TYPES)
def test_the_example_of_each_type_is_right(name: str) -> None:
    example = yaml.safe_load(NODE_TYPES[name].page.example)
    assert example["type"] == name
    params = example.get("params", {})
    assert list(NODE_TYPES[name].check(params)) == []
    known = {name for param in NODE_TYPES[name].table for name in param.names}
    assert params.keys() <= known


@pytest.mark.parametrize("name", NODE_TYPES)
def test_the_page_has_a_row_for_each_param_result_and_handle(name: str) -> None:
    kind = NODE_TYPES[name]
    section = nodes.page().split(f"\n## {name}\n")[1].split("\n## ")[0]
    assert kind.page.summary in section
    for param in kind.table:
        assert f"| `{param.name}`" in section
    for part in (kind.page.results, kind.page.actions, kind.page.handles, kind.page.logs):
        assert all(meaning in section for meaning in part.values())


def test_types_are_registered_under_their_names() -> None:
    assert {name: kind.name for name, kind in FLOW_NODE_TYPES.items()} == {
        name: name for name in FLOW_NODE_TYPES
    }
    assert set(FLOW_NODE_TYPES) == {
        "http.request", "webhook", "condition", "transform", "base", "delay", "wait", "split", "join", "store", "flow",
        "batch", "async_batch", "parallel_batch", "worker_pool", "llm", "agent", "mcp",
        "postgres", "dynamodb", "cron", "email.send", "email.receive",
    }  # fmt: skip


@pytest.mark.parametrize("name", NODE_TYPES)
def test_defaults_are_what_their_params_may_be(name: str) -> None:
    for param in NODE_TYPES[name].table:
        assert param.default is None or param.problem(param.default, param.name) is None
        assert not (param.required and param.default is not None)
        assert param.kind is not Kind.ANY or not param.required


@pytest.mark.parametrize("name", NODE_TYPES)
@pytest.mark.parametrize("value", [None, 7, -1.5, True, "x", "", [], {}, [None], {"a": None}, "${input.x}"])
def test_no_literal_makes_a_check_fail(name: str, value: object) -> None:
    kind = NODE_TYPES[name]
    names = [each for param in kind.table for each in param.names]
    for params in [{each: value} for each in names] + [dict.fromkeys(names, value)]:
        for code, path, reason in kind.check(params):
            assert code in {"missing_param", "invalid_param", "invalid_duration", "unsupported"}
            assert path
            assert reason
        kind.shape(params)
        kind.scripts(params)

"""The table of what can be wrong with a flow, all of it told at once (FlowRunner spec c.8)."""

from collections.abc import Collection
from typing import Any

import pytest

from flowker.compiler.flows.check import MOST_REPORTED, MOST_SCRIPTS, Checked, check
from flowker.compiler.flows.graph import graph_of
from flowker.errors import Diagnostic
from flowker.expressions.scripts.quickjs_engine import evaluate
from flowker.expressions.scripts.syntax import check_syntax
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from tests.flow_samples import CATALOGUE, HELLO, ORDERS, SEED, chain, flow

Script = tuple[str, str, str]


def checked(text: str, secrets: Collection[str] | None = None) -> Checked:
    return check(text, FLOW_NODE_TYPES, lambda scripts: check_syntax(evaluate, scripts), secrets)


def found(text: str) -> list[tuple[str, str]]:
    """Code and path of each problem; each has its place."""
    answer = checked(text)
    assert (answer.document is None) == bool(answer.problems)
    assert all(each.line and each.column and each.message for each in answer.problems)
    return [(each.code, each.pointer) for each in answer.problems]


def node(**members: Any) -> str:
    """A flow of one transform with these members."""
    return flow({"a": {"type": "transform", "params": {"script": "return 1;"}} | members})


@pytest.mark.parametrize(
    ("node", "found"),
    [
        ("{type: http.request, params: {url: x, timout: 1s}}", ["nodes.a.params.timout"]),
        ("{type: http.request, params: {url: x, follow_redirect: false}}", []),
        ("{type: http.request, params: {url: x, items: [1]}}", ["nodes.a.params.items"]),
        ("{type: http.request, params: {url: x, items: [1]}, batch: {strategy: serial}}", []),
        ("{type: base, params: {mine: 1}}", ["nodes.a.params.mine"]),
        ("{type: base, params: {mine: 1}, hooks: {exec: return context.mine}}", []),
        ("{type: base, params: {'${input.name}': 1}}", []),
    ],
)
def test_params_that_mean_nothing_are_warned_about(node: str, found: list[str]) -> None:
    answer = checked(f"metadata: {{name: n}}\nnodes: {{a: {node}}}")
    assert answer.document is not None
    assert [(each.code, each.pointer) for each in answer.warnings] == [
        ("unknown_key", path) for path in found
    ]


@pytest.mark.parametrize("text", [SEED, ORDERS, CATALOGUE, HELLO, chain("a", "b")])
def test_good_flows_have_neither_problems_nor_warnings(text: str) -> None:
    answer = checked(text)
    assert answer.problems == []
    assert answer.warnings == []


def test_the_document_holds_what_the_text_says() -> None:
    document = checked(ORDERS).document
    assert document is not None
    assert document.name == "Order risk screening"
    assert document.version == "1.2.0"
    assert document.description == "Loads an order, scores it and hands it to the right desk"
    assert document.start == "load_order"
    assert document.nodes["load_order"]["retry"] == {"max_retries": 2, "wait": 2, "backoff": "fixed"}
    assert document.nodes["route"]["next"] == {"manual": "open_case", "approve": "notify", "empty": "reject"}
    assert document.nodes["reject"]["next"] == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata: [", [("yaml_syntax", "definition")]),
        ("just text", [("yaml_syntax", "definition")]),
        ("[1, 2]", [("yaml_syntax", "definition")]),
        ("", [("name_required", "metadata.name"), ("nodes_required", "nodes")]),
        ("{}", [("name_required", "metadata.name"), ("nodes_required", "nodes")]),
        (chain("a", name=""), [("name_required", "metadata.name")]),
        (chain("a", name="  "), [("name_required", "metadata.name")]),
        (chain("a").replace("name: chain", "title: chain"), [("name_required", "metadata.name")]),
        (chain("a").replace("name: chain", "name: [chain]"), [("invalid_metadata", "metadata.name")]),
        (chain("a", name="x" * 256), [("limit_exceeded", "metadata.name")]),
        (chain("a").replace("metadata:", "metadata: 1\nother:"), [("name_required", "metadata.name")]),
        ("metadata: {name: x}\nnodes: {}", [("nodes_required", "nodes")]),
        ("metadata: {name: x}\nnodes: [a]", [("nodes_required", "nodes")]),
        ("metadata: {name: x}", [("nodes_required", "nodes")]),
        (node(type="teleport"), [("unknown_node_type", "nodes.a.type")]),
        (node(type=None), [("unknown_node_type", "nodes.a.type")]),
        (node(type=["transform"]), [("unknown_node_type", "nodes.a.type")]),
        (flow({"a": None}), [("unknown_node_type", "nodes.a.type")]),
        (flow({"a": "transform"}), [("unknown_node_type", "nodes.a.type")]),
        (node(next={"default": "b"}), [("unknown_target", "nodes.a.next.default")]),
        (node(next={"default": ["a"]}), [("unknown_target", "nodes.a.next.default")]),
        (node(next={"default": None}), [("unknown_target", "nodes.a.next.default")]),
        (node(next="b"), [("invalid_next", "nodes.a.next")]),
        (node(next={"": "END"}), [("invalid_next", "nodes.a.next")]),
        (chain("a", "b") + "start: c\n", [("unknown_target", "start")]),
        (node(next={"default": "a"}), [("no_start_node", "nodes")]),
        (node(params=[1]), [("invalid_param", "nodes.a.params")]),
        (node(params={}), [("missing_param", "nodes.a.params.script")]),
        (node(type="http.request", params={}), [("missing_param", "nodes.a.params.url")]),
        (
            node(type="http.request", params={"url": "https://x.example", "headers": 1}),
            [("invalid_param", "nodes.a.params.headers")],
        ),
        (
            node(type="http.request", params={"url": "https://x.example", "timeout": "soon"}),
            [("invalid_duration", "nodes.a.params.timeout")],
        ),
        (node(type="delay", params={"duration": "1 s"}), [("invalid_duration", "nodes.a.params.duration")]),
        (
            node(type="store", params={"operation": "get", "key": "k", "file_path": "/etc/passwd"}),
            [("unsupported", "nodes.a.params.file_path")],
        ),
        (node(timeout="never"), [("invalid_duration", "nodes.a.timeout")]),
        (node(timeout=5), [("invalid_duration", "nodes.a.timeout")]),
        (node(timeout="0s"), [("invalid_duration", "nodes.a.timeout")]),
        (node(timeout="1h"), [("invalid_duration", "nodes.a.timeout")]),
        (node(retry=3), [("invalid_retry", "nodes.a.retry")]),
        (node(retry={"max_retries": -1}), [("invalid_retry", "nodes.a.retry.max_retries")]),
        (node(retry={"max_retries": True}), [("invalid_retry", "nodes.a.retry.max_retries")]),
        (node(retry={"max_retries": "2"}), [("invalid_retry", "nodes.a.retry.max_retries")]),
        (node(retry={"max_retries": 1, "wait": "5"}), [("invalid_duration", "nodes.a.retry.wait")]),
        (node(retry={"max_retries": 1, "wait": 5}), [("invalid_duration", "nodes.a.retry.wait")]),
        (node(retry={"max_retries": 1, "backoff": "linear"}), [("invalid_retry", "nodes.a.retry.backoff")]),
        (node(retry={"max_retries": 1, "max_wait": "x"}), [("invalid_duration", "nodes.a.retry.max_wait")]),
        (node(batch=[]), [("invalid_batch", "nodes.a.batch")]),
        (node(batch={"strategy": "random"}), [("invalid_batch", "nodes.a.batch.strategy")]),
        (node(batch={"max_parallel": 0}), [("invalid_batch", "nodes.a.batch.max_parallel")]),
        (node(batch={"items": "input"}), [("invalid_batch", "nodes.a.batch.items")]),
        (node(batch={"items": {}}), [("invalid_batch", "nodes.a.batch.items")]),
        (node(batch={"on_item_error": "skip"}), [("invalid_batch", "nodes.a.batch.on_item_error")]),
        (node(hooks="return 1;"), [("invalid_hooks", "nodes.a.hooks")]),
        (node(hooks={"prep": 1}), [("invalid_hooks", "nodes.a.hooks.prep")]),
        (node(hooks={"post": "return ("}), [("script_syntax", "nodes.a.hooks.post")]),
        (node(params={"script": "return {"}), [("script_syntax", "nodes.a.params.script")]),
        (
            node(type="condition", params={"condition_script": "if ("}),
            [("script_syntax", "nodes.a.params.condition_script")],
        ),
        (
            node(type="condition", params={"conditions": [{"condition": "1 +", "action": "x"}]}),
            [("script_syntax", "nodes.a.params.conditions.0.condition")],
        ),
        (
            node(type="http.request", params={"url": "https://x.example/${input.}"}),
            [("script_syntax", "nodes.a.params.url")],
        ),
        (
            node(type="http.request", params={"url": "https://x.example/${input.a"}),
            [("script_syntax", "nodes.a.params.url")],
        ),
        (
            node(type="webhook", params={"url": "https://x.example", "body": {"a": ["${1 +}"]}}),
            [("script_syntax", "nodes.a.params.body.a.0")],
        ),
        (
            node(type="webhook", params={"url": "https://x.example", "body": {"${1 +}": 1}}),
            [("script_syntax", "nodes.a.params.body.${1 +}")],
        ),
        (node(batch={"items": "${input.}"}), [("script_syntax", "nodes.a.batch.items")]),
        (node(params={"script": "//" + "x" * 65_536}), [("script_syntax", "nodes.a.params.script")]),
        (flow({"1a": {"type": "base"}}), [("invalid_node_id", "nodes.1a")]),
        (flow({"a b": {"type": "base"}}), [("invalid_node_id", "nodes.a b")]),
        (flow({"x" * 65: {"type": "base"}}), [("invalid_node_id", f"nodes.{'x' * 65}")]),
        (flow({"END": {"type": "base"}}), [("invalid_node_id", "nodes.END")]),
        (flow({"__start": {"type": "base"}}), [("invalid_node_id", "nodes.__start")]),
    ],
)
def test_each_kind_of_problem(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


def base(**ways: str) -> dict[str, Any]:
    return {"type": "base", "next": ways}


def test_the_start_is_the_node_that_nothing_leads_to() -> None:
    document = checked(
        flow({"b": base(default="c"), "a": base(default="b"), "c": base(default="b")})
    ).document
    assert document is not None
    assert document.start == "a"


def test_two_starts_are_named() -> None:
    (problem,) = checked(flow({"a": base(), "b": base(), "c": base(default="a")})).problems
    assert problem.code == "multiple_start_nodes"
    assert '"b", "c"' in problem.message


def test_a_ring_needs_to_be_told_where_to_start() -> None:
    ring = {"a": base(default="b"), "b": base(default="a")}
    assert found(flow(ring)) == [("no_start_node", "nodes")]
    document = checked(flow(ring, start="b")).document
    assert document is not None
    assert document.start == "b"


def test_what_no_way_leads_to_is_named() -> None:
    detached = {"a": base(), "b": base(default="c"), "c": base(default="b")}
    assert found(flow(detached)) == [("unreachable_node", "nodes.b"), ("unreachable_node", "nodes.c")]
    assert found(flow({"a": base(), "b": base()}, start="b")) == [("unreachable_node", "nodes.a")]


def test_all_problems_are_told_at_once_with_their_places() -> None:
    text = """\
metadata: {title: x}
nodes:
  fetch:
    type: http.request
    params: {method: GET, method: PUT}
    retry: {max_retries: -1, wait: soon}
    next: {error: nowhere}
  odd one:
    type: teleport
"""
    answer = checked(text)
    places = {(each.code, each.pointer): (each.line, each.column) for each in answer.problems}
    assert places == {
        ("yaml_syntax", "nodes.fetch.params.method"): (5, 27),
        ("name_required", "metadata.name"): (1, 1),
        ("missing_param", "nodes.fetch.params.url"): (5, 5),
        ("invalid_retry", "nodes.fetch.retry.max_retries"): (6, 13),
        ("invalid_duration", "nodes.fetch.retry.wait"): (6, 30),
        ("invalid_node_id", "nodes.odd one"): (8, 3),
        ("unknown_node_type", "nodes.odd one.type"): (9, 5),
        ("unknown_target", "nodes.fetch.next.error"): (7, 12),
        ("multiple_start_nodes", "nodes"): (2, 1),
    }


def test_a_thousand_problems_are_told_in_part() -> None:
    text = "metadata: {name: x}\nnodes:\n" + "".join(f"  n{number % 9}: {{}}\n" for number in range(2000))
    assert len(checked(text).problems) == MOST_REPORTED


def test_placeholders_are_counted() -> None:
    def calling(count: int) -> str:
        return node(type="webhook", params={"url": "https://x.example", "body": "${input.a}" * count})

    assert found(calling(MOST_SCRIPTS)) == []
    assert found(calling(MOST_SCRIPTS + 1)) == [("limit_exceeded", "nodes")]


def test_endless_names_are_shortened() -> None:
    (problem,) = checked(flow({"x" * 5000: {"type": "base"}})).problems
    assert len(problem.pointer) < 400


def test_there_are_at_most_200_nodes() -> None:
    assert found(chain(*(f"n{number}" for number in range(200)))) == []
    assert found(chain(*(f"n{number}" for number in range(201)))) == [("limit_exceeded", "nodes")]


def test_actions_and_targets_may_look_like_booleans() -> None:
    text = """\
metadata: {name: x, version: 1.10}
nodes:
  ask: {type: condition, params: {condition: input.ok}, next: {true: yes, false: no, 1: on}}
  yes: {type: base}
  no: {type: base}
  on: {type: base}
start: ask
"""
    document = checked(text).document
    assert document is not None
    assert document.version == "1.10"
    assert document.nodes["ask"]["next"] == {"true": "yes", "false": "no", "1": "on"}
    assert list(document.nodes) == ["ask", "yes", "no", "on"]


def test_what_means_nothing_is_warned_about() -> None:
    text = """\
metadata: {name: x, author: me}
schedule: daily
nodes:
  a: {type: base, colour: red, description: d, retry: {times: 2}, batch: {size: 2}, hooks: {before: x}}
"""
    answer = checked(text)
    assert answer.problems == []
    assert [(each.code, each.pointer, each.line) for each in answer.warnings] == [
        ("unknown_key", "schedule", 2),
        ("unknown_key", "metadata.author", 1),
        ("unknown_key", "nodes.a.colour", 4),
        ("unknown_key", "nodes.a.retry.times", 4),
        ("unknown_key", "nodes.a.batch.size", 4),
        ("unknown_key", "nodes.a.hooks.before", 4),
    ]


def test_secrets_that_do_not_exist_are_warned_about() -> None:
    answer = checked(ORDERS, ["CASES_KEY", "OTHER"])
    (warning,) = answer.warnings
    assert (warning.code, warning.pointer) == (
        "unknown_secret",
        "nodes.load_order.params.headers.Authorization",
    )
    assert "ORDERS_TOKEN" in warning.message
    assert checked(ORDERS, ["CASES_KEY", "ORDERS_TOKEN"]).warnings == []
    assert checked(ORDERS).warnings == []


def test_secrets_in_scripts_are_warned_about() -> None:
    text = node(params={"script": 'return secrets.A + secrets["b.c"];'}, hooks={"post": "return secrets.D;"})
    assert [each.message for each in checked(text, []).warnings] == [
        "there is no secret A yet",
        "there is no secret b.c yet",
        "there is no secret D yet",
    ]


def test_a_pool_says_how_many_or_there_are_ten() -> None:
    def batch(given: dict[str, Any], kind: str = "transform") -> Any:
        document = checked(node(type=kind, batch=given)).document
        assert document is not None
        return document.nodes["a"]["batch"]

    assert batch({}) == {"strategy": "serial", "on_item_error": "fail"}
    assert batch({"strategy": "worker_pool"})["max_parallel"] == 10
    assert batch({"strategy": "worker_pool", "max_parallel": 64})["max_parallel"] == 64
    assert batch({"items": [1, {"a": "${input}"}]})["items"] == [1, {"a": "${input}"}]
    assert batch({"items": "${input.rows}", "on_item_error": "collect"}) == {
        "strategy": "serial",
        "items": "${input.rows}",
        "on_item_error": "collect",
    }


@pytest.mark.parametrize(
    ("kind", "strategy"),
    [
        ("batch", "serial"),
        ("async_batch", "async"),
        ("parallel_batch", "parallel"),
        ("worker_pool", "worker_pool"),
    ],
)
def test_batch_types_are_batches_without_saying_so(kind: str, strategy: str) -> None:
    document = checked(node(type=kind)).document
    assert document is not None
    assert document.nodes["a"]["batch"]["strategy"] == strategy
    other = checked(node(type=kind, batch={"strategy": "serial"})).document
    assert other is not None
    assert other.nodes["a"]["batch"]["strategy"] == "serial"


def test_null_members_are_absent_members() -> None:
    text = node(next=None, retry=None, batch=None, hooks=None, timeout=None, description=None)
    document = checked(text).document
    assert document is not None
    assert document.nodes["a"] == {"type": "transform", "params": {"script": "return 1;"}, "next": {}}


def test_the_graph_has_a_start_a_node_for_each_and_an_edge_for_each_way() -> None:
    document = checked(ORDERS).document
    assert document is not None
    graph = graph_of(document, "1.2.0")
    start, first = graph.nodes[:2]
    assert (start.id, start.type, start.op) == ("__start", "trigger", "fr.start")
    assert start.data == {"flow": {"name": "Order risk screening", "version": "1.2.0"}}
    assert (first.id, first.type, first.op) == ("load_order", "executor", "fr.http.request")
    assert [edge.id for edge in graph.edges[:4]] == [
        "__start:default",
        "load_order:success",
        "load_order:client_error",
        "load_order:error",
    ]
    assert graph.edges[1].source_handle == "success"
    kinds = {found.id: found.type.value for found in graph.nodes}
    assert kinds["route"] == "conditional"
    assert kinds["score"] == "action"
    assert kinds["notify"] == "executor"


def test_the_end_is_no_edge() -> None:
    document = checked(flow({"a": base(default="END", error="b"), "b": base()})).document
    assert document is not None
    graph = graph_of(document, "1")
    assert [edge.id for edge in graph.edges] == ["__start:default", "a:error"]
    assert graph.nodes[1].settings["next"] == {"default": "END", "error": "b"}


def test_a_problem_found_later_has_its_place_too() -> None:
    expected = Diagnostic("unsupported_shape", "too wild", "nodes.hello.next.x", 3, 3)
    assert (
        checked(HELLO).located("unsupported_shape", ("nodes", "hello", "next", "x"), "too wild") == expected
    )

"""`transform`, `condition`, `split`, `join`, `base`, `flow` and the batches (FlowRunner spec d.3, d.4, d.12)."""

from typing import Any

import pytest

from flowker.model.exact_json import Json
from flowker.model.run import RunStatus
from flowker.nodes.flow.base import Done, Shape
from flowker.nodes.flow.registry import FLOW_NODE_TYPES, NODE_TYPES
from tests.flow_nodes import MemoryRuns, World, problems


def test_a_transform_returns_what_its_script_returns() -> None:
    world = World(input={"a": 2})
    assert world.done("transform", {"script": "return { b: input.a * 2 };"}) == Done({"b": 4})
    assert world.done("transform", {"script": "input.a;"}) == Done(None)
    assert world.evaluated[0] == ("return { b: input.a * 2 };", "body")


def test_a_script_that_throws_makes_the_transform_fail() -> None:
    assert "no way" in World().failure("transform", {"script": 'throw new Error("no way");'}).message


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("$", {"items": [{"id": 1}, {"id": 2}, {}], "a": {"b c": 3}}),
        ("$.items[0].id", 1),
        ("items[1].id", 2),
        ("$.items[*].id", [1, 2, None]),
        ("$.a.b c", 3),
        ("$.items.1.id", 2),
        ("$.nothing.at.all", None),
        ("$.items[9]", None),
    ],
)
def test_a_mapping_selects_from_the_input(selector: str, found: Json) -> None:
    world = World(input={"items": [{"id": 1}, {"id": 2}, {}], "a": {"b c": 3}})
    assert world.done("transform", {"mapping": {"x": selector}}).value == {"x": found}


def test_a_mapping_selects_from_any_input() -> None:
    world = World(input=[{"id": 1}])
    assert world.done("transform", {"mapping": {"x": "$[0].id", "y": "$.id"}}).value == {"x": 1, "y": None}
    envelope = {"status": 200, "status_text": "", "url": "", "headers": {}, "body": {"a": 1}}
    assert World(input=envelope).done("transform", {"mapping": {"x": "$.a"}}).value == {"x": None}


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "script")]),
        ({"script": ""}, [("invalid_param", "script")]),
        ({"script": 1}, [("invalid_param", "script")]),
        ({"script": "return 1", "mapping": {"a": "$"}}, [("invalid_param", "mapping")]),
        ({"mapping": {}}, [("invalid_param", "mapping")]),
        ({"mapping": {"a": 1}}, [("invalid_param", "mapping")]),
        ({"mapping": {"a": "$x"}}, [("invalid_param", "mapping")]),
        ({"mapping": {"a": "$.a[?(@.x)]"}}, [("invalid_param", "mapping")]),
        ({"mapping": {"a": "$.a"}}, []),
        ({"script": "return `${1}`"}, []),
    ],
)
def test_a_transform_is_a_script_or_a_mapping(params: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems("transform", params) == found
    if found:
        failure = World().failure("transform", params)
        assert not failure.retryable


@pytest.mark.parametrize(
    ("total", "country", "action"),
    [(6000, "DE", "manual"), (6000, "NL", "approve"), (1, "NL", "approve"), (0, "NL", "empty")],
)
def test_the_first_condition_that_is_true_decides(total: int, country: str, action: str) -> None:
    params = {
        "conditions": [
            {"condition": "input.total > 5000 && input.country != 'NL' // large", "action": "manual"},
            {"condition": "input.total > 0", "action": "approve"},
        ],
        "default_action": "empty",
    }
    world = World(input={"total": total, "country": country})
    assert world.done("condition", params) == Done(action=action, passes=True)
    assert len(world.evaluated) == 1


def test_without_a_default_action_it_is_default() -> None:
    done = World(input={}).done("condition", {"conditions": [{"condition": "input.missing", "action": "x"}]})
    assert done == Done(action="default", passes=True)


def test_actions_that_yaml_read_as_booleans_and_numbers_are_names() -> None:
    params = {"conditions": [{"condition": "input == 1", "action": True}, {"condition": "true", "action": 7}]}
    assert World(input=1).done("condition", params).action == "true"
    assert World(input=2).done("condition", params).action == "7"


@pytest.mark.parametrize(
    ("returned", "action"),
    [
        ('"done"', "done"),
        ("true", "true"),
        ("1 > 2", "false"),
        ("5", "5"),
        ("1.5", "1.5"),
        ("null", "null"),
        ("undefined", "null"),
        ("[1]", "[1]"),
    ],
)
def test_a_condition_script_names_the_action(returned: str, action: str) -> None:
    done = World(input={"a": 1}).done("condition", {"condition_script": f"return {returned};"})
    assert done == Done(action=action, passes=True)


@pytest.mark.parametrize(
    ("expression", "action"),
    [
        ("input.a > 1", "true"),
        ("input.a", "true"),
        ("input.b", "false"),
        ('""', "false"),
        ("0", "false"),
        ('"0"', "true"),
        ("null", "false"),
        ("[]", "true"),
        ("({})", "true"),
        ("input.missing", "false"),
    ],
)
def test_one_expression_is_true_or_false_as_in_javascript(expression: str, action: str) -> None:
    done = World(input={"a": 2, "b": 0}).done("condition", {"condition": expression})
    assert done == Done(action=action, passes=True)


@pytest.mark.parametrize(
    "params",
    [
        {"conditions": [{"condition": "nothing.here", "action": "x"}]},
        {"condition_script": "return nothing.here;"},
        {"condition": "nothing.here"},
    ],
)
def test_a_condition_that_cannot_be_evaluated_fails(params: dict[str, Any]) -> None:
    assert "nothing" in World().failure("condition", params).message


def test_a_condition_must_be_one_expression() -> None:
    params = {"conditions": [{"condition": "1) return 9; if (0", "action": "x"}]}
    assert World().failure("condition", params).message == "a condition is not one expression"


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "conditions")]),
        ({"condition": "1", "condition_script": "2"}, [("invalid_param", "condition")]),
        (
            {"conditions": [{"condition": "1", "action": "a"}], "condition": "1"},
            [("invalid_param", "condition")],
        ),
        ({"conditions": []}, [("invalid_param", "conditions")]),
        ({"conditions": ["x"]}, [("invalid_param", "conditions")]),
        (
            {"conditions": [{}]},
            [("missing_param", "conditions.0.condition"), ("missing_param", "conditions.0.action")],
        ),
        (
            {"conditions": [{"condition": True, "action": []}]},
            [("invalid_param", "conditions.0.condition"), ("invalid_param", "conditions.0.action")],
        ),
        ({"conditions": [{"condition": "", "action": "x"}]}, [("invalid_param", "conditions.0.condition")]),
        ({"condition": ""}, [("invalid_param", "condition")]),
        ({"condition": "1", "default_action": 7}, [("invalid_param", "default_action")]),
    ],
)
def test_a_condition_has_exactly_one_form(params: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems("condition", params) == found
    assert not World().failure("condition", params).retryable


def test_conditions_tell_the_syntax_check_their_scripts() -> None:
    kind = FLOW_NODE_TYPES["condition"]
    assert kind.raw == {"conditions", "condition", "condition_script"}
    listed = {"conditions": [{"condition": "a", "action": "x"}, {"condition": "b", "action": "y"}]}
    assert kind.scripts(listed) == [
        ("conditions.0.condition", "a", "expression"),
        ("conditions.1.condition", "b", "expression"),
    ]
    assert kind.scripts({"condition_script": "return 1"}) == [("condition_script", "return 1", "body")]
    assert kind.scripts({"condition": 7, "conditions": 8}) == []


def test_base_passes_its_input_through() -> None:
    assert World(input=1).done("base", {}) == Done(passes=True)
    assert problems("base", {"anything": 1}) == []


def test_a_split_collects_the_results_of_its_branches() -> None:
    assert FLOW_NODE_TYPES["split"].shape({}) is Shape.SPLIT
    assert World().done("split", {}, [1, {"a": 2}]) == Done([1, {"a": 2}])
    assert World().done("split", {}, []) == Done([])


@pytest.mark.parametrize(
    ("params", "results", "joined"),
    [
        ({}, [1, 2], [1, 2]),
        ({"format": "array"}, [], []),
        ({"format": "object"}, [1, 2], {"result_0": 1, "result_1": 2}),
        (
            {"format": "map"},
            [{"branch": "a", "n": 1}, {"branch": "b"}],
            {"a": {"branch": "a", "n": 1}, "b": {"branch": "b"}},
        ),
        ({}, {"one": 1}, [{"one": 1}]),
        ({"format": "object"}, None, {"result_0": None}),
    ],
)
def test_a_join_gives_results_a_form(params: dict[str, Any], results: Json, joined: Json) -> None:
    assert World(input=results).done("join", params) == Done(joined)


@pytest.mark.parametrize("result", [1, {}, {"branch": 7}])
def test_a_map_of_results_needs_their_names(result: Json) -> None:
    failure = World(input=[result]).failure("join", {"format": "map"})
    assert failure.message == 'result 0 has no text "branch" to be known by'


def test_a_join_knows_three_formats() -> None:
    assert problems("join", {"format": "list"}) == [("invalid_param", "format")]
    assert not World(input=[]).failure("join", {"format": "list"}).retryable


@pytest.mark.parametrize(
    ("name", "strategy"),
    [
        ("batch", "serial"),
        ("async_batch", "async"),
        ("parallel_batch", "parallel"),
        ("worker_pool", "worker_pool"),
    ],
)
@pytest.mark.parametrize("param", ["script", "processor_script"])
def test_batch_types_transform_one_item_and_imply_a_strategy(name: str, strategy: str, param: str) -> None:
    kind = NODE_TYPES[name]
    assert (kind.name, kind.strategy) == (name, strategy)
    assert World(input=3).done(name, {param: "return input * 2;", "items": [3]}) == Done(6)
    assert kind.scripts({param: "return 1;"}) == [(param, "return 1;", "body")]
    assert param in kind.raw
    assert problems(name, {}) == [("missing_param", "script")]
    assert problems(name, {param: "return 1;", "items": 7}) == [("invalid_param", "items")]


def test_no_other_type_implies_a_batch() -> None:
    assert {kind.strategy for name, kind in NODE_TYPES.items() if "batch" not in name} == {
        None,
        "worker_pool",
    }


@pytest.mark.parametrize(
    ("params", "data", "given"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({}, [1], {"input": [1]}),
        ({"input": {"b": 2}}, {"a": 1}, {"b": 2}),
        ({"input": {}}, {"a": 1}, {}),
    ],
)
def test_a_flow_starts_another_with_its_input(params: dict[str, Any], data: Json, given: Json) -> None:
    runs = MemoryRuns()
    World(input=data, runs=runs).pause("flow", {"flow_id": "flow-1", **params})
    assert runs.started == [("flow-1", given)]


def test_a_flow_waits_for_the_other_and_takes_its_result() -> None:
    world = World(input={}, runs=(runs := MemoryRuns()))
    pause = world.pause("flow", {"flow_id": "flow-1"})
    again = world.pause("flow", {"flow_id": "flow-1"}, pause.state)
    assert len(runs.started) == 1
    assert again.seconds >= pause.seconds >= 1
    runs.outcomes["exec-1"] = (RunStatus.COMPLETED, {"x": 1}, None)
    assert world.done("flow", {"flow_id": "flow-1"}, again.state) == Done({"x": 1})


def test_a_flow_asks_less_and_less_often() -> None:
    world = World(input={}, runs=MemoryRuns())
    pause = world.pause("flow", {"flow_id": "flow-1"})
    seconds = []
    for _ in range(100):
        pause = world.pause("flow", {"flow_id": "flow-1"}, pause.state)
        seconds.append(pause.seconds)
    assert seconds == sorted(seconds)
    assert (seconds[0], seconds[-1]) == (1, 30)


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (
            RunStatus.FAILED,
            "HTTP request failed with status 500",
            "failed: HTTP request failed with status 500",
        ),
        (RunStatus.CANCELLED, None, "cancelled"),
    ],
)
def test_a_flow_fails_as_the_other_does(status: RunStatus, error: str | None, message: str) -> None:
    world = World(input={}, runs=(runs := MemoryRuns()))
    pause = world.pause("flow", {"flow_id": "flow-1"})
    runs.outcomes["exec-1"] = (status, None, error)
    failure = world.failure("flow", {"flow_id": "flow-1"}, pause.state)
    assert failure.message == f"flow flow-1 {message}"
    assert failure.details == {"execution_id": "exec-1", "flow_id": "flow-1", "status": status.value}


def test_a_flow_need_not_wait() -> None:
    world = World(input={}, runs=MemoryRuns())
    params = {"flow_id": "flow-1", "wait": False}
    done = world.done("flow", params)
    assert done.value == {"execution_id": "exec-1", "flow_id": "flow-1", "status": "running"}
    assert done.logs[0].message == "Flow started"
    kind = FLOW_NODE_TYPES["flow"]
    assert (kind.shape(params), kind.shape({"flow_id": "flow-1"})) == (Shape.PLAIN, Shape.WAITING)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "flow_id")]),
        ({"flow_id": 7, "input": [], "wait": "no"}, ["flow_id", "input", "wait"]),
        ({"flow_id": "${input.flow}", "input": "${input}", "wait": "${input.wait}"}, []),
    ],
)
def test_a_flow_needs_to_know_which(params: dict[str, Any], found: list[Any]) -> None:
    expected = [each if isinstance(each, tuple) else ("invalid_param", each) for each in found]
    assert problems("flow", params) == expected
    if found:
        assert not World(input={}, runs=MemoryRuns()).failure("flow", params).retryable

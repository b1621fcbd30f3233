"""What flows become: shapes, names, times, and what has no shape (FlowRunner spec k)."""

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

import pytest

from flowker.compiler.engine import decide
from flowker.compiler.flows.compile import FlowMachine, UnsupportedShape, compile_flow
from flowker.compiler.policy import FUNCTION_SECONDS, NODE_SECONDS, SLACK_SECONDS
from flowker.errors import DefinitionTooLarge
from flowker.model.workflow import MachineType
from flowker_local.engine.definition import compile_machine
from tests.flow_strategies import flow
from tests.flow_worker import SHAPES

STORE = 31
"""Every task: the waits while the store or the function is overloaded."""
DAY = 86_400

Nodes = Mapping[str, Mapping[str, Any]]


def compiled(nodes: Nodes, longest: int = DAY) -> FlowMachine:
    """A machine that the embedded engine accepts as well."""
    machine = compile_flow(flow(nodes), longest, SHAPES)
    compile_machine("machine", machine.definition)
    return machine


def states(nodes: Nodes) -> dict[str, Any]:
    found: dict[str, Any] = compiled(nodes).definition["States"]
    return found


def names(machine: Mapping[str, Any]) -> Iterator[str]:
    """Of all states, in branches and batches too."""
    for name, state in machine["States"].items():
        yield name
        for inner in (
            *state.get("Branches", ()),
            *([state["ItemProcessor"]] if "ItemProcessor" in state else ()),
        ):
            yield from names(inner)


def base(**ways: str) -> dict[str, Any]:
    return {"type": "base", "next": ways}


def call(**data: Any) -> dict[str, Any]:
    return {"type": "http.request", "next": {}, **data}


def test_a_row_of_nodes_asks_nothing() -> None:
    found = states({"a": base(default="b"), "b": base(default="c", success="c"), "c": base()})
    assert [found["a"]["Next"], found["b"]["Next"], found["c"]["End"]] == ["b", "c", True]
    assert set(found) == {"a", "b", "c", "execution.abandon", "execution.failed"}


def test_a_node_with_several_ways_asks_which_one_was_taken() -> None:
    found = states({"a": base(default="b", error="c", done="END"), "b": base(), "c": base()})
    assert found["a.next"] == {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.at.e1", "IsPresent": True, "Next": "b"},
            {"Variable": "$.at.e2", "IsPresent": True, "Next": "c"},
        ],
        "Default": "execution.done",
    }


def test_a_task_carries_ids_only() -> None:
    parameters = states({"a": base()})["a"]["Parameters"]
    assert parameters == {
        "executionId.$": "$.executionId",
        "revision.$": "$.revision",
        "at.$": "$.at",
        "node": "a",
        "attempt.$": "$$.State.RetryCount",
    }


def test_only_loops_and_what_is_behind_them_can_be_gone_on_with_in_a_fresh_run() -> None:
    machine = compiled({"a": base(default="b"), "b": base(again="b", default="c"), "c": base()}).definition
    assert machine["StartAt"] == "execution.entry"
    assert machine["States"]["execution.entry"]["Choices"] == [
        {"Variable": "$.at.to", "IsPresent": False, "Next": "a"},
        {"Variable": "$.at.to", "StringEquals": "b", "Next": "b"},
        {"Variable": "$.at.to", "StringEquals": "c", "Next": "c"},
    ]


def test_a_node_that_may_wait_again_and_again_goes_on_waiting_in_a_fresh_run() -> None:
    child = {"type": "flow", "params": {"flow_id": "flow-1"}}
    choices = states({"a": child})["execution.entry"]["Choices"]
    here, waiting = (
        {"Variable": "$.at.to", "StringEquals": "a"},
        {"Variable": "$.at.seconds", "IsPresent": True},
    )
    assert choices[1:] == [{"And": [here, waiting], "Next": "a.wait"}, {**here, "Next": "a"}]


def test_a_node_that_several_branches_reach_runs_once_in_each() -> None:
    found = states(
        {
            "fan": {"type": "split", "next": {"a": "x", "b": "y", "default": "z"}},
            "x": base(default="both"),
            "y": base(default="both"),
            "both": base(default="z"),
            "z": base(),
        }
    )
    lanes = found["fan.lanes"]["Branches"]
    assert [set(lane["States"]) - {"x.next", "y.next"} for lane in lanes] == [
        {"x", "both", "fan.lanes.0.end"},
        {"y", "both (2)", "fan.lanes.1.end"},
    ]
    assert lanes[0]["States"]["both"]["Parameters"]["leaves"] == ["e6"]
    assert lanes[1]["States"]["y"]["Parameters"]["lane"] == 1
    assert "lane" not in lanes[1]["States"]["both (2)"]["Parameters"]


def test_a_branch_that_comes_back_to_its_first_node_opens_once() -> None:
    fan = {"type": "split", "next": {"a": "x", "default": "z"}}
    lane = states({"fan": fan, "x": base(again="x"), "z": base()})["fan.lanes"]["Branches"][0]
    assert lane["StartAt"] == "x.first"
    assert lane["States"]["x.first"]["Parameters"]["lane"] == 0
    assert "lane" not in lane["States"]["x"]["Parameters"]
    assert lane["States"]["x.next"]["Choices"][0]["Next"] == "x"


@pytest.mark.parametrize(
    ("nodes", "path"),
    [
        (
            {
                "p": base(default="fan"),
                "fan": {"type": "split", "next": {"a": "x", "default": "z"}},
                "x": base(no="p"),
                "z": base(),
            },
            ("nodes", "x", "next", "no"),
        ),
        (
            {"fan": {"type": "split", "next": {"a": "x", "default": "z"}}, "x": base(default="fan"), "z": base()},
            ("nodes", "x", "next", "default"),
        ),
        (
            {"p": base(default="fan"), "fan": {"type": "split", "next": {"a": "p", "default": "z"}}, "z": base()},
            ("nodes", "fan", "next", "a"),
        ),
        (
            {"fan": {"type": "split", "next": {"a": "z", "b": "x", "default": "z"}}, "x": base(), "z": base()},
            ("nodes", "fan", "next", "a"),
        ),
        (
            {
                "fan": {"type": "split", "next": {"a": "in", "default": "z"}},
                "in": {"type": "split", "next": {"b": "x", "default": "y"}},
                "x": base(default="z"),
                "y": base(),
                "z": base(),
            },
            ("nodes", "x", "next", "default"),
        ),
        ({"fan": {"type": "split", "next": {}, "batch": {"strategy": "serial"}}}, ("nodes", "fan", "batch")),
        (
            {"w": {"type": "wait", "params": {"key": "k"}, "batch": {"strategy": "serial"}}},
            ("nodes", "w", "batch"),
        ),
    ],
    ids=["back", "to the split", "from the split", "empty", "too far", "batch of splits", "batch of signals"],
)  # fmt: skip
def test_what_has_no_shape_is_told_where_it_is(nodes: Nodes, path: tuple[str, ...]) -> None:
    with pytest.raises(UnsupportedShape) as told:
        compiled(nodes)
    assert [problem.path for problem in told.value.problems] == [path]


def test_a_loop_around_a_split_and_one_inside_a_branch_have_a_shape() -> None:
    nodes = {
        "begin": base(default="fan"),
        "fan": {"type": "split", "next": {"a": "x", "default": "meet", "error": "begin"}},
        "x": base(again="x", default="meet"),
        "meet": base(again="begin", out="END"),
    }
    assert compiled(nodes).worst_case == inf


def test_a_split_may_be_its_own_default() -> None:
    compiled({"fan": {"type": "split", "next": {"a": "x", "default": "fan"}}, "x": base(default="fan")})


def test_ids_that_look_like_states_of_other_nodes_keep_their_own() -> None:
    definition = compiled(
        {"a": base(x="a.next", y="END"), "a.next": base(x="execution.done"), "execution.done": base()}
    ).definition
    found = list(names(definition))
    assert len(found) == len(set(found))
    nodes = {
        state["Parameters"]["node"]
        for state in definition["States"].values()
        if "Parameters" in state and "node" in state["Parameters"]
    }
    assert nodes == {"a", "a.next", "execution.done"}


def test_names_stay_below_eighty_characters_and_unique() -> None:
    deep = "n" * 64
    lane = {"type": "delay", "params": {"duration": "${input.x}"}, "batch": {"strategy": "serial"}}
    nodes: dict[str, Any] = {"fan": {"type": "split", "next": {f"l{n}": deep for n in range(12)}}, deep: lane}
    found = list(names(compiled(nodes).definition))
    assert len(found) == len(set(found))
    assert max(map(len, found)) <= 80


def test_branches_that_double_again_and_again_are_too_much() -> None:
    nodes: dict[str, Any] = {
        f"s{n}": {"type": "split", "next": {"a": f"s{n + 1}", "b": f"s{n + 1}"}} for n in range(20)
    }
    with pytest.raises(DefinitionTooLarge):
        compiled({**nodes, "s20": base()})


@pytest.mark.parametrize(
    ("strategy", "at_once"),
    [
        ({"strategy": "serial"}, 1),
        ({"strategy": "async"}, 1),
        ({"strategy": "parallel"}, 0),
        ({"strategy": "worker_pool", "max_parallel": 7}, 7),
    ],
)
def test_a_batch_runs_as_many_items_at_once_as_it_says(strategy: dict[str, Any], at_once: int) -> None:
    found = states({"a": {**base(), "batch": strategy}})
    assert found["a"]["Parameters"]["phase"] == "expand"
    assert found["a.items"]["MaxConcurrency"] == at_once
    assert found["a.collect"]["Parameters"]["branches.$"] == "$.branches"


@pytest.mark.parametrize(
    ("retry", "retrier"),
    [
        ({"max_retries": 3, "wait": 0.5, "backoff": "fixed"}, {"IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 3}),
        ({"max_retries": 2, "wait": 1.5}, {"IntervalSeconds": 2, "BackoffRate": 1.0, "MaxAttempts": 2}),
        (
            {"max_retries": 9, "wait": 20, "backoff": "fixed", "max_wait": 5},
            {"IntervalSeconds": 5, "BackoffRate": 1.0, "MaxAttempts": 9},
        ),
        (
            {"max_retries": 9, "wait": 2, "backoff": "exponential", "max_wait": 30},
            {"IntervalSeconds": 2, "BackoffRate": 2.0, "MaxAttempts": 9, "MaxDelaySeconds": 30},
        ),
        (
            {"max_retries": 9, "wait": 20, "backoff": "exponential", "max_wait": 20},
            {"IntervalSeconds": 20, "BackoffRate": 1.0, "MaxAttempts": 9},
        ),
        (
            {"max_retries": 100, "wait": 0, "backoff": "exponential"},
            {"IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 100},
        ),
    ],
)  # fmt: skip
def test_a_node_is_tried_again_as_it_says(retry: dict[str, Any], retrier: dict[str, Any]) -> None:
    first, *others = states({"a": call(retry=retry)})["a"]["Retry"]
    assert first == {"ErrorEquals": ["NodeRetry"], **retrier}
    assert others == states({"a": call(retry={"max_retries": 0, "wait": 1})})["a"]["Retry"]


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        ({}, NODE_SECONDS + SLACK_SECONDS),
        ({"timeout": 2.5}, 3 + SLACK_SECONDS),
        ({"timeout": 10, "retry": {"max_retries": 4, "wait": 0.5}}, 53 + SLACK_SECONDS),
        ({"timeout": 10, "retry": {"max_retries": 4, "wait": 5}}, 10 + SLACK_SECONDS),
        ({"timeout": 10, "retry": {"max_retries": 4, "wait": 5, "max_wait": 0.5}}, 53 + SLACK_SECONDS),
        (
            {"timeout": 10, "retry": {"max_retries": 4, "wait": 0.5, "backoff": "exponential"}},
            21 + SLACK_SECONDS,
        ),
        ({"timeout": 10, "retry": {"max_retries": 85, "wait": 0}}, 860 + SLACK_SECONDS),
        ({"timeout": 10, "retry": {"max_retries": 86, "wait": 0}}, 870 + SLACK_SECONDS),
        ({"timeout": 10, "retry": {"max_retries": 87, "wait": 0}}, 10 + SLACK_SECONDS),
        ({"timeout": 7200}, FUNCTION_SECONDS),
    ],
)
def test_a_task_may_take_what_its_attempts_need(data: dict[str, Any], seconds: int) -> None:
    assert states({"a": call(**data)})["a"]["TimeoutSeconds"] == seconds


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [("90s", 90), ("250ms", 1), (7, 7), ("48h", DAY), ("${input.t}", DAY), (None, DAY)],
)
def test_a_signal_is_waited_for_as_long_as_the_node_says(timeout: Any, seconds: int) -> None:
    found = states({"a": {"type": "wait", "params": {"key": "go", "timeout": timeout}}})
    assert found["a.listen"]["TimeoutSeconds"] == seconds
    assert found["a.listen"]["Catch"][0] == {
        "ErrorEquals": ["States.Timeout"],
        "ResultPath": None,
        "Next": "a.timeout",
    }


def test_calls_retries_and_written_out_waits_add_up() -> None:
    retry = {"max_retries": 2, "wait": 10}
    nodes = {
        "a": call(timeout=5, retry=retry, next={"default": "b"}),
        "b": {"type": "delay", "params": {"duration": "90s"}, "next": {"default": "c"}},
        "c": base(),
    }
    tasks = (5 * 3 + 10 * 2 + STORE) + (STORE + 90 + STORE) + STORE
    assert compiled(nodes).worst_case == tasks + STORE
    assert decide([compiled(nodes)])[0] is MachineType.EXPRESS


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": base(again="a")},
        {"a": {"type": "delay", "params": {"duration": "${input.x}"}}},
        {"a": {"type": "flow", "params": {"flow_id": "flow-1"}}},
        {"a": {**base(), "batch": {"strategy": "serial"}}},
        {"a": {"type": "split", "next": {"x": "b"}}, "b": base(again="b")},
        {"a": {"type": "delay", "params": {"duration": "10m"}}},
        {"a": {"type": "wait", "params": {"key": "go", "timeout": "1s"}}},
    ],
    ids=["loop", "open delay", "child", "batch", "loop in a branch", "long delay", "signal"],
)
def test_what_takes_long_or_may_take_any_time_runs_on_standard(nodes: Nodes) -> None:
    assert decide([compiled(nodes)])[0] is MachineType.STANDARD


def test_equal_flows_share_a_machine_whatever_they_are_called() -> None:
    nodes = {"a": base(default="b", error="END"), "b": call()}
    renamed = flow(nodes).model_copy(
        update={"nodes": (flow(nodes).nodes[0].model_copy(update={"data": {}}), *flow(nodes).nodes[1:])}
    )
    assert compile_flow(renamed, DAY, SHAPES).definition == compiled(nodes).definition
    assert compiled(nodes, 60).definition != compiled(nodes).definition

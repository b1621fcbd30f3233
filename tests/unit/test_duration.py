"""The worst case of a definition, against graphs that are worked out by hand (architecture §4)."""

from collections.abc import Sequence
from math import inf
from typing import Any

import pytest

from flowker.compiler.compile import compile_graph
from flowker.compiler.duration import waits_for_callback, worst_case
from flowker.model.graph import Graph
from tests.engine_world import states, task
from tests.samples import conditional, edge, executor, set_output, trigger

STORE = 1 + 2 + 4 + 8 + 16
"""Every task: the waits while the store or the function is overloaded."""
END = STORE
"""After any task: the end is recorded for it if it fails in a way it cannot record itself."""


def call(node_id: str, seconds: float | None) -> dict[str, Any]:
    data: dict[str, Any] = {} if seconds is None else {"timeout": seconds}
    return executor(node_id, "11111111-1111-4111-8111-111111111111", **data)


def called(seconds: float) -> float:
    """Five attempts, and four waits of eight seconds."""
    return 5 * seconds + 4 * 8 + STORE


def worst(*nodes: dict[str, Any], edges: Sequence[tuple[str, ...]]) -> float:
    """Of a graph that begins at `start`; an edge is a source, a target and perhaps a branch."""
    document = {"nodes": [trigger("start"), *nodes], "edges": [edge(*each) for each in edges]}
    return compile_graph(Graph.model_validate(document), "start").worst_case


def test_a_trigger_alone_has_only_its_end_to_record() -> None:
    assert worst(edges=[]) == END


def test_an_action_waits_for_nobody_but_the_store() -> None:
    assert worst(set_output("a", x=1), edges=[("start", "a")]) == STORE + END


@pytest.mark.parametrize(("timeout", "seconds"), [(10, 10), (0.5, 0.5), (None, 30), (1000, 300)])
def test_a_call_counts_with_its_timeout_at_every_attempt(timeout: float | None, seconds: float) -> None:
    assert worst(call("c", timeout), edges=[("start", "c")]) == called(seconds) + END


def test_what_follows_is_added() -> None:
    nodes = [call("one", 3), call("two", 4), set_output("a", x=1)]
    edges = [("start", "one"), ("one", "two"), ("two", "a")]
    assert worst(*nodes, edges=edges) == called(3) + called(4) + END


def test_of_branches_that_exclude_each_other_the_longer_one_counts() -> None:
    nodes = [call("c", 2), conditional("if", "c.x > 1"), call("yes", 7), call("no", 5)]
    edges = [("start", "c"), ("c", "if"), ("if", "yes", "true"), ("if", "no", "false")]
    assert worst(*nodes, edges=edges) == called(2) + called(7) + END


def test_of_branches_side_by_side_the_longest_one_counts() -> None:
    nodes = [call("a", 1), call("b", 9), call("after-b", 2), call("c", 10), set_output("join", x=1)]
    edges = [
        ("start", "a"), ("start", "b"), ("b", "after-b"), ("start", "c"),
        ("a", "join"), ("after-b", "join"), ("c", "join"),
    ]  # fmt: skip
    assert worst(*nodes, edges=edges) == called(9) + called(2) + STORE + END


def test_what_is_not_series_parallel_runs_one_after_the_other() -> None:
    nodes = [call(name, 1) for name in "abcd"]
    edges = [("start", "a"), ("start", "b"), ("a", "c"), ("b", "c"), ("b", "d")]
    assert worst(*nodes, edges=edges) == 4 * called(1) + END


def test_a_hundred_tasks_in_a_row_are_measured_too() -> None:
    names = [f"n{number}" for number in range(99)]
    edges = list(zip(["start", *names], names, strict=False))
    assert worst(*(call(name, 1) for name in names), edges=edges) == 99 * called(1) + END


def test_the_limit_of_the_whole_execution_does_not_hide_the_rest() -> None:
    assert worst(call("c", 300), edges=[("start", "c")]) > 1500


# --- what the compiler does not emit yet ------------------------------------------------------------------------------


def test_waits_count_as_long_as_they_are() -> None:
    assert worst_case(states(a={"Type": "Wait", "Seconds": 40}, b={"Type": "Wait", "Seconds": 2}), {}) == 42


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Wait", "SecondsPath": "$.seconds"},
        {"Type": "Wait", "Timestamp": "2027-01-01T00:00:00Z"},
        {"Type": "Map", "Iterator": states(a={"Type": "Pass"})},
        task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
    ],
)
def test_what_has_no_bound_is_said_to_have_none(state: dict[str, Any]) -> None:
    assert worst_case(states(a=state), {}) == inf


def test_a_loop_has_no_bound() -> None:
    loop = {
        "StartAt": "a",
        "States": {"a": {"Type": "Pass", "Next": "b"}, "b": {"Type": "Pass", "Next": "a"}},
    }
    assert worst_case(loop, {}) == inf


def test_a_foreign_task_takes_what_it_is_given() -> None:
    assert worst_case(states(a=task("arn:aws:states:::sqs:sendMessage", TimeoutSeconds=7)), {}) == 7


def test_callbacks_are_found_wherever_they_are() -> None:
    waiting = states(a=task("arn:aws:states:::sqs:sendMessage.waitForTaskToken", TimeoutSeconds=60))
    around = states(p={"Type": "Parallel", "Branches": [states(b={"Type": "Pass"}), waiting]})
    assert waits_for_callback(waiting)
    assert waits_for_callback(around)
    assert not waits_for_callback(states(a=task(), b={"Type": "Pass"}))

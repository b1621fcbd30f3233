"""`delay` and the four kinds of `wait` (FlowRunner spec d.5)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.nodes.flow.base import Done, FlowFailure, Listen, Pause, Shape
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from tests.flow_nodes import NOW, World, problems

WAIT, DELAY = FLOW_NODE_TYPES["wait"], FLOW_NODE_TYPES["delay"]


def elapsed(kind: str, params: dict[str, Any], world: World) -> tuple[Done, float]:
    """The node to its end, and how long that took. A state machine waits whole seconds, at least one."""
    state, began = None, world.now
    while True:
        slept = len(world.slept)
        outcome = world.run(kind, params, state)
        world.now += timedelta(seconds=sum(world.slept[slept:]))
        if isinstance(outcome, Done):
            return outcome, (world.now - began).total_seconds()
        assert isinstance(outcome, Pause)
        world.now += timedelta(seconds=max(1, outcome.seconds))
        state = outcome.state


@pytest.mark.parametrize("duration", ["0", "500ms", "1999ms"])
def test_a_short_delay_is_slept_in_the_worker(duration: str) -> None:
    world = World(input={"a": 1})
    assert world.done("delay", {"duration": duration}) == Done(passes=True)
    assert sum(world.slept) in (0, 0.5, 1.999)


def test_a_long_delay_leaves_the_worker_and_sleeps_what_is_left_of_a_second() -> None:
    world = World()
    pause = world.pause("delay", {"duration": "3500ms"})
    assert (pause.seconds, world.slept) == (3.0, [])
    world.now += timedelta(seconds=3)
    assert world.done("delay", {"duration": "3500ms"}, pause.state).passes
    assert world.slept == [0.5]


def test_a_worker_that_is_late_does_not_wait_again() -> None:
    world = World()
    pause = world.pause("delay", {"duration": "1h"})
    world.now += timedelta(hours=2)
    assert world.done("delay", {"duration": "1h"}, pause.state) == Done(passes=True)
    assert world.slept == []


@settings(max_examples=50)
@given(st.integers(0, 10_000_000))
def test_a_delay_takes_exactly_as_long_as_it_says(milliseconds: int) -> None:
    _, took = elapsed("delay", {"duration": f"{milliseconds}ms"}, World())
    assert took == pytest.approx(milliseconds / 1000, abs=1e-5)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "duration")]),
        ({"duration": "soon"}, [("invalid_duration", "duration")]),
        ({"duration": 5}, [("invalid_param", "duration")]),
        ({"duration": "9000h"}, [("invalid_duration", "duration")]),
        ({"duration": "${input.pause}"}, []),
    ],
)
def test_a_delay_needs_a_duration(params: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems("delay", params) == found
    assert DELAY.shape(params) is Shape.WAITING


def test_a_delay_fails_where_its_duration_became_something_else() -> None:
    failure = World().failure("delay", {"duration": 5})
    assert failure.message == 'param "duration" must be a duration such as 250ms, 1.5s or 1h30m'
    assert not failure.retryable


@pytest.mark.parametrize("params", [{"duration": "1m30s"}, {"type": "duration", "duration": "1m30s"}])
def test_waiting_for_a_duration(params: dict[str, Any]) -> None:
    done, took = elapsed("wait", params, World(input=1))
    assert (done.value, done.action) == ({"waited_for": "1m30s", "type": "duration"}, "default")
    assert took == 90


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2026-03-01T12:00:30Z", 30),
        ("2026-03-01T13:00:30+01:00", 30),
        ("2026-03-01T12:00:00.500Z", 0.5),
        ("2026-03-01T12:00:00Z", 0),
        ("1999-01-01T00:00:00Z", 0),
    ],
)
def test_waiting_until_a_time(time: str, seconds: float) -> None:
    done, took = elapsed("wait", {"type": "until_time", "time": time}, World())
    assert done.value == {"waited_until": time, "type": "until_time"}
    assert took == seconds


def test_nothing_waits_longer_than_a_year() -> None:
    failure = World().failure("wait", {"type": "until_time", "time": "2027-04-01T00:00:00Z"})
    assert failure.message == 'param "time" must be within a year'


@pytest.mark.parametrize("name", ["condition", "condition_script"])
def test_a_condition_that_is_true_is_not_waited_for(name: str) -> None:
    code = "input.ready" if name == "condition" else "return input.ready;"
    world = World(input={"ready": 1})
    assert world.done("wait", {"type": "condition", name: code}).value == {
        "attempts": 1,
        "interval": "1s",
        "type": "condition",
        "completed": True,
    }
    assert (world.slept, world.evaluated) == ([], [(code, "body" if "script" in name else "expression")])


def test_a_condition_is_evaluated_again_after_each_interval_until_the_attempts_are_used_up() -> None:
    world = World(input={})
    params = {"type": "condition", "condition": "input.ready", "interval": "3s", "max_attempts": 3}
    first = world.pause("wait", params)
    world.now += timedelta(seconds=3)
    second = world.pause("wait", params, first.state)
    assert (first.seconds, second.seconds) == (3.0, 3.0)
    failure = world.failure("wait", params, second.state)
    assert (failure.message, failure.handle) == ("condition not met after 3 attempts", "timeout")
    assert failure.details == {"attempts": 3, "interval": "3s", "type": "condition", "completed": False}
    assert len(world.evaluated) == 3


def test_a_condition_that_becomes_true_later_ends_the_wait() -> None:
    world = World(input={})
    params = {"type": "condition", "condition": "input.ready", "interval": "10s"}
    pause = world.pause("wait", params)
    world.input = {"ready": True}
    done = world.done("wait", params, pause.state)
    assert (done.value["attempts"], done.value["completed"], done.action) == (2, True, "default")


def test_short_intervals_are_slept_in_the_worker_but_not_for_long() -> None:
    world = World(input={})
    pause = world.pause("wait", {"type": "condition", "condition": "false", "interval": "600ms"})
    assert world.slept == [0.6, 0.6, 0.6]
    assert pause.state["attempts"] == 4


@pytest.mark.parametrize("interval", ["400ms", "2s"])
def test_a_condition_is_given_up_when_its_timeout_has_passed(interval: str) -> None:
    world = World()
    code = {"condition": "false", "interval": interval, "timeout": "5s", "max_attempts": 99}
    with pytest.raises(FlowFailure) as failure:
        elapsed("wait", {"type": "condition", **code}, world)
    assert failure.value.handle == "timeout"
    assert 2 <= (world.now - NOW).total_seconds() <= 5.5  # since state machines wait whole seconds


def test_a_script_that_fails_makes_the_wait_fail() -> None:
    assert "nothing" in World().failure("wait", {"type": "condition", "condition": "nothing.at.all"}).message


@pytest.mark.parametrize(
    "params", [{"key": "go", "timeout": "1h"}, {"type": "event", "key": "go", "timeout": "1h"}]
)
def test_an_event_is_listened_for_and_what_comes_is_the_result(params: dict[str, Any]) -> None:
    assert problems("wait", params) == []
    assert WAIT.shape(params) is Shape.SIGNAL
    world = World(input={"a": 1})
    assert world.run("wait", params) == Listen("go")
    assert world.done("wait", params, {"signal": {"ok": True}}) == Done({"ok": True})
    assert world.done("wait", params, {"signal": None}) == Done(None)


def test_an_event_that_does_not_come_leads_to_the_timeout_handle() -> None:
    failure = World().failure("wait", {"key": "go", "timeout": "1h"}, {"timeout": True})
    assert (failure.message, failure.handle) == ("no signal go came in time", "timeout")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "duration")]),
        ({"type": "later"}, [("invalid_param", "type")]),
        ({"type": 7}, [("invalid_param", "type")]),
        ({"type": "until_time"}, [("missing_param", "time")]),
        ({"type": "until_time", "time": "tomorrow"}, [("invalid_param", "time")]),
        ({"type": "until_time", "time": "2026-03-01T12:00:00"}, [("invalid_param", "time")]),
        ({"type": "until_time", "time": "2026-03-01"}, [("invalid_param", "time")]),
        ({"type": "condition"}, [("missing_param", "condition")]),
        (
            {"type": "condition", "condition": "1", "condition_script": "2"},
            [("invalid_param", "condition_script")],
        ),
        (
            {"type": "condition", "condition": "1", "interval": "x", "max_attempts": 0, "timeout": "y"},
            [
                ("invalid_duration", "interval"),
                ("invalid_param", "max_attempts"),
                ("invalid_duration", "timeout"),
            ],
        ),
        ({"type": "condition", "condition": "1", "max_attempts": 1.5}, [("invalid_param", "max_attempts")]),
        ({"key": "go"}, [("missing_param", "timeout")]),
        ({"key": "go", "timeout": "${input.t}"}, [("invalid_param", "timeout")]),
        ({"key": "", "timeout": "1s"}, [("invalid_param", "key")]),
        ({"type": "event", "timeout": "1s"}, [("missing_param", "key")]),
        ({"type": "${input.kind}", "key": "go"}, [("invalid_param", "type")]),
        ({"type": "${input.kind}", "duration": "${input.d}"}, []),
    ],
)
def test_what_a_wait_needs_depends_on_its_kind(params: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert problems("wait", params) == found


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, 'param "duration" is required'),
        ({"type": "until_time"}, 'param "time" is required'),
        ({"type": "condition"}, 'param "condition" or condition_script is required, and not both'),
        ({"type": "event"}, 'param "key" is required'),
    ],
)
def test_what_is_missing_after_evaluation_makes_a_wait_fail(params: dict[str, Any], message: str) -> None:
    failure = World().failure("wait", params)
    assert (failure.message, failure.retryable) == (message, False)


def test_waits_tell_the_syntax_check_their_scripts() -> None:
    assert WAIT.raw == {"condition", "condition_script"}
    assert WAIT.scripts({"condition": "a > 1"}) == [("condition", "a > 1", "expression")]
    assert WAIT.scripts({"condition_script": "return 1;"}) == [("condition_script", "return 1;", "body")]
    assert WAIT.scripts({"duration": "1s"}) == []

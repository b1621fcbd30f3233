"""How the engine walks through a machine: every state, every field, every way to fail."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from flowker_local.engine import Engine, RunEnd, TaskError, UnknownMachine
from tests.engine_world import EPOCH, MemoryJournal, World, instantly, play, states, task

OK = {"Type": "Succeed"}
PASS = {"Type": "Pass"}


def echo(payload: Any) -> Any:
    return payload


def failing(*errors: str) -> Any:
    """A task that fails with these errors, one per call, and then succeeds."""
    left = list(errors)

    def work(payload: Any) -> Any:
        if left:
            raise TaskError(left.pop(0), "because")
        return {"done": True}

    return work


def output(definition: Mapping[str, Any], data: Any = None, **tasks: Any) -> Any:
    end = play(definition, data, tasks or {"work": echo})
    assert end.status == "SUCCEEDED", end
    return end.output


def error(definition: Mapping[str, Any], data: Any = None, **tasks: Any) -> str | None:
    end = play(definition, data, tasks or {"work": echo})
    assert end.status == "FAILED", end
    return end.error


# ── Data ──


def test_a_run_ends_with_the_output_of_its_last_state() -> None:
    end = play(states(a=PASS, b=PASS), {"x": 1})
    assert end == RunEnd("run", "machine", "SUCCEEDED", output={"x": 1})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", {"a": {"b-c": [10, {"d": 1}]}}),
        ("$.a['b-c'][1].d", 1),
        ("$['a']['b-c'][0]", 10),
        (None, {}),
        ("$$.Execution.Name", "run"),
        ("$$.Execution.Input.a['b-c'][0]", 10),
    ],
)
def test_paths_select_input_and_output(path: str | None, expected: Any) -> None:
    data = {"a": {"b-c": [10, {"d": 1}]}}
    assert output(states(a={**PASS, "InputPath": path}), data) == expected
    assert output(states(a={**PASS, "OutputPath": path}), data) == expected
    assert output(states(a={**OK, "InputPath": path}), data) == expected
    assert output(states(a={**OK, "OutputPath": path}), data) == expected
    assert output(states(a={"Type": "Wait", "Seconds": 1, "OutputPath": path}), data) == expected


@pytest.mark.parametrize("path", ["$.missing", "$.a.b", "$.a[0]", "$.list[1]", "$.list.a"])
@pytest.mark.parametrize("field", ["InputPath", "OutputPath"])
def test_a_path_that_finds_nothing_fails_the_run(field: str, path: str) -> None:
    assert error(states(a={**PASS, field: path}), {"a": 1, "list": [1]}) == "States.Runtime"


def test_pass_gives_its_result_or_its_parameters() -> None:
    assert output(states(a={**PASS, "Result": {"r": None}})) == {"r": None}
    assert output(states(a={**PASS, "Result": None})) is None
    assert output(states(a={**PASS, "Parameters": {"p.$": "$.x", "q": [1, {"r.$": "$"}]}}), {"x": 1}) == {
        "p": 1,
        "q": [1, {"r": {"x": 1}}],
    }
    assert output(states(a={**PASS, "Parameters": {"p": 1}, "Result": 2, "ResultPath": "$.r"}), {"x": 1}) == {
        "x": 1,
        "r": 2,
    }


def test_a_parameter_that_finds_nothing_fails_by_its_own_name_and_can_be_caught() -> None:
    machine = states(a=task(Parameters={"p.$": "$.nothing"}))
    assert error(machine) == "States.ParameterPathFailure"
    caught = states(
        a=task(Parameters={"p.$": "$.nothing"}, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}]),
        b={**PASS, "OutputPath": "$.Error"},
    )
    assert output(caught) == "States.ParameterPathFailure"


@pytest.mark.parametrize(
    ("path", "data", "expected"),
    [
        ("$", {"x": 1}, "result"),
        (None, {"x": 1}, {"x": 1}),
        ("$.r", {"x": 1}, {"x": 1, "r": "result"}),
        ("$.x", {"x": 1}, {"x": "result"}),
        ("$.p.q['r-s']", {"x": 1}, {"x": 1, "p": {"q": {"r-s": "result"}}}),
        ("$.l[1].r", {"l": [1, {"x": 1}, 3]}, {"l": [1, {"x": 1, "r": "result"}, 3]}),
    ],
)
def test_result_path_puts_the_result_into_the_raw_input(path: str | None, data: Any, expected: Any) -> None:
    machine = states(a=task(InputPath="$.x" if "x" in data else "$", ResultPath=path))
    assert output(machine, data, work=lambda _: "result") == expected


@pytest.mark.parametrize(
    ("path", "data"), [("$.r", "text"), ("$.x.r", {"x": 1}), ("$.l[1]", {"l": [1]}), ("$.l.r", {"l": []})]
)
def test_a_result_that_does_not_fit_fails_by_its_own_name(path: str, data: Any) -> None:
    assert error(states(a={**PASS, "ResultPath": path}), data) == "States.ResultPathMatchFailure"


def test_a_result_path_leaves_the_input_of_the_run_as_it_was() -> None:
    machine = states(
        a={**PASS, "Result": 1, "ResultPath": "$.deep.r"}, b={**PASS, "InputPath": "$$.Execution.Input"}
    )
    assert output(machine, {"deep": {"x": 1}}) == {"deep": {"x": 1}}


def test_a_task_is_given_its_parameters_and_its_result_is_selected() -> None:
    machine = states(
        a=task(
            InputPath="$.in",
            Parameters={"v.$": "$.v", "fixed": True},
            ResultSelector={"kept.$": "$.result.v", "name.$": "$$.State.Name"},
            ResultPath="$.out",
            OutputPath="$.out",
        )
    )
    seen = []

    def work(payload: Any) -> Any:
        seen.append(payload)
        return {"result": payload}

    assert output(machine, {"in": {"v": 7}}, work=work) == {"kept": 7, "name": "a"}
    assert seen == [{"v": 7, "fixed": True}]


def test_the_context_object_tells_who_and_when() -> None:
    async def main() -> None:
        world = World({"work": echo})
        machine = states(wait={"Type": "Wait", "Seconds": 5}, a=task(Parameters={"c.$": "$$"}))
        end = await world.run(machine, {"x": 1})
        arn = "arn:aws:states:local:000000000000"
        assert end.output["c"] == {
            "Execution": {
                "Id": f"{arn}:execution:machine:run",
                "Name": "run",
                "Input": {"x": 1},
                "StartTime": "2026-03-01T10:00:00.000Z",
            },
            "StateMachine": {"Id": f"{arn}:stateMachine:machine", "Name": "machine"},
            "State": {"Name": "a", "EnteredTime": "2026-03-01T10:00:05.000Z", "RetryCount": 0},
        }

    instantly(main())


# ── Choice ──


def chosen(rule: Mapping[str, Any], data: Any) -> bool:
    machine = states(
        choose={"Type": "Choice", "Choices": [{**rule, "Next": "yes"}], "Default": "no"},
        yes={**PASS, "Result": True, "End": True},
        no={**PASS, "Result": False},
    )
    end = play(machine, data)
    if end.error is not None:
        raise TaskError(end.error)
    return bool(end.output)


DATA = {
    "n": 5,
    "m": 5,
    "d": Decimal("5.0"),
    "s": "a*bc",
    "t": True,
    "z": None,
    "o": {"i": 1},
    "l": ["x"],
    "star": "*",
}


@pytest.mark.parametrize(
    ("path", "operator", "operand", "expected"),
    [
        ("$.n", "IsPresent", True, True),
        ("$.z", "IsPresent", True, True),
        ("$.nope", "IsPresent", True, False),
        ("$.nope.deeper[3].still", "IsPresent", True, False),
        ("$.nope", "IsPresent", False, True),
        ("$.z", "IsNull", True, True),
        ("$.n", "IsNull", False, True),
        ("$.s", "IsString", True, True),
        ("$.n", "IsString", True, False),
        ("$.d", "IsNumeric", True, True),
        ("$.t", "IsNumeric", True, False),
        ("$.t", "IsBoolean", True, True),
        ("$.o", "IsBoolean", False, True),
        ("$.t", "BooleanEquals", True, True),
        ("$.t", "BooleanEquals", False, False),
        ("$.s", "BooleanEquals", True, False),
        ("$.l[0]", "StringEquals", "x", True),
        ("$.n", "StringEquals", "5", False),
        ("$.n", "NumericEquals", 5.0, True),
        ("$.d", "NumericEquals", 5, True),
        ("$.t", "NumericEquals", 1, False),
        ("$.n", "NumericLessThan", 5, False),
        ("$.n", "NumericLessThan", 5.5, True),
        ("$.n", "NumericGreaterThan", 4, True),
        ("$.n", "NumericLessThanEquals", 5, True),
        ("$.n", "NumericGreaterThanEquals", 6, False),
        ("$.s", "NumericGreaterThan", 0, False),
        ("$.n", "NumericEqualsPath", "$.d", True),
        ("$.s", "StringEqualsPath", "$.star", False),
        ("$.t", "BooleanEqualsPath", "$.t", True),
        ("$$.Execution.Name", "StringEquals", "run", True),
        ("$.s", "StringMatches", "a*", True),
        ("$.s", "StringMatches", "*c", True),
        ("$.s", "StringMatches", "*", True),
        ("$.s", "StringMatches", "a*b*c", True),
        ("$.s", "StringMatches", "a**c", True),
        ("$.s", "StringMatches", "a\\*bc", True),
        ("$.s", "StringMatches", "abc", False),
        ("$.s", "StringMatches", "a*bc*c", False),
        ("$.s", "StringMatches", "*bcbc", False),
        ("$.star", "StringMatches", "\\*", True),
        ("$.star", "StringMatches", "\\\\*", False),
        ("$.n", "StringMatches", "*", False),
    ],
)
def test_comparisons(path: str, operator: str, operand: Any, expected: bool) -> None:
    assert chosen({"Variable": path, operator: operand}, DATA) is expected


def test_rules_combine() -> None:
    five, text = {"Variable": "$.n", "NumericEquals": 5}, {"Variable": "$.n", "IsString": True}
    assert chosen({"And": [five, {"Not": text}]}, DATA)
    assert not chosen({"And": [five, text]}, DATA)
    assert chosen({"Or": [text, five]}, DATA)
    assert not chosen({"Not": {"Or": [text, five]}}, DATA)


def test_a_presence_test_guards_what_follows_it() -> None:
    rule = {"And": [{"Variable": "$.nope", "IsPresent": True}, {"Variable": "$.nope", "NumericEquals": 1}]}
    assert not chosen(rule, DATA)


@pytest.mark.parametrize(
    "rule",
    [
        {"Variable": "$.nope", "IsNull": True},
        {"Variable": "$.o.nope", "StringEquals": "x"},
        {"Variable": "$.n", "NumericEqualsPath": "$.nope"},
        {"Variable": "$.n", "NumericEqualsPath": "$.s"},
    ],
)
def test_comparing_what_is_missing_fails_the_run(rule: Mapping[str, Any]) -> None:
    with pytest.raises(TaskError, match=r"States\.Runtime"):
        chosen(rule, DATA)


def test_the_first_rule_that_matches_wins() -> None:
    rules = [
        {"Variable": "$.n", "NumericGreaterThan": 9, "Next": "big"},
        {"Variable": "$.n", "NumericGreaterThan": 1, "Next": "middle"},
        {"Variable": "$.n", "IsPresent": True, "Next": "big"},
    ]
    machine = states(
        choose={"Type": "Choice", "InputPath": "$.in", "Choices": rules},
        big={**PASS, "End": True, "Result": "big"},
        middle={**PASS, "Result": "middle"},
    )
    assert output(machine, {"in": {"n": 5}}) == "middle"


def test_no_rule_and_no_default_fails_by_its_own_name() -> None:
    rule = {"Variable": "$.n", "NumericGreaterThan": 9, "Next": "end"}
    assert error(states(choose={"Type": "Choice", "Choices": [rule]}, end=OK), {"n": 1}) == (
        "States.NoChoiceMatched"
    )


def test_a_loop_without_any_wait_leaves_room_for_other_runs() -> None:
    async def main() -> None:
        world = World({"work": echo})
        go = {"Variable": "$.go", "BooleanEquals": True, "Next": "end"}
        world.engine.create(
            "loop",
            states(
                spin={"Type": "Choice", "Choices": [go], "Default": "again"},
                again={**PASS, "Next": "spin"},
                end=OK,
            ),
        )
        world.engine.start("loop", "endless", {"go": False})
        assert (await world.run(states(a=task()), {"x": 1})).output == {"x": 1}
        assert await world.engine.stop("endless", "Enough", "")
        assert (await world.end("endless")).status == "ABORTED"

    instantly(main())


# ── Wait, Fail ──


@pytest.mark.parametrize(
    ("field", "value", "seconds"),
    [
        ("Seconds", 90, 90),
        ("Seconds", 0, 0),
        ("SecondsPath", "$.seconds", 7),
        ("Timestamp", "2026-03-01T10:02:00Z", 120),
        ("Timestamp", "2026-03-01T12:02:00+02:00", 120),
        ("Timestamp", "2020-01-01T00:00:00Z", 0),
        ("TimestampPath", "$.at", 1.5),
    ],
)
def test_waiting_takes_its_time(field: str, value: Any, seconds: float) -> None:
    async def main() -> None:
        world = World()
        data = {"seconds": 7, "at": "2026-03-01T10:00:01.500Z"}
        end = await world.run(states(wait={"Type": "Wait", field: value}), data)
        assert (end.output, world.elapsed) == (data, seconds)

    instantly(main())


@pytest.mark.parametrize(
    "state",
    [
        {"SecondsPath": "$.text"},
        {"SecondsPath": "$.negative"},
        {"SecondsPath": "$.half"},
        {"SecondsPath": "$.nope"},
        {"TimestampPath": "$.text"},
        {"TimestampPath": "$.negative"},
    ],
)
def test_waiting_for_nonsense_fails_the_run(state: Mapping[str, Any]) -> None:
    data = {"text": "soon", "negative": -1, "half": 0.5}
    assert error(states(wait={"Type": "Wait", **state}), data) == "States.Runtime"


def test_fail_names_its_error() -> None:
    end = play(states(a={"Type": "Fail", "Error": "Broken", "Cause": "why"}))
    assert (end.status, end.error, end.cause, end.output) == ("FAILED", "Broken", "why", None)
    end = play(
        states(a={"Type": "Fail", "ErrorPath": "$.e", "CausePath": "$$.Execution.Name"}), {"e": "Given"}
    )
    assert (end.error, end.cause) == ("Given", "run")
    assert error(states(a={"Type": "Fail", "ErrorPath": "$.e"}), {"e": 1}) == "States.Runtime"
    assert play(states(a={"Type": "Fail"})).error == ""


# ── Retry, Catch, timeouts ──


def test_retries_back_off_and_stop_at_the_longest_delay() -> None:
    async def main() -> None:
        retry = {
            "ErrorEquals": ["A"],
            "IntervalSeconds": 1,
            "BackoffRate": 3,
            "MaxAttempts": 4,
            "MaxDelaySeconds": 10,
        }
        world = World({"work": failing("A", "A", "A", "A")})
        end = await world.run(states(a=task(Retry=[retry])))
        assert end.output == {"done": True}
        assert world.times("work") == [0, 1, 4, 13, 23]

    instantly(main())


def test_a_retrier_has_defaults() -> None:
    async def main() -> None:
        world = World({"work": failing("A", "A", "A", "A")})
        end = await world.run(states(a=task(Retry=[{"ErrorEquals": ["A"]}])))
        assert (end.status, end.error, end.cause) == ("FAILED", "A", "because")
        assert world.times("work") == [0, 1, 3, 7]

    instantly(main())


def test_very_many_retries_do_not_overflow() -> None:
    async def main() -> None:
        retry = {"ErrorEquals": ["A"], "MaxAttempts": 1100, "MaxDelaySeconds": 2}
        world = World({"work": failing(*["A"] * 1100)})
        assert (await world.run(states(a=task(Retry=[retry])))).output == {"done": True}

    instantly(main())


def test_every_retrier_counts_for_itself_and_an_exhausted_one_goes_to_catch() -> None:
    async def main() -> None:
        retry = [
            {"ErrorEquals": ["A", "B"], "IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 2},
            {"ErrorEquals": ["C"], "IntervalSeconds": 5},
            {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 100},
        ]
        catch = [
            {"ErrorEquals": ["A"], "Next": "wrong"},
            {"ErrorEquals": ["States.ALL"], "Next": "right", "ResultPath": "$.error"},
        ]
        world = World({"work": failing("A", "B", "C", "B")})
        machine = states(a=task(Retry=retry, Catch=catch, ResultPath=None), wrong={**OK}, right={**PASS})
        machine["States"]["a"]["Next"] = "right"
        end = await world.run(machine, {"x": 1})
        assert world.times("work") == [0, 1, 3, 8]
        assert end.output == {"x": 1, "error": {"Error": "B", "Cause": "because"}}

    instantly(main())


def test_a_caught_error_is_the_input_of_what_follows() -> None:
    machine = states(
        a=task(OutputPath="$.never", Catch=[{"ErrorEquals": ["A"], "Next": "b"}]),
        b=PASS,
    )
    assert output(machine, work=failing("A")) == {"Error": "A", "Cause": "because"}


def test_an_error_nobody_catches_fails_the_run() -> None:
    machine = states(a=task(Catch=[{"ErrorEquals": ["B"], "Next": "b"}]), b=PASS)
    assert error(machine, work=failing("A")) == "A"


@pytest.mark.parametrize(
    ("names", "raised", "matched"),
    [
        (["States.TaskFailed"], "A", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["States.Timeout"], "States.Timeout", True),
        (["States.ALL"], "States.Timeout", True),
        (["States.ALL"], "States.Runtime", False),
        (["States.Runtime"], "States.Runtime", False),
        (["a"], "A", False),
    ],
)
def test_which_errors_a_name_stands_for(names: list[str], raised: str, matched: bool) -> None:
    machine = states(a=task(Catch=[{"ErrorEquals": names, "Next": "b"}]), b=PASS)
    assert (play(machine, tasks={"work": failing(raised)}).status == "SUCCEEDED") is matched


def test_each_attempt_knows_how_often_it_was_retried() -> None:
    async def main() -> None:
        world = World({"work": failing("A", "A")})
        await world.run(
            states(a=task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["A"]}]))
        )
        assert world.payloads("work") == [{"n": 0}, {"n": 1}, {"n": 2}]

    instantly(main())


async def forever(payload: Any) -> Any:
    await asyncio.sleep(10**6)
    return payload


def test_a_task_that_takes_too_long_times_out_and_can_be_retried() -> None:
    async def main() -> None:
        world = World({"work": forever})
        retry = [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}]
        end = await world.run(states(a=task(TimeoutSeconds=5, Retry=retry)))
        assert (end.status, end.error, world.elapsed) == ("FAILED", "States.Timeout", 11)
        assert world.times("work") == [0, 6]

    instantly(main())


def test_a_timeout_raised_by_the_task_itself_is_not_ours() -> None:
    async def main() -> None:
        async def broken(payload: Any) -> Any:
            raise TimeoutError("of the task's own")

        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
        world = World({"work": broken})
        world.engine.create("machine", states(a=task(TimeoutSeconds=5)))
        world.engine.start("machine", "run", {})
        await asyncio.sleep(20)
        assert world.ends == {}
        assert [type(context["exception"]) for context in reported] == [TimeoutError]
        assert (world.engine.running(), list(world.journal.runs())) == (0, ["run"])

    instantly(main())


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_machine_that_takes_too_long_is_timed_out(stubborn: bool) -> None:
    async def main() -> None:
        async def slow(payload: Any) -> Any:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                if not stubborn:
                    raise
            return payload

        world = World({"work": slow, "next": echo})
        machine = states(a={"Type": "Wait", "Seconds": 4}, b=task(), c=task("next"))
        end = await world.run({**machine, "TimeoutSeconds": 10})
        assert (end.status, end.error, world.elapsed) == ("TIMED_OUT", "States.Timeout", 10)
        assert world.times("next") == []

    instantly(main())


# ── Parallel, Map ──


def test_parallel_gives_the_outputs_in_the_order_of_the_branches() -> None:
    async def main() -> None:
        async def work(payload: Any) -> Any:
            await asyncio.sleep(payload["s"])
            return payload["s"]

        world = World({"work": work})
        machine = states(
            fork={
                "Type": "Parallel",
                "Parameters": {"in.$": "$.x"},
                "Branches": [
                    states(a={**PASS, "Parameters": {"s.$": "$.in"}}, b=task()),
                    states(c={"Type": "Wait", "Seconds": 1}, d={**PASS, "Result": "second"}),
                ],
                "ResultSelector": {"both.$": "$"},
                "ResultPath": "$.out",
            }
        )
        end = await world.run(machine, {"x": 3})
        assert (end.output, world.elapsed) == ({"x": 3, "out": {"both": [3, "second"]}}, 3)

    instantly(main())


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_failing_branch_cancels_its_siblings_and_its_error_is_that_of_the_state(stubborn: bool) -> None:
    async def main() -> None:
        cancelled = []

        async def slow(payload: Any) -> Any:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                cancelled.append(payload)
                if not stubborn:
                    raise

        async def broken(payload: Any) -> Any:
            await asyncio.sleep(1)
            raise TaskError("Broken", "why")

        world = World({"slow": slow, "broken": broken, "after": echo})
        fork = {
            "Type": "Parallel",
            "Branches": [
                states(a=task("slow"), b=task("after")),
                states(
                    inner={"Type": "Parallel", "Branches": [states(c=task("slow")), states(d=task("broken"))]}
                ),
            ],
            "Catch": [{"ErrorEquals": ["Broken"], "Next": "rescue", "ResultPath": "$.error"}],
        }
        end = await world.run(states(fork=fork, rescue=PASS), {"x": 1})
        assert end.output == {"x": 1, "error": {"Error": "Broken", "Cause": "why"}}
        assert (len(cancelled), world.elapsed, world.times("after")) == (2, 1, [])

    instantly(main())


def test_a_fork_is_retried_as_a_whole() -> None:
    async def main() -> None:
        world = World({"good": echo, "bad": failing("A")})
        fork = {
            "Type": "Parallel",
            "Branches": [states(a=task("good")), states(b={"Type": "Wait", "Seconds": 1}, c=task("bad"))],
            "Retry": [{"ErrorEquals": ["A"], "IntervalSeconds": 10}],
        }
        end = await world.run(states(fork=fork), {"x": 1})
        assert end.output == [{"x": 1}, {"done": True}]
        assert (world.times("good"), world.times("bad")) == ([0, 11], [1, 12])

    instantly(main())


def test_a_fail_state_in_a_branch_fails_the_fork() -> None:
    fork = {"Type": "Parallel", "Branches": [states(a={"Type": "Fail", "Error": "E"}), states(b=PASS)]}
    assert error(states(fork=fork)) == "E"


def test_a_succeed_state_in_a_branch_ends_only_the_branch() -> None:
    fork = {"Type": "Parallel", "Branches": [states(a={"Type": "Succeed", "OutputPath": "$.x"})]}
    assert output(states(fork=fork, after=PASS), {"x": 1}) == [1]


def squares(**more: Any) -> dict[str, Any]:
    return states(map={"Type": "Map", "ItemProcessor": states(each=task()), **more})


def test_map_works_on_every_item() -> None:
    async def work(payload: Any) -> Any:
        await asyncio.sleep(10 - payload)
        return payload * payload

    assert output(squares(), [1, 2, 3], work=work) == [1, 4, 9]
    assert output(squares(ItemsPath="$.l", ResultPath="$.out"), {"l": [2]}, work=work) == {
        "l": [2],
        "out": [4],
    }
    assert output(squares(InputPath="$.deep", ItemsPath="$.l"), {"deep": {"l": [5]}}, work=work) == [25]
    assert output(squares(), [], work=work) == []
    assert error(squares(ItemsPath="$.l"), {"l": {"no": "array"}}) == "States.Runtime"
    assert error(squares(ItemsPath="$.nope"), {}) == "States.Runtime"


@pytest.mark.parametrize("field", ["ItemSelector", "Parameters"])
def test_an_item_selector_makes_the_input_of_each_iteration(field: str) -> None:
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value.v", "all.$": "$.n"}
    machine = squares(ItemsPath="$.l", **{field: selector})
    assert output(machine, {"l": [{"v": "a"}, {"v": "b"}], "n": 2}) == [
        {"i": 0, "v": "a", "all": 2},
        {"i": 1, "v": "b", "all": 2},
    ]


def test_iterations_know_their_item_also_within_a_fork() -> None:
    fork = {
        "Type": "Parallel",
        "Branches": [states(in_fork={**PASS, "Parameters": {"v.$": "$$.Map.Item.Value"}})],
    }
    inner = {
        "Type": "Map",
        "InputPath": "$$.Map.Item.Value",
        "Iterator": states(deep={**PASS, "InputPath": "$$.Map.Item.Index"}),
    }
    assert output(states(map={"Type": "Map", "Iterator": states(fork=fork)}), ["a"]) == [[{"v": "a"}]]
    assert output(states(map={"Type": "Map", "Iterator": states(inner=inner)}), [["a", "b"]]) == [[0, 1]]


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (0, 40), (100, 40)])
def test_map_limits_how_many_work_at_a_time(limit: int, most: int) -> None:
    async def main() -> None:
        busy = highest = 0

        async def work(payload: Any) -> Any:
            nonlocal busy, highest
            busy += 1
            highest = max(highest, busy)
            await asyncio.sleep(1)
            busy -= 1
            return payload

        world = World({"work": work})
        end = await world.run(squares(MaxConcurrency=limit), list(range(50)))
        assert end.output == list(range(50))
        assert highest == most

    instantly(main())


def test_a_failing_iteration_fails_the_map_and_stops_the_rest() -> None:
    async def main() -> None:
        async def work(payload: Any) -> Any:
            await asyncio.sleep(1)
            if payload == 2:
                raise TaskError("Two")
            return payload

        world = World({"work": work})
        end = await world.run(squares(MaxConcurrency=1), [1, 2, 3])
        assert (end.status, end.error, world.payloads("work")) == ("FAILED", "Two", [1, 2])

    instantly(main())


# ── Callbacks ──

APPROVAL = states(
    a=task(
        "ask.waitForTaskToken",
        Parameters={"token.$": "$$.Task.Token"},
        ResultPath="$.answer",
        TimeoutSeconds=60,
    )
)


class Desk:
    """Collects tokens; its own result is to be ignored."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def ask(self, payload: Any) -> Any:
        self.tokens.append(payload["token"])
        return {"not": "the output"}


def test_a_callback_brings_the_result() -> None:
    async def main() -> None:
        desk = Desk()
        world = World({"ask": desk.ask})
        world.engine.create("machine", APPROVAL)
        world.engine.start("machine", "run", {"x": 1})
        await asyncio.sleep(30)
        assert world.ends == {}
        assert await world.engine.send_task_success(desk.tokens[0], {"approved": True})
        assert not await world.engine.send_task_success(desk.tokens[0], {"approved": False})
        assert (await world.end()).output == {"x": 1, "answer": {"approved": True}}
        assert not await world.engine.send_task_success(desk.tokens[0], {"approved": False})
        assert not await world.engine.send_task_success("unknown", None)

    instantly(main())


def test_a_callback_brings_a_failure_and_a_retry_has_another_token() -> None:
    async def main() -> None:
        desk = Desk()
        world = World({"ask": desk.ask})
        machine = states(**APPROVAL["States"])
        machine["States"]["a"]["Retry"] = [{"ErrorEquals": ["Rejected"], "MaxAttempts": 1}]
        world.engine.create("machine", machine)
        world.engine.start("machine", "run", {})
        for _ in range(2):
            await asyncio.sleep(5)
            assert await world.engine.send_task_failure(desk.tokens[-1], "Rejected", "no")
        end = await world.end()
        assert (end.status, end.error, end.cause) == ("FAILED", "Rejected", "no")
        assert len(set(desk.tokens)) == 2

    instantly(main())


def test_a_callback_that_never_comes_times_out() -> None:
    async def main() -> None:
        desk = Desk()
        world = World({"ask": desk.ask})
        end = await world.run(APPROVAL)
        assert (end.status, end.error, world.elapsed) == ("FAILED", "States.Timeout", 60)
        assert not await world.engine.send_task_success(desk.tokens[0], None)

    instantly(main())


def test_a_task_that_cannot_be_delivered_fails_without_a_callback() -> None:
    assert error(APPROVAL, ask=failing("Undeliverable")) == "Undeliverable"


def test_a_callback_may_arrive_before_its_task_returns() -> None:
    async def main() -> None:
        async def ask(payload: Any) -> Any:
            assert await world.engine.send_task_success(payload["token"], payload["token"])
            if payload["fail"]:
                raise TaskError("TooLate")

        world = World({"ask": ask})
        machine = states(
            a=task("ask.waitForTaskToken", Parameters={"token.$": "$$.Task.Token", "fail.$": "$"})
        )
        world.engine.create("machine", machine)
        for fail in (False, True):
            world.engine.start("machine", str(fail), fail)
            assert (await world.end(str(fail))).status == "SUCCEEDED"

    instantly(main())


def test_every_callback_of_a_map_has_its_own_token() -> None:
    async def main() -> None:
        desk = Desk()
        world = World({"ask": desk.ask})
        world.engine.create("machine", states(map={"Type": "Map", "Iterator": APPROVAL}))
        world.engine.start("machine", "run", [{}, {}])
        await asyncio.sleep(1)
        for index in (1, 0):
            await world.engine.send_task_success(desk.tokens[index], index)
        assert (await world.end()).output == [{"answer": 0}, {"answer": 1}]

    instantly(main())


# ── Starting, stopping, draining ──


def test_a_name_runs_once() -> None:
    async def main() -> None:
        world = World({"work": echo})
        world.engine.create("machine", states(a=task()))
        assert world.engine.start("machine", "run", {"x": 1})
        assert not world.engine.start("machine", "run", {"x": 2})
        assert world.engine.running() == 1
        assert (await world.end()).output == {"x": 1}
        await asyncio.sleep(0)
        assert not world.engine.start("machine", "run", {"x": 3})
        assert (world.engine.running(), len(world.calls), world.journal.runs()) == (0, 1, {})

    instantly(main())


def test_an_unknown_machine_cannot_be_started() -> None:
    async def main() -> None:
        with pytest.raises(UnknownMachine):
            World().engine.start("machine", "run", {})

    instantly(main())


@pytest.mark.parametrize("begun", [True, False])
def test_stopping_a_run_cancels_its_task_and_reports_the_end_once(begun: bool) -> None:
    async def main() -> None:
        world = World({"work": forever})
        world.engine.create(
            "machine",
            states(a=task(TimeoutSeconds=50, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "b"}]), b=PASS),
        )
        world.engine.start("machine", "run", {})
        if begun:
            await asyncio.sleep(1)
        assert await world.engine.stop("run", "Cancelled", "by hand")
        assert not await world.engine.stop("run", "Cancelled", "again")
        end = await world.end()
        assert (end.status, end.error, end.cause) == ("ABORTED", "Cancelled", "by hand")
        await asyncio.sleep(0)
        assert (world.engine.running(), world.journal.runs()) == (0, {})
        assert len(world.calls) == int(begun)
        assert not await world.engine.stop("run", "Cancelled", "")
        assert not await world.engine.stop("unknown", "Cancelled", "")

    instantly(main())


def test_draining_lets_tasks_finish_and_keeps_the_position_for_the_next_engine() -> None:
    async def main() -> None:
        async def slow(payload: Any) -> Any:
            await asyncio.sleep(3)
            return "first"

        journal = MemoryJournal()
        machine = states(a=task("slow"), b=task("next"), c={"Type": "Wait", "Seconds": 10})
        before = World({"slow": slow}, journal)
        before.engine.create("machine", machine)
        for name in ("one", "two"):
            before.engine.start("machine", name, {})
        await asyncio.sleep(1)
        await before.engine.drain(5)
        assert (before.elapsed, before.engine.running(), before.ends) == (3, 0, {})
        assert before.times("next") == []
        assert before.engine.start("machine", "three", {})

        after = World({"slow": slow, "next": echo}, journal)
        assert await after.engine.resume() == 3
        assert {(await after.end(name)).output for name in ("one", "two", "three")} == {"first"}
        assert after.payloads("slow") == [{}]

    instantly(main())


def test_draining_gives_up_on_a_task_that_takes_too_long() -> None:
    async def main() -> None:
        world = World({"work": forever})
        world.engine.create("machine", states(a=task()))
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        await world.engine.drain(5)
        assert (world.elapsed, world.ends, list(world.journal.runs())) == (6, {}, ["run"])

    instantly(main())


def test_an_end_that_could_not_be_reported_is_reported_by_the_next_engine() -> None:
    async def main() -> None:
        async def refuse(end: RunEnd) -> None:
            raise ConnectionError(end.name)

        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: reported.append(context["exception"])
        )
        journal = MemoryJournal()
        world = World({"work": echo}, journal)

        async def invoke(resource: str, payload: Any) -> Any:
            return {"made": "once"}

        broken = Engine(invoke, journal, clock=world.clock, on_end=refuse)
        broken.create("machine", states(a=task()))
        broken.start("machine", "run", {})
        await asyncio.sleep(1)
        assert [str(each) for each in reported] == ["run"]

        assert await world.engine.resume() == 1
        assert (await world.end()).output == {"made": "once"}
        assert world.calls == []

    instantly(main())


def test_a_thousand_runs_at_once() -> None:
    async def main() -> None:
        async def work(payload: Any) -> Any:
            await asyncio.sleep(payload["n"] % 7)
            return payload

        world = World({"work": work})
        machine = states(
            a=task(TimeoutSeconds=30),
            wait={"Type": "Wait", "Seconds": 100},
            fork={"Type": "Parallel", "Branches": [states(b=task()), states(c=PASS)], "OutputPath": "$[0]"},
        )
        world.engine.create("machine", {**machine, "TimeoutSeconds": 200})
        for n in range(1000):
            world.engine.start("machine", str(n), {"n": n})
        assert world.engine.running() == 1000
        for n in range(1000):
            assert (await world.end(str(n))).output == {"n": n}
        assert world.elapsed == 112
        assert world.clock.now() == EPOCH + 112

    instantly(main())

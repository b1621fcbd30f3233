"""What the engine accepts, and how it refuses the rest."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker_local.engine import Engine, UnsupportedDefinition
from tests.engine_world import MemoryJournal, states, task

PASS = {"Type": "Pass"}


async def _never(resource: str, payload: object) -> object:
    raise AssertionError("nothing is invoked here")


def create(definition: Mapping[str, Any]) -> None:
    Engine(_never, MemoryJournal()).create("machine", definition)


def problems(definition: Mapping[str, Any]) -> list[str]:
    with pytest.raises(UnsupportedDefinition) as refused:
        create(definition)
    return [str(problem) for problem in refused.value.problems]


def pointers(definition: Mapping[str, Any]) -> list[str]:
    with pytest.raises(UnsupportedDefinition) as refused:
        create(definition)
    return [problem.pointer for problem in refused.value.problems]


def test_every_supported_field_is_accepted() -> None:
    working = {
        "Comment": "c",
        "InputPath": "$",
        "OutputPath": None,
        "ResultSelector": {"a.$": "$.a"},
        "ResultPath": "$.r",
        "Retry": [
            {
                "ErrorEquals": ["A", "States.TaskFailed"],
                "IntervalSeconds": 2,
                "BackoffRate": 1.5,
                "MaxAttempts": 0,
                "MaxDelaySeconds": 9,
            },
            {"ErrorEquals": ["States.ALL"]},
        ],
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "end", "ResultPath": None}],
    }
    inner = {"ProcessorConfig": {"Mode": "INLINE"}, **states(inside=PASS)}
    create(
        {
            "Comment": "c",
            "Version": "1.0",
            "QueryLanguage": "JSONPath",
            "TimeoutSeconds": 60,
            **states(
                task=task(
                    "w.waitForTaskToken", TimeoutSeconds=5, Parameters={"t.$": "$$.Task.Token"}, **working
                ),
                parallel={"Type": "Parallel", "Branches": [states(left=PASS), states(right=PASS)], **working},
                map={
                    "Type": "Map",
                    "ItemsPath": "$.items",
                    "ItemSelector": {"i.$": "$$.Map.Item.Index"},
                    "MaxConcurrency": 2,
                    "ItemProcessor": inner,
                    **working,
                },
                old={"Type": "Map", "Parameters": {"x": 1}, "Iterator": states(within=PASS)},
                pause={"Type": "Wait", "TimestampPath": "$.at"},
                choose={
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "end"}],
                    "Default": "stop",
                },
                stop={"Type": "Fail", "ErrorPath": "$.error", "Cause": "why"},
                end={"Type": "Succeed", "InputPath": "$.a[0].b['c-d']"},
            ),
        }
    )


@pytest.mark.parametrize(
    ("definition", "pointer", "word"),
    [
        ({"States": {"a": {**PASS, "End": True}}}, "", "StartAt is missing"),
        ({"StartAt": "a"}, "", "States is missing"),
        ({"StartAt": "b", "States": {"a": {**PASS, "End": True}}}, "/StartAt", "does not exist"),
        (states(a={**PASS, "Next": "nowhere"}), "/States/a", "nowhere"),
        (states(a=PASS) | {"Version": "2.0"}, "/Version", "1.0"),
        (states(a=PASS) | {"QueryLanguage": "JSONata"}, "/QueryLanguage", "JSONPath"),
        (states(a=PASS) | {"TimeoutSeconds": 0}, "/TimeoutSeconds", "whole number"),
        (states(a=PASS) | {"TimeoutSeconds": True}, "/TimeoutSeconds", "whole number"),
        (states(a={**PASS, "QueryLanguage": "JSONata"}), "/States/a/QueryLanguage", "JSONPath"),
        (states(a={**PASS, "Assign": {}}), "/States/a/Assign", "Assign: workflow variables"),
        (states(a={**PASS, "Output": 1}), "/States/a/Output", "JSONata"),
        (states(a={**PASS, "Retry": []}), "/States/a/Retry", "Retry"),
        (states(a={**PASS, "End": False}), "/States/a/End", "End must be true"),
        (states(a={**PASS, "End": True, "Next": "a"}), "/States/a", "exactly one of Next"),
        ({"StartAt": "a", "States": {"a": PASS}}, "/States/a", "exactly one of Next"),
        (states(a=PASS, b=PASS, c={**PASS, "End": True, "Next": "a"}), "/States/c", "exactly one"),
        (states(a={**PASS, "End": True}, b=PASS), "/States/b", "cannot be reached"),
        (states(a={**PASS, "Next": "a"}), "/States", "no state ends"),
        (states(a={**PASS, "Next": ""}), "/States/a/Next", "must name a state"),
        (states(a=PASS, **{"b" * 81: PASS}), "/States/" + "b" * 81, "80 characters"),
        (states(a={"Type": "Custom"}), "/States/a/Type", "Custom"),
        ({"StartAt": "a", "States": {"a": {"End": True}}}, "/States/a", "Type is missing"),
        (states(a=task(HeartbeatSeconds=1)), "/States/a/HeartbeatSeconds", "heartbeats"),
        (states(a=task(TimeoutSecondsPath="$.t")), "/States/a/TimeoutSecondsPath", "not supported"),
        (states(a={"Type": "Task"}), "/States/a", "Resource is missing"),
        (states(a=task("arn:aws:states:::glue:startJobRun.sync")), "/States/a/Resource", ".sync"),
        (states(a=task("arn:aws:states:::states:startExecution.sync:2")), "/States/a/Resource", ".sync"),
        (states(a=task(InputPath="$.a[*]")), "/States/a/InputPath", "not supported from '[*]'"),
        (states(a=task(InputPath="$..a")), "/States/a/InputPath", "not supported"),
        (states(a=task(InputPath="$.a[?(@.x)]")), "/States/a/InputPath", "not supported"),
        (states(a=task(InputPath="a.b")), "/States/a/InputPath", "start with $"),
        (states(a=task(InputPath="$$.Execution.RoleArn")), "/States/a/InputPath", "RoleArn"),
        (states(a=task(InputPath="$$.State.Name.x")), "/States/a/InputPath", "context object"),
        (states(a=task(InputPath="States.Format('x')")), "/States/a/InputPath", "start with $"),
        (states(a=task(ResultPath="$$.State")), "/States/a/ResultPath", "context object"),
        (states(a=task(Parameters=[1])), "/States/a/Parameters", "object"),
        (
            states(a=task(Parameters={"x": [{"u.$": "States.UUID()"}]})),
            "/States/a/Parameters/x/0/u.$",
            "intrinsic",
        ),
        (states(a=task(Parameters={"u.$": 1})), "/States/a/Parameters/u.$", "must be a path"),
        (states(a=task(Parameters={"u": 1, "u.$": "$.u"})), "/States/a/Parameters/u", "twice"),
        (states(a=task(ResultSelector={"a/b.$": "x"})), "/States/a/ResultSelector/a~1b.$", "start with $"),
        (states(a=task(Retry=[{}])), "/States/a/Retry/0/ErrorEquals", "non-empty array"),
        (
            states(a=task(Retry=[{"ErrorEquals": ["States.ALL", "A"]}])),
            "/States/a/Retry/0/ErrorEquals",
            "alone",
        ),
        (
            states(a=task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["A"]}])),
            "/States/a/Retry/0/ErrorEquals",
            "last",
        ),
        (
            states(a=task(Retry=[{"ErrorEquals": ["A"], "BackoffRate": 0.5}])),
            "/States/a/Retry/0/BackoffRate",
            "at least 1",
        ),
        (
            states(a=task(Retry=[{"ErrorEquals": ["A"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}])),
            "/States/a/Retry/0/MaxDelaySeconds",
            "greater",
        ),
        (
            states(a=task(Retry=[{"ErrorEquals": ["A"], "JitterStrategy": "FULL"}])),
            "/States/a/Retry/0/JitterStrategy",
            "JitterStrategy",
        ),
        (states(a=task(Catch=[{"ErrorEquals": ["A"]}])), "/States/a/Catch/0", "Next is missing"),
        (states(a=task(Catch=[{"ErrorEquals": ["A"], "Next": "x"}])), "/States/a", "leads to x"),
        (states(a={"Type": "Wait"}), "/States/a", "exactly one of Seconds"),
        (states(a={"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s"}), "/States/a", "exactly one"),
        (states(a={"Type": "Wait", "Seconds": -1}), "/States/a/Seconds", "whole number"),
        (states(a={"Type": "Wait", "Timestamp": "tomorrow"}), "/States/a/Timestamp", "RFC 3339"),
        (states(a={"Type": "Fail", "Error": "A", "ErrorPath": "$.e"}), "/States/a", "only one of Error"),
        (states(a={"Type": "Fail", "Next": "a"}), "/States/a/Next", "Next"),
        (states(a={"Type": "Succeed", "End": True}), "/States/a/End", "End"),
        (states(a={"Type": "Parallel", "Branches": []}), "/States/a/Branches", "non-empty"),
        (states(a={"Type": "Parallel", "Branches": [1]}), "/States/a/Branches/0", "must be an object"),
        (states(a={"Type": "Map"}), "/States/a", "ItemProcessor"),
        (
            states(a={"Type": "Map", "Iterator": states(b=PASS), "ItemProcessor": states(c=PASS)}),
            "/States/a",
            "exactly one of ItemProcessor",
        ),
        (
            states(
                a={
                    "Type": "Map",
                    "ItemProcessor": states(b=PASS) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}},
                }
            ),
            "/States/a/ItemProcessor/ProcessorConfig/Mode",
            "distributed",
        ),
        (
            states(a={"Type": "Map", "ItemProcessor": states(b=PASS), "ItemReader": {}}),
            "/States/a/ItemReader",
            "distributed",
        ),
        (states(a={"Type": "Choice", "Choices": []}), "/States/a/Choices", "non-empty"),
    ],
)
def test_an_offence_is_refused_where_it_stands(
    definition: Mapping[str, Any], pointer: str, word: str
) -> None:
    found = problems(definition)
    assert any(each.startswith(f"{pointer or '/'}: ") and word in each for each in found), found


@pytest.mark.parametrize(
    ("rule", "pointer", "word"),
    [
        ({"Variable": "$.x"}, "", "exactly one operator"),
        ({"Variable": "$.x", "IsNull": True, "IsString": True}, "", "exactly one operator"),
        (
            {"Variable": "$.x", "TimestampEquals": "2026-03-01T10:00:00Z"},
            "/TimestampEquals",
            "TimestampEquals",
        ),
        ({"Variable": "$.x", "NumericLessThanPath": "$.y"}, "/NumericLessThanPath", "NumericLessThanPath"),
        ({"Condition": "{% true %}"}, "/Condition", "JSONata"),
        ({"IsNull": True}, "", "Variable is missing"),
        ({"Variable": "x", "IsNull": True}, "/Variable", "start with $"),
        ({"Variable": "$.x", "IsNull": 1}, "/IsNull", "true or false"),
        ({"Variable": "$.x", "StringEquals": 1}, "/StringEquals", "wrong type"),
        ({"Variable": "$.x", "NumericEquals": True}, "/NumericEquals", "wrong type"),
        ({"Variable": "$.x", "BooleanEquals": "true"}, "/BooleanEquals", "wrong type"),
        ({"Variable": "$.x", "StringMatches": "a\\b"}, "/StringMatches", "escapes"),
        ({"Variable": "$.x", "StringEqualsPath": "y"}, "/StringEqualsPath", "start with $"),
        ({"And": []}, "/And", "non-empty"),
        ({"Not": {"Variable": "$.x", "IsNull": True, "Next": "end"}}, "/Not/Next", "Next"),
        ({"Or": [{"Variable": "$.x", "IsFoo": True}]}, "/Or/0/IsFoo", "IsFoo"),
    ],
)
def test_a_wrong_rule_is_refused_where_it_stands(rule: Mapping[str, Any], pointer: str, word: str) -> None:
    machine = states(choose={"Type": "Choice", "Choices": [{**rule, "Next": "end"}]}, end={"Type": "Succeed"})
    found = problems(machine)
    at = f"/States/choose/Choices/0{pointer}: "
    assert any(each.startswith(at) and word in each for each in found), found


def test_all_offences_are_listed_at_once() -> None:
    machine = states(
        a=task(HeartbeatSeconds=1, InputPath="x"),
        b={"Type": "Parallel", "Branches": [states(a=PASS), states(c={"Type": "What"})]},
        d={"Type": "Wait"},
    )
    assert pointers(machine) == [
        "/States/a/InputPath",
        "/States/a/HeartbeatSeconds",
        "/States/b/Branches/0/States/a",
        "/States/b/Branches/1/States/c/Type",
        "/States/d",
    ]


def test_what_is_not_a_machine_is_refused() -> None:
    assert "/States: must be an object" in problems({"StartAt": "a", "States": [1]})
    assert "/States/a: must be an object" in problems({"StartAt": "a", "States": {"a": 1}})


def test_a_machine_can_be_created_again_but_not_changed() -> None:
    engine = Engine(_never, MemoryJournal())
    engine.create("machine", states(a=task(Retry=[{"ErrorEquals": ["A"], "BackoffRate": 1.1}])))
    engine.create("machine", states(a=task(Retry=[{"BackoffRate": 1.1, "ErrorEquals": ["A"]}])))
    with pytest.raises(ValueError, match="another definition"):
        engine.create("machine", states(b=PASS))


def test_a_refused_machine_is_not_stored() -> None:
    journal = MemoryJournal()
    engine = Engine(_never, journal)
    with pytest.raises(UnsupportedDefinition):
        engine.create("machine", states(a={"Type": "What"}))
    assert journal.machine("machine") is None
    engine.create("machine", states(a=PASS))


_WORDS = [
    "StartAt",
    "States",
    "Type",
    "Next",
    "End",
    "Retry",
    "ErrorEquals",
    "Choices",
    "a",
    "b.$",
    "Parameters",
    "Branches",
    "ItemProcessor",
    "Resource",
    "And",
    "Not",
    "Variable",
    "IsNull",
]

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["$", "$.a", "a", "States.ALL", "Pass", "Map"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_WORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["StartAt", "States", "TimeoutSeconds"]), _JSON), _JSON, _JSON)
def test_any_document_is_accepted_or_refused_never_worse(
    machine: dict[str, Any], state: object, choice: object
) -> None:
    broken = {"StartAt": "a", "States": {"a": state, "b": {"Type": "Choice", "Choices": [choice]}}}
    for document in (machine, broken):
        try:
            create(document)
        except UnsupportedDefinition as refused:
            assert refused.problems  # noqa: PT017 - being refused is one of two right outcomes

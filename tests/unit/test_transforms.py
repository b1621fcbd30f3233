"""Lists of operations: how they are read, bounded and applied, alone and by nodes (Flowker spec f.2, d.5, d.6)."""

import time
from typing import Any
from uuid import UUID

import pytest

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.operations.base import MAX_DEPTH, MAX_SIZE
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.expressions.transforms import MAX_CHARACTERS, MAX_OPERATIONS, Transforms
from flowker.model import exact_json
from flowker.model.graph import Node
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.nodes.base import EVERYTHING, Failure, Result, Run
from flowker.nodes.registry import type_of
from tests.integration.samples import configuration
from tests.samples import executor
from tests.surroundings import NOW, SURROUNDINGS

Document = dict[str, Any]

CONTEXT: Document = {"workflow": {"name": "Ana", "doc": "12.345-6", "tags": ["x", "y"]}, "kyc": {"score": 7}}


def op(operation: str, spec: object = None, **more: object) -> Document:
    return {"operation": operation, "spec": spec, **more}


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "item"),
    [
        ({}, ""),
        ("pass", ""),
        (["pass"], "[0]"),
        ([None], "[0]"),
        ([{}], "[0].operation"),
        ([op("pass"), op("explode", {"a": 1})], "[1].operation"),
        ([op("Shift", {"a": "b"})], "[0].operation"),
        ([{"operation": {"a": 1}}], "[0].operation"),
        ([op("shift", {})], "[0].spec"),
        ([op("shift")], "[0].spec"),
        ([{"operation": "shift"}], "[0].spec"),
        ([op("shift", ["a"])], "[0].spec"),
        ([op("pass", 1)], "[0].spec"),
        ([op("shift", {"a": "b"}, require=1)], "[0].require"),
        ([op("pass")] * (MAX_OPERATIONS + 1), ""),
        ([op("default", {"a": "x" * MAX_CHARACTERS})], ""),
    ],
)
def test_a_list_that_cannot_work_is_refused_by_item(items: object, item: str) -> None:
    with pytest.raises(MappingError) as caught:
        Transforms.parse(items)
    assert caught.value.item == item


def test_a_spec_that_is_nested_absurdly_is_refused() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(MappingError, match="not nested deeply"):
        Transforms.parse([op("default", {"a": deep})])
    with pytest.raises(MappingError, match="not nested deeply"):
        FieldMappings.for_input([{"source": "a", "target": "b", "note": deep}])


def test_other_keys_of_an_operation_are_ignored() -> None:
    transforms = Transforms.parse(
        [op("shift", {"a": "kyc.score"}, over="workflow.tags", inplace=True, require=None)]
    )
    assert transforms.apply(CONTEXT, SURROUNDINGS) == {"a": 7}


def test_no_list_and_an_empty_one_are_nothing_to_do() -> None:
    assert Transforms.parse(None).empty
    assert Transforms.parse([]).empty
    assert Transforms.parse([]).apply(CONTEXT, SURROUNDINGS) == CONTEXT


# --- applying --------------------------------------------------------------------------------------------------------


def test_each_operation_works_on_the_result_of_the_one_before() -> None:
    transforms = Transforms.parse(
        [
            op("shift", {"document": "workflow.doc", "labels": "workflow.tags"}),
            op("remove_characters", {"path": "document", "characters": ".-"}),
            op("default", {"labels[+]": "new"}),
            op(
                "concat",
                {"sources": [{"path": "document"}, {"path": "labels"}], "targetPath": "key", "delim": "/"},
            ),
            op("delete", {"paths": ["labels"]}),
        ]
    )
    assert transforms.apply(CONTEXT, SURROUNDINGS) == {"document": "123456", "key": "123456/xynew"}


def test_the_result_can_be_put_back_into_the_document() -> None:
    context = dict(CONTEXT)
    for items in ([op("pass")], [op("to_uppercase", {"path": "workflow.name"})], [op("shift", {"raw": "$"})]):
        context["node"] = Transforms.parse(items).apply(context, SURROUNDINGS)
        exact_json.dumps(context)


def test_the_first_failing_operation_is_named() -> None:
    items = [op("pass"), op("extract", {"path": "workflow.missing"}, require=True), op("pass")]
    with pytest.raises(EvaluationError) as caught:
        Transforms.parse(items).apply(CONTEXT, SURROUNDINGS)
    assert str(caught.value) == "[1] extract: field not found: workflow.missing"


@pytest.mark.parametrize(
    "hostile",
    [
        [op("concat", {"sources": [{"path": "a"}, {"path": "a"}], "targetPath": "a"})] * 50,
        [op("shift", {"a": "$", "b": "$"})] * 50,
        [op("shift", {".".join("a" * 100): "$"})] * 50,
        [op("coalesce", {"b.l": ["a"], "b.r": ["a"]}), op("coalesce", {"a.l": ["b"], "a.r": ["b"]})] * 25,
        [op("shift", {f"x[{n}][999][999]": "$" for n in range(1000)})] * 2,
        [op("shift", {f"x{n}": "big[*].x" for n in range(1000)})],
        [op("add_prefix", {"path": "a", "prefix": "x" * 60_000})]
        + [op("shift", {"a[+].a": "$", "b": "$"})] * 99,
    ],
    ids=["double text", "double documents", "nest", "copy about", "pad", "collect", "grow and double"],
)
def test_a_hostile_list_ends_in_an_error_before_it_takes_much(hostile: list[Document]) -> None:
    document = {"a": "0123456789", "big": [0] * 20_000}
    started = time.process_time()
    with pytest.raises(EvaluationError, match=r"the result is (too large|nested deeper)"):
        Transforms.parse(hostile).apply(document, SURROUNDINGS)
    assert time.process_time() - started < 5


def test_what_is_too_much_for_operations_is_too_much_for_mappings() -> None:
    copies = [{"source": "$", "target": f"x{n}"} for n in range(500)]
    with pytest.raises(EvaluationError, match="the result is too large"):
        FieldMappings.for_input(copies).apply({"a": "x" * (MAX_SIZE // 400)}, SURROUNDINGS)
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(EvaluationError, match="nested deeper"):
        FieldMappings.for_input([{"source": "deep", "target": "x"}]).apply({"deep": deep}, SURROUNDINGS)


def test_the_limits_themselves_are_allowed() -> None:
    text = "x" * (MAX_SIZE - 10)
    assert Transforms.parse([op("pass")] * MAX_OPERATIONS).apply({"a": text}, SURROUNDINGS) == {"a": text}


@pytest.mark.parametrize(
    ("items", "roots"),
    [
        ([op("shift", {"a": "workflow.x", "b": ["kyc.y", "z"]})], {"workflow", "kyc", "z"}),
        ([op("shift", {"a": "workflow.x", "b": "$"})], {"$"}),
        ([op("extract", {"path": "kyc.body"}), op("shift", {"a": "$", "b": "other"})], {"kyc"}),
        ([op("pass"), op("extract", {"path": "kyc.body"})], {"kyc"}),
        ([op("default", {"a": 1}), op("shift", {"a": "workflow.x"})], {"$"}),
        ([op("pass")], {"$"}),
    ],
)
def test_roots_tell_what_of_the_document_is_needed(items: list[Document], roots: set[str]) -> None:
    assert Transforms.parse(items).roots == roots


# --- nodes -----------------------------------------------------------------------------------------------------------


def action(**data: Any) -> Node:
    return Node.model_validate({"id": "make", "type": "action", "data": {"actionType": "transform", **data}})


def circumstances(send: Any = None, key: str = "key") -> Run:
    return Run(CONTEXT, configuration(), key, send or _unexpected, now=NOW)


def _unexpected(_: OutboundRequest) -> OutboundResponse:
    raise AssertionError("actions call nobody")


MAPPING = [{"source": "workflow.name", "target": "n", "transformation": {"type": "to_uppercase"}}]
SHIFT = [op("shift", {"score": "kyc.score"})]


@pytest.mark.parametrize(
    ("data", "output", "references"),
    [
        ({"inputMapping": MAPPING}, {"n": "ANA"}, {"workflow"}),
        ({"transforms": SHIFT}, {"score": 7}, {"kyc"}),
        ({"inputMapping": MAPPING, "transforms": SHIFT}, {"n": "ANA"}, {"workflow"}),
        ({"inputMapping": [], "transforms": SHIFT}, {"score": 7}, {"kyc"}),
        ({"transforms": [op("extract", {"path": "workflow.tags"})]}, ["x", "y"], {"workflow"}),
        ({"transforms": [op("extract", {"path": "kyc.missing"})]}, None, {"kyc"}),
        ({"transforms": [op("pass")]}, CONTEXT, EVERYTHING),
        ({"inputMapping": [{"source": "$", "target": "all"}]}, {"all": CONTEXT}, EVERYTHING),
    ],
)  # fmt: skip
def test_a_transform_action_puts_its_result_under_its_id(
    data: Document, output: object, references: object
) -> None:
    node = action(**data)
    kind = type_of(node)
    assert kind.run(node, circumstances()) == Result(output)
    assert kind.references(node) == references
    assert kind.contributes(node) == {"make"}
    context: Document = dict(CONTEXT)
    kind.contribute(node, output, context)
    assert context == {**CONTEXT, "make": output}


@pytest.mark.parametrize("data", [{}, {"inputMapping": []}, {"transforms": [], "inputMapping": None}])
def test_a_transform_action_with_nothing_to_do_completes_without_effect(data: Document) -> None:
    node = action(**data)
    kind = type_of(node)
    assert kind.run(node, circumstances()) == Result(dict(node.settings))
    assert kind.references(node) == kind.contributes(node) == frozenset()
    context: Document = {}
    kind.contribute(node, node.settings, context)
    assert context == {}


def test_other_actions_do_not_read_these_keys() -> None:
    node = action(actionType="log", inputMapping=MAPPING, transforms="free text")
    assert type_of(node).run(node, circumstances()).output == node.settings
    assert type_of(node).references(node) == frozenset()


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ({"transforms": [op("extract", {"path": "x.y"}, require=True)]}, "[0] extract: field not found: x.y"),
        (
            {"inputMapping": [{"source": "x.y", "target": "a", "required": True}]},
            "required field not found: x.y",
        ),
    ],
)
def test_a_transform_action_that_fails_gives_the_cause_in_its_step(data: Document, detail: str) -> None:
    node = action(**data)
    with pytest.raises(Failure) as caught:
        type_of(node).run(node, circumstances())
    assert caught.value.reason == "input transformation failed"
    assert caught.value.detail == f"input transformation failed: {detail}"
    assert (caught.value.code, caught.value.transient) == ("FLK-0504", False)


def test_the_output_of_set_output_must_stay_an_object() -> None:
    mapping = [{"source": "workflow.name", "target": "n", "transformation": {"type": "extract"}}]
    node = action(actionType="set_output", output={"a": 1}, mapping=mapping)
    with pytest.raises(Failure, match="output transformation failed") as caught:
        type_of(node).run(node, circumstances())
    assert caught.value.detail == "output transformation failed: the result is no object"


class Sent:
    """What an executor node sends, and what it makes of an answer `{"doc": "1-2"}`."""

    def __init__(self, **data: Any) -> None:
        self.node = Node.model_validate(executor("call", configuration().id, **data))
        self.bodies: list[bytes | None] = []

    def run(self, key: str = "key") -> Any:
        return type_of(self.node).run(self.node, circumstances(self._answer, key)).output

    def body(self, key: str = "key") -> Any:
        self.run(key)
        return exact_json.loads(self.bodies[-1] or b"")

    def _answer(self, request: OutboundRequest) -> OutboundResponse:
        self.bodies.append(request.body)
        return OutboundResponse(
            200, "OK", request.url, {"Content-Type": "application/json"}, b'{"doc":"1-2"}'
        )


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"transforms": SHIFT}, {"score": 7}),
        ({"transforms": SHIFT, "inputMapping": MAPPING}, {"n": "ANA"}),
        ({"transforms": [op("pass")]}, CONTEXT),
        ({"transforms": []}, CONTEXT),
        ({"transforms": [op("extract", {"path": "workflow.tags"})]}, ["x", "y"]),
        # over a static body
        ({"transforms": SHIFT, "body": {"a": 1, "score": {"b": 2}}}, {"a": 1, "score": 7}),
        (
            {"transforms": [op("shift", {"a.c": "kyc.score"})], "body": {"a": {"b": 2}}},
            {"a": {"b": 2, "c": 7}},
        ),
        ({"transforms": SHIFT, "body": [1]}, {"score": 7}),
        ({"transforms": [op("extract", {"path": "workflow.tags"})], "body": {"a": 1}}, ["x", "y"]),
        ({"transforms": [], "body": {"a": 1}}, {"a": 1}),
    ],
)
def test_the_body_of_a_call_is_what_its_transforms_make(data: Document, body: object) -> None:
    assert Sent(**data).body() == body


@pytest.mark.parametrize(
    ("data", "references"),
    [
        ({"transforms": SHIFT}, {"kyc"}),
        ({"transforms": SHIFT, "url": "/${workflow.name}"}, {"kyc", "workflow"}),
        ({"transforms": SHIFT, "inputMapping": MAPPING}, {"workflow"}),
        ({"transforms": [op("default", {"a": 1})]}, EVERYTHING),
        ({"transforms": [op("default", {"a": 1})], "body": {"b": 1}}, EVERYTHING),
        ({"body": {"b": 1}}, set()),
        ({}, EVERYTHING),
    ],
)
def test_a_call_refers_to_what_its_transforms_take(data: Document, references: object) -> None:
    node = Sent(**data).node
    assert type_of(node).references(node) == references


def test_an_output_mapping_transforms_the_answer() -> None:
    mapping = [
        {
            "source": "body.doc",
            "target": "workflow.document",
            "transformation": {"type": "remove_characters", "config": {"characters": "-"}},
        }
    ]
    sent = Sent(outputMapping=mapping)
    output = sent.run()
    assert output == {"workflow": {"document": "12"}}
    context: Document = dict(CONTEXT)
    type_of(sent.node).contribute(sent.node, output, context)
    assert context["workflow"]["document"] == "12"
    mapping[0]["transformation"] = {"type": "extract"}
    with pytest.raises(Failure) as caught:
        Sent(outputMapping=mapping).run()
    assert caught.value.detail == "output transformation failed: the result is no object"


def test_random_identifiers_are_new_for_each_step_and_the_same_on_each_attempt() -> None:
    identifiers = {"a": {"version": 4}, "b": {"version": 4}}
    sent = Sent(transforms=[op("shift", {"x": "kyc.score"}), op("uuid", identifiers)])
    first, again, other = sent.body("one step"), sent.body("one step"), sent.body("another step")
    assert first == again
    made = [first["a"], first["b"], other["a"], other["b"]]
    assert len(set(made)) == 4
    assert {UUID(each).version for each in made} == {4}

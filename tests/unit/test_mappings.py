"""Field mappings: which lists are accepted, and the documents they build (Flowker spec f.1, f.2, l.12)."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import EvaluationError, MappingError
from tests.surroundings import SURROUNDINGS

CONTEXT: dict[str, Any] = {
    "workflow": {
        "name": "Ana",
        "doc": "12.345-6",
        "amount": Decimal("10.10"),
        "nothing": None,
        "first name": "Ana",
        "items": [{"sku": "p1", "n": 1}, {"sku": "p2"}],
        "person": {"name": "Ana", "age": 30},
    },
    "kyc": {"status": 200, "status_text": "200 OK", "url": "u", "headers": {}, "body": {"score": 7}},
}
ENVELOPE: dict[str, Any] = {
    "status": 201,
    "status_text": "201 Created",
    "url": "https://example.com",
    "headers": {"X-Id": "h1"},
    "body": {"id": "b1", "url": "from the body", "items": [{"sku": "p1"}]},
}


def mapping(source: object, target: object, **more: object) -> dict[str, object]:
    return {"source": source, "target": target, **more}


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([], {}),
        (None, {}),
        (
            [mapping("workflow.doc", "document"), mapping("workflow.zip", "address.zip")],
            {"document": "12.345-6", "address": {"zip": None}},
        ),
        ([mapping("kyc.score", "a"), mapping("kyc.status", "b")], {"a": 7, "b": 200}),
        ([mapping("workflow.items[1].sku", "second")], {"second": "p2"}),
        ([mapping("workflow.items[*].sku", "all")], {"all": ["p1", "p2"]}),
        ([mapping("workflow.items[*].n", "all")], {"all": [1, None]}),
        ([mapping("workflow.person[*].n", "all"), mapping("workflow.name[0]", "b")], {"all": None, "b": None}),
        ([mapping("workflow.first name", "full name")], {"full name": "Ana"}),
        ([mapping("$", "raw")], {"raw": CONTEXT}),
        ([mapping("workflow.name", "a"), mapping("workflow.amount", "a")], {"a": Decimal("10.10")}),
        ([mapping("workflow.person", "p"), mapping("workflow.doc", "p.doc")],
         {"p": {"name": "Ana", "age": 30, "doc": "12.345-6"}}),
        ([mapping("workflow.doc", "p.doc"), mapping("workflow.person", "p")], {"p": {"name": "Ana", "age": 30}}),
        ([mapping("workflow.doc", "p"), mapping("workflow.name", "p.name")], {"p": {"name": "Ana"}}),
        (
            [mapping("workflow.doc", "l[2]"), mapping("workflow.name", "l[0].name"), mapping("workflow.name", "l[0].n")],
            {"l": [{"name": "Ana", "n": "Ana"}, None, "12.345-6"]},
        ),
        (
            [mapping("workflow.name", "l[+]"), mapping("workflow.doc", "l[+]"), mapping("kyc.status", "l[-].s[+]")],
            {"l": [{"s": [200]}, "Ana", "12.345-6"]},
        ),
        (["text", 5, None, [], mapping("workflow.name", "n")], {"n": "Ana"}),
        ([{"target": "a"}, {"source": "workflow.name"}, {}], {}),
        ([mapping("workflow.name", "n", required=None, transformation=None)], {"n": "Ana"}),
        # l.12
        ([mapping("workflow.name", "executor.n"), mapping("workflow.doc", "provider.a.d")],
         {"n": "Ana", "a": {"d": "12.345-6"}}),
        ([mapping("workflow.name", "executor.executor.n")], {"executor": {"n": "Ana"}}),
        ([mapping("workflow.name", "executor.n"), mapping("workflow.doc", "d")],
         {"executor": {"n": "Ana"}, "d": "12.345-6"}),
    ],
)  # fmt: skip
def test_input_mappings_build_a_new_document(items: object, expected: dict[str, Any]) -> None:
    assert FieldMappings.for_input(items).apply(CONTEXT, SURROUNDINGS) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("status", 201),
        ("headers.X-Id", "h1"),
        ("body.id", "b1"),
        ("id", None),
        ("executor.id", "b1"),
        ("provider.items[*].sku", ["p1"]),
        ("executor.url", "from the body"),
        ("provider.status", 201),
        ("executor.missing", None),
        ("$", ENVELOPE),
    ],
)
def test_output_mappings_read_the_response_envelope(source: str, expected: object) -> None:
    assert FieldMappings.for_output([mapping(source, "x")]).apply(ENVELOPE, SURROUNDINGS) == {"x": expected}


def test_output_mappings_know_no_shorthand() -> None:
    relayed = {"body": dict(ENVELOPE)}
    assert FieldMappings.for_output([mapping("body.id", "x")]).apply(relayed, SURROUNDINGS) == {"x": None}


def test_a_prefixed_source_of_an_answer_in_plain_text_is_the_envelope() -> None:
    mappings = FieldMappings.for_output([mapping("executor.status", "x"), mapping("executor.id", "y")])
    assert mappings.apply({"status": 204}, SURROUNDINGS) == {"x": 204, "y": None}


def test_a_required_source_concerns_its_own_mapping_only() -> None:
    items = [mapping("workflow.nothing", "a", required=True), mapping("workflow.missing", "b")]
    assert FieldMappings.for_input(items).apply(CONTEXT, SURROUNDINGS) == {"a": None, "b": None}


@pytest.mark.parametrize(
    "source", ["workflow.missing", "workflow.items[2]", "workflow.items[*].n", "nobody.x"]
)
def test_a_missing_required_source_is_an_error(source: str) -> None:
    mappings = FieldMappings.for_input([mapping("workflow.name", "a"), mapping(source, "b", required=True)])
    with pytest.raises(EvaluationError) as caught:
        mappings.apply(CONTEXT, SURROUNDINGS)
    assert str(caught.value) == f"required field not found: {source}"


def test_workflow_writes_are_what_output_targets_address_to_the_workflow() -> None:
    mappings = FieldMappings.for_output(
        [mapping("body.id", "workflow.result.id"), mapping("status", "status")]
    )
    result = mappings.apply(ENVELOPE, SURROUNDINGS)
    assert result == {"workflow": {"result": {"id": "b1"}}, "status": 201}
    assert mappings.workflow_writes(result) == {"result": {"id": "b1"}}
    others = FieldMappings.for_output([mapping("body", "workflow")])
    assert others.workflow_writes(others.apply(ENVELOPE, SURROUNDINGS)) == {}
    assert FieldMappings.for_output(None).workflow_writes({"workflow": {"a": 1}}) == {}
    assert mappings.workflow_writes(["workflow"]) == {}


def test_roots_and_empty_tell_what_is_needed() -> None:
    mappings = FieldMappings.for_input(
        [mapping("workflow.a", "a"), mapping("kyc.b[0]", "b"), mapping("top", "c")]
    )
    assert mappings.roots == {"workflow", "kyc", "top"}
    assert not mappings.empty
    assert FieldMappings.for_input([mapping("$", "a")]).roots == {"$"}
    assert FieldMappings.for_output([mapping("executor.id", "a")]).roots == {"body", "id"}
    assert FieldMappings.for_input(["dropped"]).empty


def test_the_whole_document_can_be_put_back_into_it() -> None:
    context = dict(CONTEXT)
    context["node"] = FieldMappings.for_input([mapping("$", "raw")]).apply(context, SURROUNDINGS)
    assert context["node"]["raw"] == CONTEXT


@pytest.mark.parametrize(
    ("items", "item"),
    [
        ({}, ""),
        ("text", ""),
        ([mapping(5, "a")], "[0].source"),
        (["dropped", mapping("a", "a"), mapping("a", " ")], "[2].target"),
        ([mapping("", "a")], "[0].source"),
        ([mapping(None, "a")], "[0].source"),
        ([mapping("a", ["a"])], "[0].target"),
        ([mapping("a..b", "a")], "[0].source"),
        ([mapping("a[+]", "a")], "[0].source"),
        ([mapping("a[1", "a")], "[0].source"),
        ([mapping("$.a", "a")], "[0].source"),
        ([mapping("." .join("a" * 101), "a")], "[0].source"),
        ([mapping("a", "[0]")], "[0].target"),
        ([mapping("a", "a[*]")], "[0].target"),
        ([mapping("a", "a[1000]")], "[0].target"),
        ([mapping("a", "$")], "[0].target"),
        ([mapping("a", "executor.")], "[0].target"),
        ([mapping("a", "a", required="yes")], "[0].required"),
        ([mapping("a", "a", transformation="to_uppercase")], "[0].transformation"),
        ([mapping("a", "a"), mapping("a", "b", transformation={})], "[1].transformation.type"),
        ([mapping("a", "a", transformation={"type": "explode"})], "[0].transformation.type"),
        ([mapping("a", "a", transformation={"type": ["pass"]})], "[0].transformation.type"),
        ([mapping("a", "a", transformation={"type": "pass", "config": []})], "[0].transformation.config"),
        ([mapping("a", "a", transformation={"type": "remove_characters"})], "[0].transformation.config.characters"),
        ([mapping("a", "a[0]", transformation={"type": "to_uppercase"})], "[0].transformation.config.path"),
        ([{"transformation": {"type": "to_uppercase"}}], "[0].transformation.config.path"),
        ([mapping("a", "a", transformation={"type": "timestamp", "config": {"inputFormat": "$unix"}})],
         "[0].transformation.config.outputFormat"),
        ([mapping("a", "a", transformation={"type": "uuid"})], "[0].transformation.config.version"),
        ([mapping("a", "a", transformation={"type": "concat", "config": {"sources": []}})],
         "[0].transformation.config.targetPath"),
        ([mapping("a", "a")] + [{"transformation": {"type": "pass"}}] * 101, ""),
        ([mapping("a", "x" * 65_536)], ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("constructor", [FieldMappings.for_input, FieldMappings.for_output])
def test_a_list_that_cannot_work_is_refused_by_item(constructor: Any, items: object, item: str) -> None:
    with pytest.raises(MappingError) as caught:
        constructor(items)
    assert caught.value.item == item
    assert str(caught.value).startswith(item)

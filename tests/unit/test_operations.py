"""Each operation of transforms and of field mappings: what it does, and what it refuses (Flowker spec f.3, f.4)."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import EvaluationError, MappingError
from flowker.expressions.transforms import Transforms
from tests.surroundings import RANDOM, SURROUNDINGS

WORKFLOW: dict[str, Any] = {
    "name": "Ana",
    "doc": "12.345-6",
    "phone": "",
    "email": "a@b.c",
    "tags": ["x", "y"],
    "items": [{"sku": "p1"}, {"sku": "p2"}],
    "ts": "2026-03-01T10:00:00Z",
}
BASE: dict[str, Any] = {"workflow": WORKFLOW}
RFC3339 = "2006-01-02T15:04:05Z07:00"
TO_DAY = {"inputFormat": RFC3339, "outputFormat": "02/01/2006"}

MORE: dict[str, Any] = {
    "workflow": {
        "amount": Decimal("10.10"),
        "big": 9007199254740993,
        "yes": True,
        "no": False,
        "one": 1,
        "nothing": None,
        "mixed": ["a", None, 1, Decimal("0.50"), True, {"k": [1]}],
        "text": "straße",
        "rows": [{"ts": "2026-03-01T10:00:00Z"}, {"ts": None}, {}, {"ts": "2026-12-24T10:00:00+02:00"}],
        "times": ["1772359200", "0"],
        "half": "\ud800",
    },
    "kyc": {
        "status": 200,
        "status_text": "200 OK",
        "url": "u",
        "headers": {},
        "body": {"score": 7, "text": "t"},
    },
}


def apply(operation: str, spec: object, document: Any, **more: object) -> Any:
    transforms = Transforms.parse([{"operation": operation, "spec": spec, **more}])
    before = copy.deepcopy(document)
    result = transforms.apply(document, SURROUNDINGS)
    assert document == before
    return result


def workflow(**fields: Any) -> dict[str, Any]:
    """The base document with other fields of the workflow."""
    return {"workflow": {**WORKFLOW, **fields}}


@pytest.mark.parametrize(
    ("operation", "spec", "expected"),
    [
        # the table of the specification
        ("shift",
         {"person.name": "workflow.name", "first": "workflow.items[0].sku", "skus": "workflow.items[*].sku", "raw": "$"},
         {"person": {"name": "Ana"}, "first": "p1", "skus": ["p1", "p2"], "raw": BASE}),
        ("shift", {"w": ["workflow.name"]}, {"w": ["Ana"]}),
        ("shift", {"w": ["workflow.name", "workflow.doc"]}, {"w": ["12.345-6"]}),
        ("concat", {"sources": [{"value": "ID"}, {"path": "workflow.name"}], "targetPath": "workflow.label", "delim": "-"},
         workflow(label="ID-Ana")),
        ("concat", {"sources": [{"path": "workflow.tags"}], "targetPath": "workflow.label"}, workflow(label="xy")),
        ("concat", {"sources": [{"path": "workflow.tier"}], "targetPath": "workflow.label"}, workflow(label="null")),
        ("coalesce", {"workflow.contact": ["workflow.phone", "workflow.email"], "ignore": [""]},
         workflow(contact="a@b.c")),
        ("coalesce", {"workflow.contact": ["workflow.phone"], "ignore": [""]}, BASE),
        ("extract", {"path": "workflow.items[0]"}, {"sku": "p1"}),
        ("timestamp", {"workflow.ts": TO_DAY}, workflow(ts="01/03/2026")),
        ("timestamp", {"workflow.ts": {"inputFormat": RFC3339, "outputFormat": "$unix"}}, workflow(ts="1772359200")),
        ("timestamp", {"workflow.at": {"inputFormat": "$now", "outputFormat": RFC3339}},
         workflow(at="2026-03-01T10:00:00Z")),
        ("timestamp", {"workflow.missing": TO_DAY}, BASE),
        ("uuid", {"workflow.ref": {"version": 4}}, workflow(ref=str(RANDOM))),
        ("uuid",
         {"workflow.ref": {"version": 5, "namespace": "DNS", "names": [
             {"path": "workflow.name"}, {"path": "workflow.tier", "default": "gold"}]}},
         workflow(ref="c127d603-4067-582f-8032-01f0198819db")),
        ("default", {"workflow.channel": "web", "workflow.tags[+]": "z"},
         workflow(channel="web", tags=["x", "y", "z"])),
        ("default", {"workflow.name": {"first": 1}}, workflow(name={"first": 1})),
        ("delete", {"paths": ["workflow.doc", "workflow.tags[0]"]},
         {"workflow": {**{key: value for key, value in WORKFLOW.items() if key != "doc"}, "tags": ["y"]}}),
        ("delete", {"paths": ["workflow.missing", "nobody.x[3]", "workflow.name.x"]}, BASE),
        ("pass", {}, BASE),
        ("pass", {"anything": 1}, BASE),
        ("pass", None, BASE),
        # f.4
        ("remove_characters", {"path": "workflow.doc", "characters": ".-"}, workflow(doc="123456")),
        ("add_prefix", {"path": "workflow.name", "prefix": "Ms "}, workflow(name="Ms Ana")),
        ("add_suffix", {"path": "workflow.name", "suffix": "!"}, workflow(name="Ana!")),
        ("to_uppercase", {"path": "workflow.name"}, workflow(name="ANA")),
        ("to_lowercase", {"path": "workflow.email"}, workflow(email="a@b.c")),
        ("to_uppercase", {"path": "workflow.email"}, workflow(email="A@B.C")),
        ("to_uppercase", {"path": "workflow.items"}, BASE),
        ("to_uppercase", {"path": "workflow.missing.deep"}, BASE),
        ("to_uppercase", {"path": "nobody"}, BASE),
    ],
)  # fmt: skip
def test_the_examples_of_the_specification(operation: str, spec: object, expected: object) -> None:
    assert apply(operation, spec, BASE) == expected


@pytest.mark.parametrize(
    ("operation", "spec", "expected"),
    [
        # shift
        ("shift", {"a": "workflow.missing", "b": ["workflow.missing"], "c": "workflow.rows[*].x"},
         {"a": None, "b": [None], "c": [None, None, None, None]}),
        ("shift", {"a": []}, {}),
        ("shift", {"a[+]": ["workflow.one", "workflow.big"], "a[-]": "workflow.yes", "b[2]": "workflow.one"},
         {"a": [True, [1], [9007199254740993]], "b": [None, None, 1]}),
        ("shift", {"score": "kyc.score", "code": "kyc.status"}, {"score": 7, "code": 200}),
        ("shift", {"x": "workflow.amount", "x.y": "workflow.one"}, {"x": {"y": 1}}),
        # concat
        ("concat", {"sources": [{"path": "workflow.mixed"}], "targetPath": "s"}, {"s": 'a10.50true{"k":[1]}'}),
        ("concat", {"sources": [{"path": "workflow.amount"}, {"path": "workflow.big"}, {"path": "workflow.nothing"},
                                {"path": "workflow.no"}], "targetPath": "s", "delim": "|"},
         {"s": "10.10|9007199254740993|null|false"}),
        ("concat", {"sources": [{"value": 1}, {"value": Decimal("2.50")}, {"value": True}, {"value": None},
                                {"value": "é", "path": "workflow.one"}], "targetPath": "s[+]"},
         {"s": ["12.50truenullé"]}),
        ("concat", {"sources": [], "targetPath": "s", "delim": None}, {"s": ""}),
        ("concat", {"sources": [{"path": "kyc.text"}, {"path": "workflow.rows[*].no"}], "targetPath": "s"}, {"s": "t"}),
        # coalesce: types count, null and what is missing never win
        ("coalesce", {"v": ["workflow.nothing", "workflow.missing", "workflow.yes"], "ignore": [1]}, {"v": True}),
        ("coalesce", {"v": ["workflow.yes", "workflow.one"], "ignore": [True]}, {"v": 1}),
        ("coalesce", {"v": ["workflow.one"], "ignore": [Decimal("1.0")]}, {}),
        ("coalesce", {"v": ["workflow.one"], "w": ["v"], "ignore": None}, {"v": 1, "w": 1}),
        # uuid
        ("uuid", {"v": {"version": 3, "namespace": "6ba7b812-9dad-11d1-80b4-00c04fd430c8", "names": [
            {"path": "workflow.big"}]}}, {"v": "b8554222-b26e-3118-a952-63bcd296cc9f"}),
        ("uuid", {"v": {"version": Decimal("4.0")}, "w[+]": {"version": 4}}, {"v": str(RANDOM), "w": [str(RANDOM)]}),
        # timestamp
        ("timestamp", {"v": {"inputFormat": "$now", "outputFormat": "$unix"},
                       "w": {"inputFormat": "$now", "outputFormat": "15:04:05.000"}},
         {"v": "1772359200", "w": "10:00:00.123"}),
    ],
)  # fmt: skip
def test_what_operations_do_beyond_the_examples(
    operation: str, spec: object, expected: dict[str, Any]
) -> None:
    result = apply(operation, spec, MORE)
    if operation != "shift":
        expected = {**MORE, **expected}
    assert result == expected


def test_timestamps_of_lists_are_rewritten_one_by_one_and_null_stays() -> None:
    result = apply("timestamp", {"workflow.rows[*].ts": TO_DAY, "workflow.times[*]": {
        "inputFormat": "$unix", "outputFormat": "2006"}}, MORE)  # fmt: skip
    assert result["workflow"]["rows"] == [{"ts": "01/03/2026"}, {"ts": None}, {}, {"ts": "24/12/2026"}]
    assert result["workflow"]["times"] == ["2026", "1970"]
    stamped = apply(
        "timestamp", {"workflow.rows[*].at": {"inputFormat": "$now", "outputFormat": "2006"}}, MORE
    )
    assert [row["at"] for row in stamped["workflow"]["rows"]] == ["2026"] * 4
    assert apply("timestamp", {"workflow.text[*]": TO_DAY, "nobody[*].x": TO_DAY}, MORE) == MORE


def test_a_segment_of_digits_means_an_element_where_it_meets_a_list() -> None:
    result = apply("timestamp", {"workflow.times.1": {"inputFormat": "$unix", "outputFormat": "2006"}}, MORE)
    assert result["workflow"]["times"] == ["1772359200", "1970"]
    assert apply("delete", {"paths": ["workflow.times.0"]}, MORE)["workflow"]["times"] == ["0"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("workflow.items[0]", {"sku": "p1"}),
        ("workflow.tags", ["x", "y"]),
        ("workflow.name", "Ana"),
        ("workflow.no", None),
    ],
)
def test_extracting_may_make_any_json(path: str, expected: object) -> None:
    assert apply("extract", {"path": path}, BASE) == expected


def test_what_follows_an_extract_works_on_what_it_left() -> None:
    def after_extract(path: str, operation: str, spec: object) -> Any:
        items = [{"operation": "extract", "spec": {"path": path}}, {"operation": operation, "spec": spec}]
        return Transforms.parse(items).apply(BASE, SURROUNDINGS)

    assert after_extract("workflow.items", "shift", {"list": "$"}) == {"list": WORKFLOW["items"]}
    assert after_extract("workflow.name", "shift", {"name": "$", "x": "workflow.name"}) == {
        "name": "Ana",
        "x": None,
    }
    assert after_extract("workflow.tags", "delete", {"paths": ["a"]}) == ["x", "y"]
    assert after_extract("workflow.tags", "to_uppercase", {"path": "a"}) == ["x", "y"]
    for operation, spec in [
        ("default", {"a": 1}),
        ("uuid", {"a": {"version": 4}}),
        ("concat", {"sources": [], "targetPath": "a"}),
        ("timestamp", {"a": {"inputFormat": "$now", "outputFormat": "$unix"}}),
    ]:
        with pytest.raises(EvaluationError, match=rf"\[1\] {operation}: the document is no object"):
            after_extract("workflow.tags", operation, spec)


# --- what goes wrong when it runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "spec"),
    [
        ("shift", {"a": "workflow.missing"}),
        ("shift", {"a": "workflow.one", "b": "workflow.rows[*].ts"}),
        ("concat", {"sources": [{"path": "workflow.missing"}], "targetPath": "a"}),
        ("extract", {"path": "workflow.missing"}),
        ("timestamp", {"workflow.missing": TO_DAY}),
        ("timestamp", {"workflow.rows[*].ts": TO_DAY}),
        ("timestamp", {"workflow.text[*]": TO_DAY}),
        ("delete", {"paths": ["workflow.missing"]}),
        ("to_uppercase", {"path": "workflow.missing"}),
        ("remove_characters", {"path": "nobody", "characters": "."}),
    ],
)
def test_what_is_required_and_missing_is_an_error(operation: str, spec: object) -> None:
    with pytest.raises(EvaluationError, match=rf"^\[0\] {operation}: (required )?field not found: "):
        apply(operation, spec, MORE, require=True)
    apply(operation, spec, MORE, require=False)


@pytest.mark.parametrize(
    ("operation", "spec", "message"),
    [
        ("timestamp", {"workflow.text": TO_DAY}, "workflow.text does not match the layout 2006-01-02T15:04:05Z07:00"),
        ("timestamp", {"workflow.one": TO_DAY}, "workflow.one is no text"),
        ("timestamp", {"workflow.times": TO_DAY}, "workflow.times is no text"),
        ("timestamp", {"workflow.text": {"inputFormat": "$unix", "outputFormat": "2006"}},
         "workflow.text is no number of seconds"),
        ("timestamp", {"workflow.times[1000]": {"inputFormat": "$now", "outputFormat": "2006"}},
         "an index of a new element is at most 999"),
        ("uuid", {"v": {"version": 5, "namespace": "URL", "names": [{"path": "workflow.missing"}]}},
         "field not found: workflow.missing"),
        ("uuid", {"v": {"version": 5, "namespace": "URL", "names": [{"path": "workflow.nothing"}]}},
         "field not found: workflow.nothing"),
        ("uuid", {"v": {"version": 5, "namespace": "URL", "names": [{"path": "workflow.half"}]}},
         "workflow.half holds half of a character"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_with_a_value_is_an_error_that_shows_no_value(
    operation: str, spec: object, message: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        apply(operation, spec, MORE)
    assert str(caught.value) == f"[0] {operation}: {message}"


# --- what is refused when it is saved --------------------------------------------------------------------------------

REFUSED: list[tuple[str, object, str | None]] = [
    ("shift", {"a[*]": "b"}, "a[*]"),
    ("shift", {"a": 1}, "a"),
    ("shift", {"a": ["b", 1]}, "a[1]"),
    ("shift", {"a": "$.b"}, "a"),
    ("shift", {"a": "b[+]"}, "a"),
    ("shift", {"$": "b"}, "$"),
    ("shift", {"a[1000]": "b"}, "a[1000]"),
    ("concat", {"targetPath": "a"}, "sources"),
    ("concat", {"sources": {}, "targetPath": "a"}, "sources"),
    ("concat", {"sources": [1], "targetPath": "a"}, "sources[0]"),
    ("concat", {"sources": [{"value": {}}], "targetPath": "a"}, "sources[0].value"),
    ("concat", {"sources": [{"value": [1]}], "targetPath": "a"}, "sources[0].value"),
    ("concat", {"sources": [{"value": "a"}, {}], "targetPath": "a"}, "sources[1].path"),
    ("concat", {"sources": [{"path": "$"}], "targetPath": "a"}, "sources[0].path"),
    ("concat", {"sources": []}, "targetPath"),
    ("concat", {"sources": [], "targetPath": 1}, "targetPath"),
    ("concat", {"sources": [], "targetPath": "a", "delim": 1}, "delim"),
    ("coalesce", {"ignore": [1]}, None),
    ("coalesce", {"a": "b"}, "a"),
    ("coalesce", {"a": [1]}, "a[0]"),
    ("coalesce", {"a": ["b"], "ignore": ""}, "ignore"),
    ("coalesce", {"a..b": ["b"]}, "a..b"),
    ("extract", {"a": "b"}, "path"),
    ("extract", {"path": 1}, "path"),
    ("extract", {"path": "a["}, "path"),
    ("extract", {"path": "$"}, "path"),
    ("timestamp", {"a": "b"}, "a"),
    ("timestamp", {"a": {}}, "a.inputFormat"),
    ("timestamp", {"a": {"inputFormat": "2006"}}, "a.outputFormat"),
    ("timestamp", {"a": {"inputFormat": "yyyy", "outputFormat": "2006"}}, "a.inputFormat"),
    ("timestamp", {"a": {"inputFormat": "2006", "outputFormat": "$now"}}, "a.outputFormat"),
    ("timestamp", {"a": {"inputFormat": 2006, "outputFormat": "2006"}}, "a.inputFormat"),
    ("timestamp", {"a[+]": TO_DAY}, "a[+]"),
    ("uuid", {"a": 4}, "a"),
    ("uuid", {"a": {}}, "a.version"),
    ("uuid", {"a": {"version": 1}}, "a.version"),
    ("uuid", {"a": {"version": "4"}}, "a.version"),
    ("uuid", {"a": {"version": True}}, "a.version"),
    ("uuid", {"a": {"version": [4]}}, "a.version"),
    ("uuid", {"a": {"version": 5, "namespace": "DNS"}}, "a.names"),
    ("uuid", {"a": {"version": 5, "namespace": "DNS", "names": []}}, "a.names"),
    ("uuid", {"a": {"version": 5, "namespace": "DNS", "names": ["b"]}}, "a.names[0]"),
    ("uuid", {"a": {"version": 5, "namespace": "DNS", "names": [{}]}}, "a.names[0].path"),
    (
        "uuid",
        {"a": {"version": 5, "namespace": "DNS", "names": [{"path": "b", "default": {}}]}},
        "a.names[0].default",
    ),
    ("uuid", {"a": {"version": 5, "names": [{"path": "b"}]}}, "a.namespace"),
    ("uuid", {"a": {"version": 3, "namespace": "DNA", "names": [{"path": "b"}]}}, "a.namespace"),
    ("uuid", {"a[*]": {"version": 4}}, "a[*]"),
    ("default", {"a[*]": 1}, "a[*]"),
    ("default", {"": 1}, ""),
    ("default", {"$": 1}, "$"),
    ("delete", {"path": "a"}, "paths"),
    ("delete", {"paths": "a"}, "paths"),
    ("delete", {"paths": ["a", "b[*]"]}, "paths[1]"),
    ("delete", {"paths": ["$"]}, "paths[0]"),
    ("delete", {"paths": ["a[-]"]}, "paths[0]"),
    ("remove_characters", {"characters": "."}, "path"),
    ("remove_characters", {"path": "a"}, "characters"),
    ("remove_characters", {"path": "a", "characters": " "}, "characters"),
    ("remove_characters", {"path": "a", "characters": ["."]}, "characters"),
    ("add_prefix", {"path": "a"}, "prefix"),
    ("add_prefix", {"path": "a", "prefix": ""}, "prefix"),
    ("add_suffix", {"path": "a", "suffix": 1}, "suffix"),
    ("to_uppercase", {"to": "a"}, "path"),
    ("to_uppercase", {"path": "a[0]"}, "path"),
    ("to_lowercase", {"path": "a[*].b"}, "path"),
    ("to_lowercase", {"path": "$"}, "path"),
]


@pytest.mark.parametrize(("operation", "spec", "culprit"), REFUSED)
def test_a_spec_that_cannot_work_is_refused_by_its_culprit(
    operation: str, spec: object, culprit: str
) -> None:
    with pytest.raises(MappingError) as caught:
        Transforms.parse([{"operation": "pass"}, {"operation": operation, "spec": spec}])
    assert caught.value.item == ("[1].spec" if culprit is None else f"[1].spec.{culprit}")
    assert str(caught.value) == f"{caught.value.item}: {caught.value.message}"


def test_coalesce_knows_no_require() -> None:
    with pytest.raises(MappingError, match="require is not supported"):
        Transforms.parse([{"operation": "coalesce", "spec": {"a": ["b"]}, "require": True}])


# --- as the transformation of a field mapping ------------------------------------------------------------------------


def transformed(target: str, type_: str, config: object = None, source: str = "workflow.doc") -> Any:
    item = {"source": source, "target": target, "transformation": {"type": type_, "config": config}}
    return FieldMappings.for_input([item]).apply(BASE, SURROUNDINGS)


@pytest.mark.parametrize(
    ("type_", "config", "expected"),
    [
        ("remove_characters", {"characters": ".-"}, {"a": {"b": "123456"}}),
        ("add_prefix", {"prefix": "no. "}, {"a": {"b": "no. 12.345-6"}}),
        ("add_suffix", {"suffix": "!"}, {"a": {"b": "12.345-6!"}}),
        ("to_uppercase", None, {"a": {"b": "12.345-6"}}),
        ("to_lowercase", {"path": "a.c"}, {"a": {"b": "12.345-6"}}),
        ("extract", None, "12.345-6"),
        ("extract", {"path": "a"}, {"b": "12.345-6"}),
        ("uuid", {"version": 4}, {"a": {"b": str(RANDOM)}}),
        ("uuid", {"version": 4, "path": "ref"}, {"a": {"b": "12.345-6"}, "ref": str(RANDOM)}),
        ("uuid", {"ref": {"version": 4}}, {"a": {"b": "12.345-6"}, "ref": str(RANDOM)}),
        ("uuid", {"version": 5, "namespace": "DNS", "names": [{"path": "a.b"}]},
         {"a": {"b": "77df2042-5f38-5ea0-9b02-677eb85e2e13"}}),
        ("timestamp", {"inputFormat": "$now", "outputFormat": "2006"}, {"a": {"b": "2026"}}),
        ("timestamp", {"inputFormat": "$now", "outputFormat": "2006", "path": "at"},
         {"a": {"b": "12.345-6"}, "at": "2026"}),
        ("timestamp", {"at": {"inputFormat": "$now", "outputFormat": "2006"}}, {"a": {"b": "12.345-6"}, "at": "2026"}),
        ("default", {"a.c": 1}, {"a": {"b": "12.345-6", "c": 1}}),
        ("delete", {"paths": ["a.b"]}, {"a": {}}),
        ("coalesce", {"c": ["x", "a.b"]}, {"a": {"b": "12.345-6"}, "c": "12.345-6"}),
        ("concat", {"sources": [{"value": "#"}, {"path": "a.b"}], "targetPath": "a.b"}, {"a": {"b": "#12.345-6"}}),
        ("shift", {"c": "a.b"}, {"c": "12.345-6"}),
        ("pass", None, {"a": {"b": "12.345-6"}}),
    ],
)  # fmt: skip
def test_a_transformation_works_at_the_target_unless_its_config_says_otherwise(
    type_: str, config: object, expected: object
) -> None:
    assert transformed("a.b", type_, config) == expected


def test_the_example_of_field_mappings() -> None:
    items = [
        {
            "source": "workflow.doc",
            "target": "document",
            "transformation": {"type": "remove_characters", "config": {"characters": ".-"}},
        },
        {"source": "workflow.zip", "target": "address.zip"},
    ]
    result = FieldMappings.for_input(items).apply({"workflow": {"doc": "12.345-6"}}, SURROUNDINGS)
    assert result == {"document": "123456", "address": {"zip": None}}


def test_transformations_follow_the_moves_in_the_order_of_the_list() -> None:
    def item(target: str, *transformation: object) -> dict[str, object]:
        type_, config = transformation
        return {
            "source": "workflow.name",
            "target": target,
            "transformation": {"type": type_, "config": config},
        }

    items = [
        item("a", "add_prefix", {"prefix": "1"}),
        item("b", "add_suffix", {"suffix": "2", "path": "a"}),
        item("a", "add_prefix", {"prefix": "3"}),
        {"target": "id", "transformation": {"type": "uuid", "config": {"version": 4}}},
        {"transformation": {"type": "to_uppercase", "config": {"path": "b"}}},
    ]
    result = FieldMappings.for_input(items).apply(BASE, SURROUNDINGS)
    assert result == {"a": "31Ana2", "b": "ANA", "id": str(RANDOM)}
    assert FieldMappings.for_output(items).apply(BASE, SURROUNDINGS) == result


def test_a_text_operation_leaves_alone_what_is_no_text() -> None:
    assert transformed("a", "to_uppercase", source="workflow.tags") == {"a": ["x", "y"]}
    assert transformed("a", "to_uppercase", source="workflow.missing") == {"a": None}


def test_a_prefix_that_all_targets_have_is_dropped_before_the_transformation() -> None:
    assert transformed("executor.a", "remove_characters", {"characters": "."}) == {"a": "12345-6"}


def test_a_transformation_that_fails_names_its_mapping() -> None:
    with pytest.raises(EvaluationError) as caught:
        transformed("a", "timestamp", {"inputFormat": "2006", "outputFormat": "06"})
    assert str(caught.value) == "[0] timestamp: a does not match the layout 2006"

"""Validation: exact numbers, asserted formats, messages that repeat no value, and the rules for executor nodes."""

from decimal import Decimal
from typing import Any

import pytest

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import executor_violations, fields, violations
from flowker.model import exact_json

HTTP = CATALOG.executors["http"]
TRACER = CATALOG.executors["tracer.validate-transaction"]
UUID = "0b54a1f4-6c3e-4a57-9f1b-0f1c2d3e4f50"


def messages(schema: Any, instance: Any, *, formats: bool = True) -> list[tuple[str, str]]:
    return [(each.pointer, each.message) for each in violations(schema, instance, formats=formats)]


def holds(schema: Any, instance: Any) -> bool:
    return not messages(schema, instance)


@pytest.mark.parametrize(
    ("text", "is_integer"),
    [
        ("1", True),
        ("1.0", True),
        ("1.5", False),
        ("1e3", True),
        ("1e-3", False),
        ("1E+400", True),
        ("123456789012345678901234567890.0", True),
        ("123456789012345678901234567890.5", False),
        ("1e999999999", True),
        ("1e-999999999", False),
        ("true", False),
    ],
)
def test_a_number_without_a_fraction_is_an_integer(text: str, is_integer: bool) -> None:
    value = exact_json.loads(text)
    assert holds({"type": "integer"}, value) is is_integer
    assert holds({"type": "number"}, value) is (text != "true")


@pytest.mark.parametrize(
    ("step", "text", "divides"),
    [
        (3, "9", True),
        (3, "10", False),
        (3, "9.0", True),
        (1, "0.5", False),
        (Decimal("0.01"), "10.07", True),
        (Decimal("0.01"), "10.075", False),
        (Decimal("0.01"), "1e30", True),
        (7, "1e999999999", False),
        (8, "1e999999999", True),
        (1, "1e-999999999", False),
        (1, "0e-999999999", True),
        (1, "1000000000000000000000000000000.1", False),
    ],
)
def test_multiples_are_exact_for_numbers_of_any_size(step: Any, text: str, divides: bool) -> None:
    assert holds({"multipleOf": step}, exact_json.loads(text)) is divides


@pytest.mark.parametrize(
    ("text", "within"), [("0.999", False), ("1.0", True), ("100", True), ("100.001", False), ("1e99", False)]
)
def test_bounds_hold_for_decimals(text: str, within: bool) -> None:
    assert holds({"minimum": 1, "maximum": 100}, exact_json.loads(text)) is within


@pytest.mark.parametrize(
    ("name", "text", "valid"),
    [
        ("uuid", UUID, True),
        ("uuid", UUID.upper(), True),
        ("uuid", UUID.replace("-", ""), False),
        ("uuid", f"{{{UUID}}}", False),
        ("uuid", f"{UUID}\n", False),
        ("uuid", "", False),
        ("date-time", "2026-03-01T10:00:00Z", True),
        ("date-time", "2026-03-01T10:00:00.123456789-03:00", True),
        ("date-time", "2026-03-01T10:00:00z", True),
        ("date-time", "2026-03-01T10:00:00", False),
        ("date-time", "2026-03-01 10:00:00Z", False),
        ("date-time", "2026-13-01T10:00:00Z", False),
        ("date-time", "2025-02-29T10:00:00Z", False),
        ("date-time", "2026-03-01T24:00:00Z", False),
        ("date-time", "2026-03-01T10:00:00+25:00", False),
        ("date-time", "2026-03-01T10:00:00Z\n", False),
        ("date-time", "0000-01-01T00:00:00Z", False),
        ("date-time", "２０26-03-01T10:00:00Z", False),
        ("uri", "https://example.test/a?b=c#d", True),
        ("uri", "http://127.0.0.1:8000", True),
        ("uri", "http://[::1]:80/", True),
        ("uri", "urn:uuid:" + UUID, True),
        ("uri", "mailto:a@b.test", True),
        ("uri", "https://a.test/%20", True),
        ("uri", "/relative", False),
        ("uri", "example.test", False),
        ("uri", "https://", False),
        ("uri", "https:///path", False),
        ("uri", "https://a.test/with space", False),
        ("uri", "https://a.test/%zz", False),
        ("uri", "https://a.test:port/", False),
        ("uri", "https://[::1/", False),
        ("uri", "https://a.test/\n", False),
        ("uri", "", False),
    ],
)
def test_formats_are_asserted_on_request(name: str, text: str, valid: bool) -> None:
    assert holds({"format": name}, text) is valid
    assert messages({"format": name}, text, formats=False) == []


def test_formats_concern_texts_only() -> None:
    assert holds({"format": "uuid"}, 1)


def test_unknown_formats_are_annotations() -> None:
    assert holds({"format": "email"}, "x")


def test_a_pattern_ends_at_the_end_of_the_text() -> None:
    assert not holds({"pattern": "^a$"}, "a\n")
    assert holds({"pattern": "^a"}, "a\n")


SECRET = "s3cr3t"


@pytest.mark.parametrize(
    ("rule", "instance", "message"),
    [
        ({"type": "string"}, [SECRET], "must be a string"),
        ({"type": ["array", "null"]}, SECRET, "must be an array or null"),
        ({"enum": ["A", "B"]}, SECRET, "must be one of A, B"),
        ({"const": "A"}, SECRET, "must be A"),
        ({"format": "uuid"}, SECRET, "must be a UUID"),
        ({"format": "date-time"}, SECRET, "must be an RFC 3339 date-time with a zone"),
        ({"format": "uri"}, SECRET, "must be an absolute URI"),
        ({"pattern": "^[A-Z]$"}, SECRET, "must match ^[A-Z]$"),
        ({"minLength": 1}, "", "must have at least 1 character"),
        ({"minLength": 9}, SECRET, "must have at least 9 characters"),
        ({"maxLength": 2}, SECRET, "must have at most 2 characters"),
        ({"minimum": 1}, 0, "must be at least 1"),
        ({"maximum": 1}, 2, "must be at most 1"),
        ({"multipleOf": 2}, 3, "must be a multiple of 2"),
        ({"minItems": 2}, [SECRET], "must have at least 2 items"),
        ({"maxItems": 0}, [SECRET], "must have at most 0 items"),
        ({"minProperties": 2}, {"a": SECRET}, "must have at least 2 fields"),
        ({"maxProperties": 0}, {"a": SECRET}, "must have at most 0 fields"),
        ({"not": {}}, SECRET, "is not valid"),
        ({"anyOf": [{"type": "null"}]}, SECRET, "is not valid"),
    ],
)
def test_a_message_speaks_of_the_rule_and_not_of_the_value(rule: Any, instance: Any, message: str) -> None:
    assert messages({"properties": {"field": rule}}, {"field": instance}) == [("/field", message)]


def test_missing_superfluous_and_misnamed_fields_are_pointed_at() -> None:
    schema = {
        "properties": {
            "a": {"required": ["b", "c"]},
            "d": {"additionalProperties": False},
            "e": {"propertyNames": {"maxLength": 2}},
            "f": {"additionalProperties": {"type": "string"}},
        }
    }
    instance = {
        "a": {"c": 1},
        "d": {"x/y": SECRET, "~": SECRET},
        "e": {"long": SECRET},
        "f": {"g": 1, "h": "i"},
    }
    assert messages(schema, instance) == [
        ("/a/b", "is required"),
        ("/d/x~1y", "is not allowed"),
        ("/d/~0", "is not allowed"),
        ("/e/long", "is not allowed: its name must have at most 2 characters"),
        ("/f/g", "must be a string"),
    ]


def test_a_field_is_named_in_dots_and_keeps_its_first_message() -> None:
    schema = {"properties": {"a": {"items": {"minLength": 3, "pattern": "^x"}}}}
    found = violations(schema, {"a": ["xxx", "y"]}, formats=False)
    assert len(found) == 2
    assert fields(found, "config") == {"config.a.1": "must have at least 3 characters"}


def test_missing_fields_can_be_ignored_at_any_depth_and_nothing_else() -> None:
    found = violations(TRACER.schema, {"account": {"type": "x"}}, formats=True, ignore_required=True)
    assert [each.pointer for each in found] == ["/account/type"]


def test_a_node_without_static_configuration_is_not_validated() -> None:
    data = {"executorId": "http", "providerConfigId": UUID, "method": "FOO", "path": "/x", "timeout": 5}
    assert executor_violations(HTTP, data) == []
    assert executor_violations(TRACER, {"executorId": TRACER.id, "endpointName": "validate"}) == []


def test_a_static_configuration_must_be_complete() -> None:
    found = executor_violations(TRACER, {"executorId": TRACER.id, "currency": "BRL"})
    assert [each.pointer for each in found] == [
        "/requestId",
        "/transactionType",
        "/amount",
        "/transactionTimestamp",
        "/account",
    ]


def test_an_input_mapping_may_supply_what_is_missing_but_excuses_nothing_else() -> None:
    mapping = [{"source": "workflow.amount", "target": "amount"}]
    assert executor_violations(TRACER, {"currency": "BRL", "inputMapping": mapping}) == []
    found = executor_violations(TRACER, {"currency": "brl", "inputMapping": mapping})
    assert [each.pointer for each in found] == ["/currency"]
    assert executor_violations(TRACER, {"currency": "BRL", "inputMapping": []})
    transforms = [{"operation": "shift", "spec": {"amount": "workflow.amount"}}]
    assert executor_violations(TRACER, {"currency": "BRL", "transforms": transforms}) == []


def test_formats_of_a_static_configuration_are_asserted() -> None:
    account = CATALOG.executors["midaz.get-account"]
    assert [each.message for each in executor_violations(account, {"accountId": "x"})] == ["must be a UUID"]


def test_an_http_node_needs_no_url_and_its_method_counts_as_configuration() -> None:
    assert executor_violations(HTTP, {"timeout_seconds": 5}) == []
    assert executor_violations(HTTP, {"timeout_seconds": 5, "method": "GET"}) == []
    assert executor_violations(HTTP, {"timeout_seconds": 5, "method": "put"}) == []
    found = executor_violations(HTTP, {"timeout_seconds": 5, "method": "FOO"})
    assert [each.pointer for each in found] == ["/method"]
    assert [each.pointer for each in executor_violations(HTTP, {"url": 1})] == ["/url"]
    assert [each.pointer for each in executor_violations(HTTP, {"unknown": 1})] == ["/unknown"]

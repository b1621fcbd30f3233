"""The catalog: bare arrays, entries with their schemas as JSON text, and trying a configuration (Flowker spec a.7, g)."""

import json
from typing import Any

import pytest

from tests.servers import Api, expect

pytestmark = pytest.mark.skip_moto

ACCOUNT = "0198c8a4-1d2f-7c11-8f00-0123456789ab"
VALIDATION = {
    "requestId": ACCOUNT,
    "transactionType": "PIX",
    "amount": "10.50",
    "currency": "BRL",
    "transactionTimestamp": "2026-03-01T10:00:00Z",
    "account": {"accountId": ACCOUNT, "type": "checking", "status": "active"},
}


def listed(api: Api, path: str) -> list[dict[str, Any]]:
    found = api.get(f"/v1/catalog/{path}")
    assert found.status_code == 200
    items: list[dict[str, Any]] = found.json()
    assert [item["id"] for item in items] == sorted(item["id"] for item in items)
    return items


def schema_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Schemas are strings that hold JSON."""
    schema: dict[str, Any] = json.loads(document[name])
    assert schema["type"] == "object"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    return schema


def test_the_providers(api: Api) -> None:
    items = listed(api, "providers")
    assert {"http", "midaz", "s3", "tracer"} <= {item["id"] for item in items}
    for item in items:
        assert item.keys() == {"id", "name", "description", "version"}
        detail = expect(api.get(f"/v1/catalog/providers/{item['id']}"), 200)
        assert {key: detail[key] for key in item} == item
        assert detail.keys() - item.keys() == {"configSchema"}
        schema_of(detail, "configSchema")


def test_the_executors(api: Api) -> None:
    items = listed(api, "executors")
    assert {item["id"] for item in items} >= {
        "http",
        "midaz.create-account",
        "midaz.create-transaction",
        "midaz.get-account",
        "midaz.get-account-balance",
        "s3.put-object",
        "tracer.list-validations",
        "tracer.validate-transaction",
    }
    for item in items:
        assert item.keys() == {"id", "name", "category", "version", "providerId"}
        detail = expect(api.get(f"/v1/catalog/executors/{item['id']}"), 200)
        assert {key: detail[key] for key in item} == item
        assert detail.keys() - item.keys() == {"schema"}
        schema_of(detail, "schema")


def test_the_executors_of_a_provider(api: Api) -> None:
    everything = listed(api, "executors")
    for provider in listed(api, "providers"):
        of_provider = [item for item in everything if item["providerId"] == provider["id"]]
        assert listed(api, f"providers/{provider['id']}/executors") == of_provider != []


def test_the_triggers(api: Api) -> None:
    assert listed(api, "triggers") == [
        {"id": "schedule", "name": "Schedule", "version": "v1"},
        {"id": "webhook", "name": "Webhook", "version": "v1"},
    ]
    detail = expect(api.get("/v1/catalog/triggers/webhook"), 200)
    schema = schema_of(detail, "schema")
    assert (schema["required"], schema["additionalProperties"]) == (["path", "method"], False)
    ours = schema_of(expect(api.get("/v1/catalog/triggers/schedule"), 200), "schema")
    assert (ours["required"], ours["additionalProperties"]) == (["schedule"], False)
    assert ours["properties"]["timezone"]["default"] == "UTC"
    assert "extension" in ours["description"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("executors/unknown", "FLK-0200"),
        ("executors/HTTP", "FLK-0200"),
        ("triggers/unknown", "FLK-0210"),
        ("providers/unknown", "FLK-0230"),
        ("providers/unknown/executors", "FLK-0230"),
    ],
)
def test_an_unknown_entry_is_404(api: Api, path: str, code: str) -> None:
    expect(api.get(f"/v1/catalog/{path}"), 404, code)


def test_a_configuration_that_satisfies_the_schema_is_valid(api: Api) -> None:
    path = "/v1/catalog/executors/tracer.validate-transaction/validate"
    assert expect(api.post(path, {"config": VALIDATION}), 200) == {"valid": True}
    assert expect(api.post(path, {"config": {**VALIDATION, "extra": 1}, "other": 1}), 200) == {"valid": True}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": None}, "config.currency"),
        ({"currency": "br"}, "config.currency"),
        ({"requestId": "no uuid"}, "config.requestId"),
        ({"transactionTimestamp": "yesterday"}, "config.transactionTimestamp"),
        ({"account": {**VALIDATION["account"], "type": "piggy"}}, "config.account.type"),  # type: ignore[dict-item]
        ({"amount": 10}, "config.amount"),
    ],
)
def test_a_violation_names_its_field(api: Api, change: dict[str, Any], field: str) -> None:
    path = "/v1/catalog/executors/tracer.validate-transaction/validate"
    body = expect(api.post(path, {"config": {**VALIDATION, **change}}), 400, "FLK-0201")
    assert list(body["fields"]) == [field]


def test_all_violations_are_named_at_once(api: Api) -> None:
    answer = api.post("/v1/catalog/executors/tracer.validate-transaction/validate", {"config": {}})
    assert set(expect(answer, 400, "FLK-0201")["fields"]) == {f"config.{name}" for name in VALIDATION}


@pytest.mark.parametrize("body", [{}, {"config": None}, {"config": []}, {"config": "x"}])
def test_a_configuration_must_be_an_object(api: Api, body: dict[str, Any]) -> None:
    answer = expect(api.post("/v1/catalog/executors/http/validate", body), 400, "FLK-0001")
    assert list(answer["fields"]) == ["config"]


def test_the_executor_is_looked_up_before_the_body_is_read(api: Api) -> None:
    expect(api.request("POST", "/v1/catalog/executors/unknown/validate", content=b"{"), 404, "FLK-0200")

"""What each rule of the catalog's schemas lets through and refuses, keyword by keyword (Flowker spec g.1 to g.3)."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowker.catalog.entries import Entry
from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import violations

ENTRIES: dict[str, Entry] = {
    **{f"provider {key}": value for key, value in CATALOG.providers.items()},
    **{f"executor {key}": value for key, value in CATALOG.executors.items()},
    **{f"trigger {key}": value for key, value in CATALOG.triggers.items()},
}
UUID = "0b54a1f4-6c3e-4a57-9f1b-0f1c2d3e4f50"
GONE: Any = object()
"""In a change: take the field away."""

SMALLEST: dict[str, dict[str, Any]] = {
    "provider midaz": {
        "onboarding_base_url": "https://onboarding.test",
        "transaction_base_url": "https://transaction.test",
        "organization_id": "org",
        "ledger_id": "led",
    },
    "provider tracer": {"base_url": "https://tracer.test", "api_key": "k"},
    "provider http": {"base_url": "https://http.test"},
    "provider s3": {
        "region": "eu-west-1",
        "bucket": "b",
        "access_key_id": "AK",
        "secret_access_key": "SK",
    },
    "executor midaz.create-account": {"assetCode": "BRL", "type": "deposit"},
    "executor midaz.create-transaction": {"send": {"asset": "BRL", "value": "10.50"}},
    "executor midaz.get-account": {"accountId": UUID},
    "executor midaz.get-account-balance": {"accountId": UUID},
    "executor tracer.validate-transaction": {
        "requestId": UUID,
        "transactionType": "PIX",
        "amount": "10",
        "currency": "BRL",
        "transactionTimestamp": "2026-03-01T10:00:00Z",
        "account": {"accountId": UUID, "type": "checking", "status": "active"},
    },
    "executor tracer.list-validations": {},
    "executor http": {"method": "GET", "url": "/ping"},
    "executor s3.put-object": {"key": "report.json"},
    "trigger webhook": {"path": "/in", "method": "POST"},
    "trigger schedule": {"schedule": "0 9 * * MON-FRI"},
}

AUTH_TYPES = ("none", "api_key", "bearer", "basic", "oidc_client_credentials", "oidc_user")
ENTRY = {"accountAlias": "@a", "amount": {"asset": "BRL", "value": "1.00"}, "share": {}, "metadata": {}}
MAPPING = {
    "source": "a",
    "target": "b",
    "required": True,
    "transformation": {"type": "add_prefix", "config": {}},
}
BODIES: list[Any] = [None, 1, "x", [], {}, True]
BEARER = {"type": "bearer", "config": {"token": "t"}}
OIDC = {"issuer_url": "https://id.test", "client_id": "c", "client_secret": "s"}

SEND = {"asset": "BRL", "value": "1"}
WRONG_ENTRIES: list[Any] = [
    {},
    [1],
    [{}],
    [{"accountAlias": 1}],
    [{**ENTRY, "amount": {"value": "x"}}],
    [{**ENTRY, "amount": {"asset": 1}}],
    [{**ENTRY, "amount": 1}],
    [{**ENTRY, "share": 1}],
    [{**ENTRY, "description": 1}],
    [{**ENTRY, "metadata": 1}],
]
WRONG_IN_MAPPING: list[dict[str, Any]] = [
    {"source": ""},
    {"source": 1},
    {"target": ""},
    {"target": 1},
    {"required": 1},
    {"transformation": 1},
    {"transformation": {}},
    {"transformation": {"type": ""}},
    {"transformation": {"type": "a", "config": 1}},
]

Change = Mapping[str, Any]
Rule = tuple[str, list[Change], list[Change]]


def rule(entry: str, accepted: list[Any], refused: list[Any]) -> Rule:
    """Changes of the smallest document that the entry's schema accepts, and changes that it refuses."""
    return entry, accepted, refused


# fmt: off
RULES: list[Rule] = [
    *[rule("provider midaz",
       [{name: "https://other.test"}, {name: "no url at all"}], [{name: GONE}, {name: 1}])
      for name in ("onboarding_base_url", "transaction_base_url")],
    *[rule("provider midaz", [{name: "x"}], [{name: GONE}, {name: None}])
      for name in ("organization_id", "ledger_id")],
    rule("provider midaz", [{"auth": OIDC}, {"auth": {**OIDC, "scopes": ["a"]}}, {"extra": 1}],
     [{"auth": "x"}, *({"auth": {k: v for k, v in OIDC.items() if k != gone}} for gone in OIDC),
      *({"auth": {**OIDC, name: 1}} for name in OIDC), {"auth": {**OIDC, "scopes": "a"}},
      {"auth": {**OIDC, "scopes": [1]}}]),
    rule("provider tracer", [{"base_url": "x"}, {"extra": 1}], [{"base_url": GONE}, {"base_url": 1}]),
    rule("provider tracer", [{"api_key": "kk"}], [{"api_key": GONE}, {"api_key": ""}, {"api_key": 1}]),
    rule("provider http", [{"base_url": "x"}, {"extra": 1}], [{"base_url": GONE}, {"base_url": {}}]),
    rule("provider http", [{"headers": {}}, {"headers": {"A": "b"}}],
     [{"headers": []}, {"headers": {"A": 1}}]),
    rule("provider http", [{"timeout_ms": 100}, {"timeout_ms": 30_000}],
     [{"timeout_ms": 99}, {"timeout_ms": 30_001}, {"timeout_ms": "100"}]),
    rule("provider http", [{"auth": BEARER}], [{"auth": {"type": "bearer"}}, {"auth": {"type": "magic"}}]),
    rule("provider http", [*({"auth_type": name} for name in AUTH_TYPES)], [{"auth_type": "magic"}]),
    *[rule("provider http", [{name: "x"}], [{name: 1}]) for name in
      ("api_key", "bearer_token", "username", "password", "token_url", "client_id", "client_secret")],
    rule("provider http", [{"scopes": ["a"]}, {"scopes": "a b"}], [{"scopes": 1}, {"scopes": [1]}]),
    *[rule("provider s3", [{name: "x"}], [{name: GONE}, {name: 1}]) for name in ("region", "bucket")],
    *[rule("provider s3", [{name: "x"}, {name: GONE, "role_arn": "arn"}], [{name: GONE}, {name: 1}])
      for name in ("access_key_id", "secret_access_key")],
    rule("provider s3", [{"endpoint_url": "https://s3.test"}, {"extra": 1}],
     [{"endpoint_url": 1}, {"role_arn": 1}]),

    rule("executor midaz.create-account", [{"assetCode": "x" * 100}, {"extra": 1}],
     [{"assetCode": GONE}, {"assetCode": "x" * 101}, {"assetCode": 1}]),
    rule("executor midaz.create-account", [{"type": "x" * 256}], [{"type": GONE}, {"type": "x" * 257}]),
    *[rule("executor midaz.create-account", [{name: "x" * most}], [{name: "x" * (most + 1)}, {name: 1}])
      for name, most in (("name", 256), ("alias", 100), ("entityId", 256))],
    *[rule("executor midaz.create-account", [{name: UUID}, {name: UUID.upper()}], [{name: "x"}, {name: 1}])
      for name in ("parentAccountId", "portfolioId", "segmentId")],
    rule("executor midaz.create-account", [{"status": {"code": "A", "description": "d"}}, {"status": {}}],
     [{"status": "A"}, {"status": {"code": 1}}, {"status": {"description": 1}}]),
    rule("executor midaz.create-account", [{"metadata": {"a": 1}}], [{"metadata": []}]),

    rule("executor midaz.create-transaction",
     [{"send": {**SEND, "source": {"from": [ENTRY]}, "distribute": {"to": [ENTRY]}}}],
     [{"send": GONE}, {"send": []}, {"send": {"value": "1"}}, {"send": {"asset": "BRL"}},
      {"send": {"asset": 1, "value": "1"}},
      *({"send": {"asset": "BRL", "value": value}} for value in ("", "1.", ".5", "-1", "1e3", "1\n", 1)),
      {"send": {**SEND, "source": []}}, {"send": {**SEND, "distribute": []}},
      *({"send": {**SEND, "source": {"from": entries}}} for entries in WRONG_ENTRIES),
      *({"send": {**SEND, "distribute": {"to": entries}}} for entries in WRONG_ENTRIES)]),
    rule("executor midaz.create-transaction", [{"description": "x" * 256}, {"code": "x" * 100}, {"extra": 1}],
     [{"description": "x" * 257}, {"code": "x" * 101}, {"description": 1}, {"code": 1}]),
    rule("executor midaz.create-transaction", [{"pending": True}], [{"pending": "true"}]),
    rule("executor midaz.create-transaction", [{"chartOfAccountsGroupName": "x"}, {"metadata": {}}],
     [{"chartOfAccountsGroupName": 1}, {"metadata": 1}]),

    rule("executor midaz.get-account", [{"accountId": UUID}, {"extra": 1}],
     [{"accountId": GONE}, {"accountId": "x"}]),
    rule("executor midaz.get-account-balance", [{"cursor": "c"}, {"limit": 1}, {"limit": 100}, {"extra": 1}],
     [{"accountId": GONE}, {"accountId": "x"}, {"cursor": 1}, {"limit": 0}, {"limit": 101}, {"limit": "1"}]),

    rule("executor tracer.validate-transaction", [{"requestId": UUID}],
     [{"requestId": GONE}, {"requestId": "x"}, {"requestId": 1}]),
    rule("executor tracer.validate-transaction",
     [*({"transactionType": t} for t in ("CARD", "WIRE", "PIX", "CRYPTO"))],
     [{"transactionType": GONE}, {"transactionType": "pix"}]),
    rule("executor tracer.validate-transaction", [{"subType": "x" * 50}, {"extra": 1}],
     [{"subType": "x" * 51}, {"subType": 1}]),
    rule("executor tracer.validate-transaction", [{"amount": "0.10"}],
     [{"amount": GONE}, {"amount": 10}, {"amount": "-1"}]),
    rule("executor tracer.validate-transaction", [{"currency": "USD"}],
     [{"currency": GONE}, {"currency": "usd"}, {"currency": "US"}, {"currency": "USDT"},
      {"currency": "USD\n"}]),
    rule("executor tracer.validate-transaction",
     [{"transactionTimestamp": "2024-02-29T23:59:59.123+05:30"},
      {"transactionTimestamp": "2026-03-01t10:00:00z"}],
     [{"transactionTimestamp": GONE}, {"transactionTimestamp": "2026-03-01"}, {"transactionTimestamp": 1},
      {"transactionTimestamp": "2026-03-01T10:00:00"}, {"transactionTimestamp": "2026-02-30T10:00:00Z"}]),
    rule("executor tracer.validate-transaction",
     [*({"account": {"accountId": UUID, "type": t, "status": s, "metadata": {}}}
        for t, s in (("checking", "active"), ("savings", "suspended"), ("credit", "closed")))],
     [{"account": GONE}, {"account": "x"},
      *({"account": {"accountId": UUID, "type": "credit", "status": "active", **wrong}}
        for wrong in ({"accountId": "x"}, {"type": "x"}, {"status": "x"}, {"metadata": 1})),
      {"account": {"type": "credit", "status": "active"}},
      {"account": {"accountId": UUID, "status": "active"}},
      {"account": {"accountId": UUID, "type": "credit"}}]),
    *[rule("executor tracer.validate-transaction",
       [{name: {f"{name}Id": UUID, "name": "n", "metadata": {}}}, {name: {}}],
       [{name: 1}, {name: {f"{name}Id": "x"}}, {name: {"name": 1}}, {name: {"metadata": 1}}])
      for name in ("segment", "portfolio", "merchant")],
    rule("executor tracer.validate-transaction", [{"merchant": {"category": "5411", "country": "BR"}}],
     [{"merchant": {"category": "541"}}, {"merchant": {"category": "54111"}}, {"merchant": {"country": "B"}},
      {"merchant": {"country": "BRA"}}]),
    rule("executor tracer.validate-transaction",
     [{"metadata": {str(n): n for n in range(50)}}, {"metadata": {"x" * 64: 1}}],
     [{"metadata": {str(n): n for n in range(51)}}, {"metadata": {"x" * 65: 1}}, {"metadata": []}]),

    rule("executor tracer.list-validations",
     [*({"decision": d} for d in ("ALLOW", "DENY", "REVIEW")),
      {"transactionType": "CARD"}, {"accountId": UUID},
      {"limit": 1}, {"limit": 100}, {"cursor": "c"}, {"sortBy": "createdAt"}, {"sortOrder": "ASC"},
      {"sortOrder": "DESC"}],
     [{"decision": "allow"}, {"transactionType": "CASH"}, {"accountId": "x"}, {"limit": 0}, {"limit": 101},
      {"cursor": 1}, {"sortBy": "name"}, {"sortOrder": "asc"}, {"extra": 1}]),

    rule("executor http",
     [*({"method": m} for m in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))],
     [{"method": GONE}, {"method": "get"}, {"method": "TRACE"}]),
    rule("executor http", [{"url": "https://h/${workflow.id}"}], [{"url": GONE}, {"url": 1}, {"extra": 1}]),
    rule("executor http", [{"headers": {"A": "b"}}, {"query": {"a": "1"}}, {"query": {}}],
     [{"headers": {"A": 1}}, {"headers": "x"}, {"query": "a=1"}, {"query": {"a": 1}}]),
    rule("executor http", [*({"body": body} for body in BODIES)], []),
    rule("executor http", [{"timeout_seconds": 1}, {"timeout_seconds": 300}],
     [{"timeout_seconds": 0}, {"timeout_seconds": 301}, {"timeout_seconds": True}]),
    rule("executor http",
     [{"retry": {"max_attempts": 1, "backoff_seconds": 60}}, {"retry": {"max_attempts": 10}}],
     [{"retry": 1}, {"retry": {"max_attempts": 0}}, {"retry": {"max_attempts": 11}},
      {"retry": {"backoff_seconds": 0}}, {"retry": {"backoff_seconds": 61}}]),
    rule("executor http", [{"success_status_codes": [100, 599]}, {"success_status_codes": []}],
     [{"success_status_codes": 200}, {"success_status_codes": [99]}, {"success_status_codes": [600]},
      {"success_status_codes": ["200"]}]),
    rule("executor http", [{"executorConfigId": UUID}, {"endpointName": "e"}],
     [{"executorConfigId": "x"}, {"endpointName": 1}]),
    *[rule("executor http", [{name: [MAPPING]}, {name: []}],
       [{name: {}}, {name: [1]}, {name: [{"source": "a"}]}, {name: [{"target": "a"}]},
        *({name: [{**MAPPING, **wrong}]} for wrong in WRONG_IN_MAPPING)])
      for name in ("inputMapping", "outputMapping")],
    rule("executor http", [{"transforms": [{"operation": "shift", "spec": {}, "require": True}]}],
     [{"transforms": {}}, {"transforms": [1]}, {"transforms": [{"operation": "shift"}]},
      {"transforms": [{"spec": {}}]},
      {"transforms": [{"operation": "", "spec": {}}]}, {"transforms": [{"operation": "a", "spec": 1}]},
      {"transforms": [{"operation": "a", "spec": {}, "require": 1}]}]),

    rule("executor s3.put-object",
     [{"key": "a/b"}, {"content_type": "text/plain"}, {"body": "x"}, {"body": {}}, {"extra": 1}],
     [{"key": GONE}, {"key": ""}, {"key": 1}, {"content_type": 1}]),

    rule("trigger webhook", [*({"method": m} for m in ("GET", "POST", "PUT", "PATCH", "DELETE")),
     {"verify_token": "t"}],
     [{"path": GONE}, {"path": ""}, {"path": 1}, {"method": GONE}, {"method": "HEAD"}, {"verify_token": 1},
      {"verify_token": ""}, {"verify_token": "s\u00e9same"}, {"verify_token": " x"},
      {"triggerType": "webhook"}]),
    rule("trigger schedule", [{"timezone": "Europe/Berlin"}, {"input": {}}, {"input": {"deep": [1]}}],
     [{"schedule": GONE}, {"schedule": ""}, {"schedule": 1}, {"schedule": "0" * 257}, {"timezone": None},
      {"input": []}, {"input": None}, {"path": "/in"}, {"triggerType": "schedule"}]),
]
# fmt: on


def changed(name: str, change: Change) -> dict[str, Any]:
    """The smallest document of an entry with a change."""
    merged = {**deepcopy(SMALLEST[name]), **change}
    return {key: value for key, value in merged.items() if value is not GONE}


def errors_of(name: str, instance: Any) -> list[str]:
    """As the API validates: formats are asserted except in the configuration of providers."""
    found = violations(ENTRIES[name].schema, instance, formats=not name.startswith("provider"))
    return [f"{violation.pointer} {violation.message}" for violation in found]


@pytest.mark.parametrize("name", ENTRIES)
def test_a_schema_is_a_valid_schema_and_accepts_the_smallest_document(name: str) -> None:
    Draft202012Validator.check_schema(ENTRIES[name].schema)
    assert errors_of(name, SMALLEST[name]) == []


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, accepted, _ in RULES for change in accepted]
)
def test_a_schema_accepts(name: str, change: Change) -> None:
    assert errors_of(name, changed(name, change)) == []


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, _, refused in RULES for change in refused]
)
def test_a_schema_refuses_and_points_at_the_field(name: str, change: Change) -> None:
    found = errors_of(name, changed(name, change))
    assert found
    assert {each.split(" ")[0].split("/")[1] for each in found} <= set(change)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_schema_refuses_what_is_not_an_object(name: str) -> None:
    assert errors_of(name, []) == [" must be an object"]

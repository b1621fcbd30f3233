"""Connections to providers: written once, shown without secrets, switched off and on (Flowker spec a.6, c.3, k)."""

import time
from typing import Any

import pytest

from tests.provider import Provider
from tests.samples import activate, create_configuration, create_workflow, payment_validation, unique
from tests.servers import Api, expect

ROUTE = "/v1/provider-configurations"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MASK = "********"
TRACER = {"base_url": "https://tracer.test", "api_key": "s3cr3t"}
MIDAZ = {
    "onboarding_base_url": "https://onboarding.test",
    "transaction_base_url": "https://transaction.test",
    "organization_id": "o",
    "ledger_id": "l",
}
S3 = {"region": "eu-central-1", "bucket": "b", "access_key_id": "AKIA", "secret_access_key": "wJalr"}


def sample(**changes: Any) -> dict[str, Any]:
    """The body of a new `tracer` configuration; None leaves a field out."""
    body = {"name": unique("tracer"), "providerId": "tracer", "config": TRACER, **changes}
    return {key: value for key, value in body.items() if value is not None}


def create(api: Api, **changes: Any) -> str:
    return str(expect(api.post(ROUTE, sample(**changes)), 201)["id"])


def read(api: Api, configuration_id: str) -> dict[str, Any]:
    return expect(api.get(f"{ROUTE}/{configuration_id}"), 200)


def test_a_configuration_is_created_active_and_shown_without_its_secrets(api: Api) -> None:
    body = sample(description="the real one", metadata={"team": "risk"}, unknown="ignored")
    created = expect(api.post(ROUTE, body), 201)
    assert created == {
        "id": created["id"],
        "name": body["name"],
        "status": "active",
        "createdAt": created["createdAt"],
    }
    assert read(api, created["id"]) == {
        **created,
        "description": "the real one",
        "providerId": "tracer",
        "config": {"base_url": "https://tracer.test", "api_key": MASK},
        "metadata": {"team": "risk"},
        "updatedAt": created["createdAt"],
    }


@pytest.mark.skip_moto
def test_absent_fields_are_not_shown(api: Api) -> None:
    shown = read(api, create(api, description="", metadata={}))
    assert shown.keys() == {"id", "name", "providerId", "config", "status", "createdAt", "updatedAt"}


@pytest.mark.parametrize(
    ("provider_id", "config", "shown"),
    [
        ("tracer", TRACER, {"base_url": "https://tracer.test", "api_key": MASK}),
        (
            "s3",
            S3,
            {"region": "eu-central-1", "bucket": "b", "access_key_id": MASK, "secret_access_key": MASK},
        ),
        (
            "midaz",
            {**MIDAZ, "auth": {"issuer_url": "https://i.test", "client_id": "c", "client_secret": "x"}},
            {**MIDAZ, "auth": MASK},
        ),
        (
            "http",
            {
                "base_url": "https://user:pw@p.test/?api_key=abc&page=1",
                "headers": {"Authorization": "Bearer x", "Accept": "text/plain"},
                "tuning": {"password": "p", "retries": 3, "list": [{"token": "t"}]},
            },
            {
                "base_url": f"https://{MASK}@p.test/?api_key={MASK}&page=1",
                "headers": {"Authorization": MASK, "Accept": "text/plain"},
                "tuning": {"password": MASK, "retries": 3, "list": [{"token": MASK}]},
            },
        ),
    ],
)
def test_secrets_are_masked_wherever_they_are_and_kept_when_the_mask_comes_back(
    api: Api, provider_id: str, config: dict[str, Any], shown: dict[str, Any]
) -> None:
    configuration_id = create(api, providerId=provider_id, config=config)
    assert read(api, configuration_id)["config"] == shown
    patched = expect(api.patch(f"{ROUTE}/{configuration_id}", {"config": shown}), 200)
    assert patched["config"] == shown
    listed = expect(api.get(f"{ROUTE}?limit=1&sortBy=updatedAt&providerId={provider_id}"), 200)["items"]
    assert listed == [patched]


def test_a_masked_value_that_comes_back_is_not_what_is_sent_to_the_provider(
    api: Api, provider: Provider
) -> None:
    path, key = f"score/{unique()}", unique("key")
    config = {"base_url": f"{provider.url}/{path}", "headers": {"X-Api-Key": key}}
    configuration_id = create(api, providerId="http", config=config)
    shown = read(api, configuration_id)["config"]
    expect(api.patch(f"{ROUTE}/{configuration_id}", {"config": {**shown, "timeout_ms": 2000}}), 200)
    document = payment_validation(configuration_id, unique())
    workflow_id = activate(api, document)
    headers = {"Idempotency-Key": unique(), "Prefer": "wait=20"}
    started = api.post(
        f"/v1/workflows/{workflow_id}/executions", {"inputData": {"amount": 1}}, headers=headers
    )
    assert expect(started, 201)["status"] == "completed"
    assert [call.headers["x-api-key"] for call in provider.to(f"/{path}")] == [key]


WRONG: list[tuple[dict[str, Any], int, str, list[str]]] = [
    ({"name": 1, "metadata": []}, 400, "FLK-0001", ["name", "metadata"]),
    ({"config": "x"}, 400, "FLK-0001", ["config"]),
    ({"config": {**TRACER, "api_key": MASK}}, 400, "FLK-0001", ["config.api_key"]),
    ({"providerId": None}, 400, "FLK-0297", ["providerId"]),
    ({"providerId": "nope", "name": None, "config": {}}, 404, "FLK-0294", ["providerId"]),
    ({"config": {"base_url": "x"}, "name": None}, 422, "FLK-0293", ["config.api_key"]),
    ({"config": {"base_url": 1, "api_key": ""}}, 422, "FLK-0293", ["config.base_url", "config.api_key"]),
    ({"name": None, "config": {}}, 400, "FLK-0295", ["name"]),
    ({"name": " "}, 400, "FLK-0295", ["name"]),
    ({"name": "x" * 101, "config": {}}, 400, "FLK-0296", ["name"]),
    ({"config": {}, "description": "x" * 501}, 400, "FLK-0298", ["config"]),
    ({"config": None}, 400, "FLK-0298", ["config"]),
    ({"description": "x" * 501}, 400, "FLK-0299", ["description"]),
]


@pytest.mark.skip_moto
@pytest.mark.parametrize(("changes", "status", "code", "fields"), WRONG)
def test_a_wrong_configuration_is_refused_in_the_order_of_the_checks(
    api: Api, changes: dict[str, Any], status: int, code: str, fields: list[str]
) -> None:
    assert list(expect(api.post(ROUTE, sample(**changes)), status, code)["fields"]) == fields


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("changes", "status", "code", "fields"),
    [
        ({"name": [], "config": 1}, 400, "FLK-0001", ["name", "config"]),
        ({"config": {"base_url": "x"}, "name": ""}, 422, "FLK-0293", ["config.api_key"]),
        ({"config": {**TRACER, "extra": {"token": MASK}}}, 400, "FLK-0001", ["config.extra.token"]),
        ({"name": "", "config": {}}, 400, "FLK-0295", ["name"]),
        ({"name": "x" * 101}, 400, "FLK-0296", ["name"]),
        ({"config": {}}, 400, "FLK-0298", ["config"]),
        ({"description": "x" * 501}, 400, "FLK-0299", ["description"]),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(
    api: Api, changes: dict[str, Any], status: int, code: str, fields: list[str]
) -> None:
    configuration_id = create(api)
    before = read(api, configuration_id)
    answer = api.patch(f"{ROUTE}/{configuration_id}", {"metadata": {"a": 1}, **changes})
    assert list(expect(answer, status, code)["fields"]) == fields
    assert read(api, configuration_id) == before


@pytest.mark.skip_moto
def test_the_violation_of_a_schema_never_repeats_the_value(api: Api) -> None:
    secret = unique("secret")
    answer = api.post(ROUTE, sample(config={"base_url": [secret], "api_key": {"nested": secret}}))
    expect(answer, 422, "FLK-0293")
    assert secret not in answer.text


def test_a_change_touches_only_the_fields_that_are_sent(api: Api) -> None:
    configuration_id = create(api, description="old", metadata={"kept": 1, "changed": 1})
    path = f"{ROUTE}/{configuration_id}"
    before = read(api, configuration_id)
    time.sleep(0.002)
    after = expect(api.patch(path, {"metadata": {"changed": 2}, "name": None, "providerId": "midaz"}), 200)
    assert after["updatedAt"] > before["updatedAt"]
    assert after == {
        **before,
        "metadata": {"kept": 1, "changed": 2},
        "updatedAt": after["updatedAt"],
    }
    name = unique()
    after = expect(api.patch(path, {"name": name, "description": ""}), 200)
    assert (after["name"], "description" in after) == (name, False)
    replaced = {"base_url": "https://other.test", "api_key": "k", "extra": True}
    assert expect(api.patch(path, {"config": replaced}), 200)["config"] == {**replaced, "api_key": MASK}
    assert (
        expect(api.patch(path, {"config": {**TRACER, "api_key": MASK}}), 200)["config"].keys()
        == TRACER.keys()
    )


def test_names_are_unique(api: Api) -> None:
    name = unique("Name")
    first, second = create(api, name=name), create(api, name=name.upper())
    expect(api.post(ROUTE, sample(name=name)), 409, "FLK-0291")
    expect(api.patch(f"{ROUTE}/{second}", {"name": name}), 409, "FLK-0291")
    expect(api.patch(f"{ROUTE}/{first}", {"name": name}), 200)
    expect(api.delete(f"{ROUTE}/{first}"), 204)
    expect(api.patch(f"{ROUTE}/{second}", {"name": name}), 200)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/disable", None),
        ("POST", "/enable", None),
    ],
)
def test_an_unknown_configuration_is_404(api: Api, method: str, suffix: str, body: Any) -> None:
    expect(api.request(method, f"{ROUTE}/{UNKNOWN}{suffix}", json=body), 404, "FLK-0290")


def test_a_configuration_is_switched_off_and_on(api: Api) -> None:
    configuration_id = create(api)
    path = f"{ROUTE}/{configuration_id}"
    before = read(api, configuration_id)
    expect(api.post(f"{path}/enable"), 422, "FLK-0292")
    time.sleep(0.002)
    disabled = expect(api.post(f"{path}/disable"), 200)
    assert (
        disabled
        == {**before, "status": "disabled", "updatedAt": disabled["updatedAt"]}
        == read(api, configuration_id)
    )
    assert disabled["updatedAt"] > before["updatedAt"]
    expect(api.post(f"{path}/disable"), 422, "FLK-0292")
    changed = expect(api.patch(path, {"description": "changed while disabled"}), 200)
    assert changed["status"] == "disabled"
    assert expect(api.post(f"{path}/enable"), 200)["status"] == "active"


def test_a_disabled_configuration_takes_workflows_out_of_use(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    path = f"{ROUTE}/{configuration_id}"
    draft = create_workflow(api, payment_validation(configuration_id, unique()))
    running = activate(api, payment_validation(configuration_id, unique()))
    expect(api.post(f"{path}/disable"), 200)
    document = payment_validation(configuration_id, unique())
    expect(api.post("/v1/workflows", document), 400, "FLK-0150")
    expect(api.put(f"/v1/workflows/{draft}", document), 400, "FLK-0150")
    expect(api.post(f"/v1/workflows/{draft}/activate"), 400, "FLK-0150")
    headers = {"Idempotency-Key": unique(), "Prefer": "wait=20"}
    started = expect(
        api.post(f"/v1/workflows/{running}/executions", {"inputData": {"amount": 1}}, headers=headers), 201
    )
    assert started["status"] == "failed"
    results = expect(api.get(f"/v1/executions/{started['executionId']}/results"), 200)
    assert "provider configuration is not active" in results["errorMessage"]


def test_a_configuration_in_use_by_an_active_workflow_cannot_be_deleted(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    path = f"{ROUTE}/{configuration_id}"
    first, second = (activate(api, payment_validation(configuration_id, unique())) for _ in range(2))
    expect(api.post(f"{path}/disable"), 200)
    expect(api.delete(path), 422, "FLK-0292")
    expect(api.post(f"/v1/workflows/{first}/deactivate"), 200)
    expect(api.delete(path), 422, "FLK-0292")
    expect(api.post(f"/v1/workflows/{second}/deactivate"), 200)
    expect(api.delete(path), 204)
    expect(api.get(path), 404, "FLK-0290")
    expect(api.post(f"/v1/workflows/{first}/draft"), 200)
    expect(api.post(f"/v1/workflows/{first}/activate"), 400, "FLK-0150")


@pytest.mark.parametrize("disabled", [False, True])
def test_a_configuration_that_only_drafts_use_can_be_deleted_in_any_status(
    api: Api, provider: Provider, disabled: bool
) -> None:
    configuration_id = create_configuration(api, provider.url)
    path = f"{ROUTE}/{configuration_id}"
    create_workflow(api, payment_validation(configuration_id, unique()))
    if disabled:
        expect(api.post(f"{path}/disable"), 200)
    answer = api.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    expect(api.delete(path), 404, "FLK-0290")

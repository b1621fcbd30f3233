"""Templates over HTTP, and that what they make runs (Flowker spec a.2 #6, #35–#37, a.7, g.4)."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.provider import Provider
from tests.samples import unique
from tests.servers import Api, expect

ID = "tracer-midaz-validation"
ONE = f"/v1/catalog/templates/{ID}"
FROM_TEMPLATE = "/v1/workflows/from-template"
CHECKED = {
    "requestId": "0198c8a4-1d2f-7c11-8f00-0123456789ab",
    "transactionType": "PIX",
    "amount": "10.50",
    "currency": "BRL",
    "transactionTimestamp": "2026-03-01T10:00:00Z",
    "account": {
        "accountId": "0198c8a4-1d2f-7c11-8f00-0123456789ac",
        "type": "checking",
        "status": "active",
    },
}
BOOKED = {"asset": "BRL", "value": "10.50", "distribute": {"to": [{"accountAlias": "@shop"}]}}


def configured(api: Api, provider_id: str, config: dict[str, Any], name: str | None = None) -> str:
    body = {"name": name or unique(provider_id), "providerId": provider_id, "config": config}
    return str(expect(api.post("/v1/provider-configurations", body), 201)["id"])


def tracer(api: Api, url: str, name: str | None = None) -> str:
    return configured(api, "tracer", {"base_url": url, "api_key": "hunter2-hunter2"}, name)


def midaz(api: Api, url: str, name: str | None = None) -> str:
    config = {
        "onboarding_base_url": url,
        "transaction_base_url": url,
        "organization_id": "acme",
        "ledger_id": "main",
    }
    return configured(api, "midaz", config, name)


@pytest.fixture
def params(api: Api, provider: Provider) -> dict[str, Any]:
    """Parameters that make a workflow."""
    return {
        "workflowName": unique("from template"),
        "tracerProviderConfigId": tracer(api, f"{provider.url}/decision/DENY"),
        "midazProviderConfigId": midaz(api, provider.url),
        "webhookPath": f"/{unique('hook')}",
    }


def create(api: Api, params: Any) -> str:
    body = expect(api.post(FROM_TEMPLATE, {"templateId": ID, "params": params}), 201)
    assert set(body) == {"workflowId", "version", "status", "createdAt"}
    assert (body["version"], body["status"]) == ("1.0.0", "draft")
    return str(body["workflowId"])


# --- catalog ---------------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
def test_the_templates(api: Api) -> None:
    listed = api.get("/v1/catalog/templates")
    assert listed.status_code == 200
    (summary,) = listed.json()
    assert summary.keys() == {"id", "name", "description", "version", "category"}
    detail = expect(api.get(ONE), 200)
    assert {name: detail[name] for name in summary} == summary
    assert detail.keys() - summary.keys() == {"paramSchema"}
    schema = json.loads(detail["paramSchema"])
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["workflowName", "tracerProviderConfigId", "midazProviderConfigId"]


def test_the_schema_offers_the_active_configurations_by_name(api: Api) -> None:
    first, second, disabled, other = (unique(letter) for letter in "ABCD")
    later = tracer(api, "https://tracer.example", second)
    earlier = tracer(api, "https://tracer.example", first)
    off = tracer(api, "https://tracer.example", disabled)
    expect(api.post(f"/v1/provider-configurations/{off}/disable"), 200)
    ledger = midaz(api, "https://midaz.example", other)
    properties = json.loads(expect(api.get(ONE), 200)["paramSchema"])["properties"]
    offered = properties["tracerProviderConfigId"]["oneOf"]
    titles = [choice["title"] for choice in offered]
    assert titles == sorted(titles)
    ours = [choice for choice in offered if choice["title"] in (first, second, disabled, other)]
    assert ours == [{"const": earlier, "title": first}, {"const": later, "title": second}]
    assert {"const": ledger, "title": other} in properties["midazProviderConfigId"]["oneOf"]


@pytest.mark.skip_moto
def test_parameters_can_be_tried(api: Api, params: dict[str, Any]) -> None:
    assert expect(api.post(f"{ONE}/validate", {"params": params}), 200) == {"valid": True}
    chosen = {**params, "tracerProviderConfigId": str(uuid4())}  # creating tells whether it exists
    assert expect(api.post(f"{ONE}/validate", {"params": chosen}), 200) == {"valid": True}
    wrong = {**params, "workflowName": "", "webhookMethod": "GET", "midazProviderConfigId": "x"}
    body = expect(api.post(f"{ONE}/validate", {"params": wrong}), 400, "FLK-0242")
    assert set(body["fields"]) == {f"params.{name}" for name in wrong if wrong[name] != params.get(name)}


@pytest.mark.skip_moto
@pytest.mark.parametrize("body", [{}, {"params": None}, {"params": []}, {"params": "x"}])
def test_parameters_must_be_an_object(api: Api, body: dict[str, Any]) -> None:
    assert list(expect(api.post(f"{ONE}/validate", body), 400, "FLK-0001")["fields"]) == ["params"]
    sent = {"templateId": ID, **body}
    assert list(expect(api.post(FROM_TEMPLATE, sent), 400, "FLK-0001")["fields"]) == ["params"]


@pytest.mark.skip_moto
def test_an_unknown_template_is_404_whatever_the_body(api: Api) -> None:
    expect(api.get("/v1/catalog/templates/unknown"), 404, "FLK-0240")
    path = "/v1/catalog/templates/unknown/validate"
    expect(api.request("POST", path, content=b"{"), 404, "FLK-0240")
    expect(api.post(FROM_TEMPLATE, {"templateId": "unknown", "params": None}), 404, "FLK-0240")


# --- creating --------------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
def test_a_draft_is_made(api: Api, params: dict[str, Any]) -> None:
    workflow_id = create(api, {**params, "workflowDescription": "Why"})
    workflow = expect(api.get(f"/v1/workflows/{workflow_id}"), 200)
    assert (workflow["name"], workflow["description"]) == (params["workflowName"], "Why")
    assert workflow["status"] == "draft"
    assert workflow["metadata"] == {"templateId": ID, "templateVersion": "v1"}
    nodes = {node["id"]: node for node in workflow["nodes"]}
    assert list(nodes) == ["webhook-trigger", "tracer-validate", "decision-check", "midaz-create-tx"]
    assert nodes["webhook-trigger"]["data"]["method"] == "POST"
    assert [edge["id"] for edge in workflow["edges"]] == [
        "webhook-to-tracer", "tracer-to-decision", "decision-to-midaz",
    ]  # fmt: skip


@pytest.mark.skip_moto
def test_refusals_of_templates_and_of_any_create(api: Api, params: dict[str, Any]) -> None:
    def refused(status: int, code: str, **changes: Any) -> dict[str, Any]:
        sent = {"templateId": ID, "params": {**params, **changes}}
        return expect(api.post(FROM_TEMPLATE, sent), status, code)

    assert list(refused(400, "FLK-0242", webhookPath=1)["fields"]) == ["params.webhookPath"]
    refused(400, "FLK-0110", workflowName=" ")
    refused(400, "FLK-0150", tracerProviderConfigId=str(uuid4()))
    refused(400, "FLK-0151", midazProviderConfigId=params["tracerProviderConfigId"])
    create(api, params)
    refused(409, "FLK-0101")
    body = expect(api.post(FROM_TEMPLATE, {"params": params}), 400, "FLK-0001")
    assert list(body["fields"]) == ["templateId"]


@pytest.mark.skip_moto
def test_the_route_is_no_workflow(api: Api) -> None:
    expect(api.get(FROM_TEMPLATE), 400, "FLK-0002")
    expect(api.delete(FROM_TEMPLATE), 400, "FLK-0002")
    refused = api.patch(FROM_TEMPLATE, {})
    expect(refused, 405, "FLK-0302")
    assert refused.headers["Allow"] == "DELETE, GET, POST, PUT"
    expect(api.post(f"/v1/workflows/{uuid4()}", {}), 405, "FLK-0302")


# --- running ---------------------------------------------------------------------------------------------------------


def delivered(api: Api, params: dict[str, Any]) -> dict[str, Any]:
    """The results of one delivery to the webhook of a workflow that the template makes."""
    expect(api.post(f"/v1/workflows/{create(api, params)}/activate"), 200)
    sent = {**CHECKED, "transaction": BOOKED, "transactionDescription": "a coffee"}
    started = expect(api.post(f"/v1/webhooks{params['webhookPath']}", sent), 201)
    results = api.results(started["executionId"])
    assert results["status"] == "completed", results
    return results


def test_what_tracer_denies_is_not_booked(api: Api, provider: Provider, params: dict[str, Any]) -> None:
    tag = unique()
    params["tracerProviderConfigId"] = tracer(api, f"{provider.url}/decision/DENY/{tag}")
    params["midazProviderConfigId"] = midaz(api, f"{provider.url}/midaz/{tag}")
    results = delivered(api, params)
    assert [step["nodeId"] for step in results["stepResults"]] == ["tracer-validate", "decision-check"]
    (asked,) = provider.to(f"/decision/DENY/{tag}/v1/validations")
    assert (asked.method, asked.body, asked.headers["x-api-key"]) == ("POST", CHECKED, "hunter2-hunter2")
    assert provider.to(f"/midaz/{tag}") == []
    context = results["finalOutput"]
    assert context["workflow"]["transaction"] == BOOKED
    assert context["tracer-validate"]["body"]["decision"] == "DENY"


def test_what_tracer_allows_is_booked(api: Api, provider: Provider, params: dict[str, Any]) -> None:
    tag = unique()
    params["tracerProviderConfigId"] = tracer(api, f"{provider.url}/decision/ALLOW/{tag}")
    params["midazProviderConfigId"] = midaz(api, f"{provider.url}/midaz/{tag}")
    results = delivered(api, params)
    assert [step["nodeId"] for step in results["stepResults"]] == [
        "tracer-validate", "decision-check", "midaz-create-tx",
    ]  # fmt: skip
    (booked,) = provider.to(f"/midaz/{tag}")
    path = f"/midaz/{tag}/v1/organizations/acme/ledgers/main/transactions/json"
    assert (booked.method, booked.path) == ("POST", path)
    assert booked.body == {"send": BOOKED, "description": "a coffee"}

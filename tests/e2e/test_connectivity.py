"""Testing a provider configuration: stages over a real connection, whatever the provider does (Flowker spec a.6, c.3)."""

from typing import Any

import pytest

from tests.provider import Provider
from tests.samples import create_configuration, unique
from tests.servers import Api, expect, free_port

ROUTE = "/v1/provider-configurations"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
BY_KEY = {"type": "api_key", "config": {"key": "s3cr3t-key", "header": "X-Own-Key"}}


def result_of(api: Api, configuration_id: str) -> dict[str, Any]:
    return expect(api.post(f"{ROUTE}/{configuration_id}/test"), 200)


def statuses(result: dict[str, Any]) -> list[str]:
    return [stage["status"] for stage in result["stages"]]


@pytest.fixture
def path() -> str:
    """A path of the provider that no other test asks for."""
    return f"/score/{unique()}"


def test_a_working_connection_passes_and_is_left_as_it_is(api: Api, provider: Provider, path: str) -> None:
    headers = {"X-Team": "risk"}
    configuration_id = create_configuration(api, provider.url + path, auth=BY_KEY, headers=headers)
    before = expect(api.get(f"{ROUTE}/{configuration_id}"), 200)
    answer = api.post(f"{ROUTE}/{configuration_id}/test")
    result = expect(answer, 200)
    assert (result["providerConfigId"], result["providerId"]) == (configuration_id, "http")
    assert [(stage["name"], stage["status"]) for stage in result["stages"]] == [
        ("connectivity", "passed"),
        ("authentication", "passed"),
        ("end_to_end", "passed"),
    ]
    assert (result["overallStatus"], result["summary"]) == ("passed", "3 passed, 0 failed, 0 skipped")
    assert result["startedAt"] <= result["completedAt"]
    assert "s3cr3t" not in answer.text
    calls = provider.to(path)
    assert [(call.method, call.headers.get("x-own-key")) for call in calls] == [
        ("GET", None), ("GET", "s3cr3t-key"), ("GET", "s3cr3t-key"),
    ]  # fmt: skip
    assert [call.headers.get("x-team") for call in calls] == [None, "risk", "risk"]
    assert expect(api.get(f"{ROUTE}/{configuration_id}"), 200) == before


def test_a_failing_provider_is_a_result(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, f"{provider.url}/status/503", auth=BY_KEY)
    result = result_of(api, configuration_id)
    assert (statuses(result), result["overallStatus"]) == (["failed", "skipped", "skipped"], "failed")
    first, second, _ = result["stages"]
    assert (first["details"]["statusCode"], first["details"]["code"]) == (503, "FLK-0280")
    assert second["message"] == "skipped because connectivity failed"


def test_credentials_that_are_refused_make_it_partial(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, f"{provider.url}/status/401", auth=BY_KEY)
    result = result_of(api, configuration_id)
    assert (statuses(result), result["overallStatus"]) == (["passed", "failed", "skipped"], "partial")


@pytest.mark.skip_moto
def test_without_credentials_authentication_is_skipped(api: Api, provider: Provider, path: str) -> None:
    result = result_of(api, create_configuration(api, provider.url + path))
    assert (statuses(result), result["overallStatus"]) == (["passed", "skipped", "passed"], "passed")


@pytest.mark.skip_moto
def test_nobody_listening_is_a_result(api: Api) -> None:
    result = result_of(api, create_configuration(api, f"http://127.0.0.1:{free_port()}"))
    assert result["overallStatus"] == "failed"
    assert result["stages"][0]["error"].startswith("request failed")


@pytest.mark.skip_moto
def test_an_answer_that_is_too_large_is_a_result(api: Api, provider: Provider) -> None:
    result = result_of(api, create_configuration(api, f"{provider.url}/big/1100000"))
    assert result["stages"][0]["error"].startswith("response too large")


@pytest.mark.skip_moto
def test_a_redirect_to_where_calls_may_not_go_is_not_followed(api: Api, provider: Provider) -> None:
    result = result_of(
        api, create_configuration(api, f"{provider.url}/redirect?to=http://metadata.google.internal/")
    )
    assert result["overallStatus"] == "failed"
    assert result["stages"][0]["error"].startswith("destination blocked")


@pytest.mark.skip_moto
def test_a_disabled_configuration_can_be_tested(api: Api, provider: Provider, path: str) -> None:
    configuration_id = create_configuration(api, provider.url + path)
    expect(api.post(f"{ROUTE}/{configuration_id}/disable"), 200)
    assert result_of(api, configuration_id)["overallStatus"] == "passed"


@pytest.mark.parametrize(
    ("base_url", "code"),
    [
        ("not a url", "FLK-0340"),
        ("/relative", "FLK-0340"),
        ("http://user:s3cr3t@127.0.0.1", "FLK-0340"),
        ("http://localhost:1", "FLK-0341"),
        ("http://169.254.169.254/latest/meta-data", "FLK-0341"),
        ("http://flowker.invalid", "FLK-0341"),
        ("ftp://127.0.0.1", "FLK-0341"),
    ],
)
@pytest.mark.skip_moto
def test_what_cannot_be_tested_is_refused(api: Api, base_url: str, code: str) -> None:
    answer = api.post(f"{ROUTE}/{create_configuration(api, base_url)}/test")
    expect(answer, 422, code)
    assert "s3cr3t" not in answer.text


def test_only_what_exists_is_tested(api: Api) -> None:
    expect(api.post(f"{ROUTE}/{UNKNOWN}/test"), 404, "FLK-0290")
    expect(api.post(f"{ROUTE}/x/test"), 400, "FLK-0002")
    expect(api.get(f"{ROUTE}/{UNKNOWN}/test"), 405, "FLK-0302")


@pytest.mark.skip_moto
@pytest.mark.parametrize("provider_id", ["tracer", "midaz"])
def test_every_provider_is_asked_as_its_runner_would(
    api: Api, provider: Provider, path: str, provider_id: str
) -> None:
    url = provider.url + path
    config = {
        "tracer": {"base_url": url, "api_key": "s3cr3t-key"},
        "midaz": {
            "onboarding_base_url": url,
            "transaction_base_url": "http://127.0.0.1:1",
            "organization_id": "o",
            "ledger_id": "l",
            "headers": {"X-API-Key": "s3cr3t-key"},
        },
    }[provider_id]
    body = {"name": unique(provider_id), "providerId": provider_id, "config": config}
    configuration_id = expect(api.post(ROUTE, body), 201)["id"]
    assert result_of(api, configuration_id)["overallStatus"] == "passed"
    assert [call.headers.get("x-api-key") for call in provider.to(path)] == [None, "s3cr3t-key", "s3cr3t-key"]

"""Operations over a base URL of their own: defined, tested, taken into use by workflows (Flowker spec a.5, c.2, l.3–5)."""

import time
from typing import Any

import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    executor,
    trigger,
    unique,
)
from tests.servers import Api, expect

ROUTE = "/v1/executors"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MASK = "********"
ENDPOINT = {"name": "score", "path": "/score", "method": "POST"}


def sample(url: str = "https://scores.test", **changes: Any) -> dict[str, Any]:
    """The body of a whole executor configuration; None leaves a field out."""
    body = {
        "name": unique("executor"),
        "baseUrl": url,
        "endpoints": [ENDPOINT],
        "authentication": {"type": "bearer", "config": {"token": "s3cr3t"}},
    }
    return {key: value for key, value in {**body, **changes}.items() if value is not None}


def create(api: Api, body: dict[str, Any]) -> str:
    return str(expect(api.post(ROUTE, body), 201)["id"])


def read(api: Api, executor_id: str) -> dict[str, Any]:
    return expect(api.get(f"{ROUTE}/{executor_id}"), 200)


def turn(api: Api, executor_id: str, verb: str) -> str:
    """The status after a transition."""
    return str(expect(api.post(f"{ROUTE}/{executor_id}/{verb}"), 200)["status"])


def test_one_is_created_shown_without_its_secrets_and_changed(api: Api) -> None:
    body = sample(
        "https://scores.test/", description="the real one", metadata={"team": "risk"}, unknown="ignored"
    )
    created = expect(api.post(ROUTE, body), 201)
    assert created == {
        "id": created["id"],
        "name": body["name"],
        "status": "configured",
        "createdAt": created["createdAt"],
    }
    shown = read(api, created["id"])
    assert shown == {
        **created,
        "description": "the real one",
        "baseUrl": "https://scores.test",
        "endpoints": [{**ENDPOINT, "timeout": 30}],
        "authentication": {"type": "bearer", "config": {"token": MASK}},
        "metadata": {"team": "risk"},
        "updatedAt": created["createdAt"],
    }
    changes = {**shown, "endpoints": [{**ENDPOINT, "method": "put", "timeout": 5}], "metadata": {"a": 1}}
    patched = expect(api.patch(f"{ROUTE}/{created['id']}", changes), 200)
    assert patched == {
        **shown,
        "endpoints": [{**ENDPOINT, "method": "PUT", "timeout": 5}],
        "metadata": {"team": "risk", "a": 1},
        "updatedAt": patched["updatedAt"],
    }
    assert read(api, created["id"]) == patched
    listed = expect(api.get(f"{ROUTE}?sortBy=updatedAt&limit=1&status=configured"), 200)["items"]
    assert listed == [patched]
    answer = api.delete(f"{ROUTE}/{created['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    expect(api.get(f"{ROUTE}/{created['id']}"), 404, "FLK-0250")


def test_one_lives_from_unconfigured_to_disabled(api: Api, provider: Provider) -> None:
    executor_id = create(api, {"name": unique("executor")})
    assert read(api, executor_id)["status"] == "unconfigured"
    path = f"{ROUTE}/{executor_id}"
    expect(api.post(f"{path}/test"), 422, "FLK-0252")
    expect(api.post(f"{path}/configure"), 400, "FLK-0262")
    body = sample(
        provider.url, name=None, endpoints=[ENDPOINT, {"name": "get", "path": "x", "method": "GET"}]
    )
    assert expect(api.post(f"{path}/configure", body), 200)["status"] == "configured"
    expect(api.post(f"{path}/activate"), 422, "FLK-0252")
    result = expect(api.post(f"{path}/test"), 200)
    assert [stage["name"] for stage in result["stages"]] == [
        "connectivity", "authentication", "transformation", "end_to_end",
    ]  # fmt: skip
    assert (result["executorConfigId"], result["overallStatus"]) == (executor_id, "passed")
    after = read(api, executor_id)
    assert after["status"] == "tested"
    assert result["startedAt"] <= after["lastTestedAt"]
    expect(api.patch(path, body), 422, "FLK-0252")
    expect(api.delete(path), 422, "FLK-0252")
    assert turn(api, executor_id, "activate") == "active"
    assert turn(api, executor_id, "disable") == "disabled"
    assert turn(api, executor_id, "enable") == "active"
    expect(api.delete(path), 422, "FLK-0252")
    assert turn(api, executor_id, "disable") == "disabled"
    expect(api.delete(path), 204)


def test_what_happens_to_it_is_in_the_audit_trail(api: Api, provider: Provider) -> None:
    executor_id = create(api, sample(provider.url))
    expect(api.post(f"{ROUTE}/{executor_id}/test"), 200)
    expect(api.post(f"{ROUTE}/{executor_id}/test"), 422, "FLK-0252")
    turn(api, executor_id, "activate")
    wanted = [
        ("EXECUTOR_CONFIG_CREATED", "SUCCESS", "configured"),
        ("EXECUTOR_CONFIG_TESTED", "SUCCESS", "tested"),
        ("EXECUTOR_CONFIG_TESTED", "FAILED", None),
        ("EXECUTOR_CONFIG_UPDATED", "SUCCESS", "active"),
    ]
    deadline = time.monotonic() + 20
    while True:
        events = expect(api.get(f"/v1/audit-events?resourceId={executor_id}&sortOrder=ASC"), 200)["items"]
        found = [(each["eventType"], each["result"], each["metadata"].get("status")) for each in events]
        if found == wanted:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.mark.skip_moto
def test_a_test_that_fails_leaves_it_configured(api: Api, provider: Provider) -> None:
    executor_id = create(api, sample(f"{provider.url}/status/401"))
    result = expect(api.post(f"{ROUTE}/{executor_id}/test"), 200)
    assert result["overallStatus"] == "partial"
    assert read(api, executor_id)["status"] == "configured"
    assert "lastTestedAt" not in read(api, executor_id)


@pytest.mark.skip_moto
def test_one_that_leads_where_calls_may_not_go_is_not_tested(api: Api) -> None:
    executor_id = create(api, sample("http://localhost:1"))
    expect(api.post(f"{ROUTE}/{executor_id}/test"), 422, "FLK-0341")


@pytest.mark.skip_moto
def test_a_patch_configures_it(api: Api) -> None:
    body = sample()
    executor_id = create(api, {"name": body["name"]})
    assert expect(api.patch(f"{ROUTE}/{executor_id}", body), 200)["status"] == "configured"


def endpoint(**changes: Any) -> dict[str, Any]:
    return {
        "endpoints": [{key: value for key, value in {**ENDPOINT, **changes}.items() if value is not None}]
    }


WRONG: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"name": 1, "metadata": []}, "FLK-0001", ["name", "metadata"]),
    (
        {"authentication": {"type": "bearer", "config": {"token": MASK}}},
        "FLK-0001",
        ["authentication.config.token"],
    ),
    (endpoint(timeout=301), "FLK-0001", ["endpoints[0].timeout"]),
    ({"name": None}, "FLK-0260", ["name"]),
    ({"name": "x" * 101}, "FLK-0261", ["name"]),
    ({"baseUrl": None}, "FLK-0262", ["baseUrl"]),
    ({"baseUrl": "scores.test"}, "FLK-0263", ["baseUrl"]),
    ({"baseUrl": "https://a.test/" + "x" * 500}, "FLK-0264", ["baseUrl"]),
    ({"endpoints": []}, "FLK-0265", ["endpoints"]),
    ({"authentication": None}, "FLK-0266", ["authentication"]),
    ({"description": "x" * 501}, "FLK-0267", ["description"]),
    ({"authentication": {}}, "FLK-0268", ["authentication.type"]),
    ({"authentication": {"type": "magic"}}, "FLK-0269", ["authentication.type"]),
    (endpoint(name=None), "FLK-0270", ["endpoints[0].name"]),
    (endpoint(path=None), "FLK-0271", ["endpoints[0].path"]),
    (endpoint(method=None), "FLK-0272", ["endpoints[0].method"]),
    (endpoint(method="TRACE"), "FLK-0273", ["endpoints[0].method"]),
]


@pytest.mark.skip_moto
@pytest.mark.parametrize(("changes", "code", "fields"), WRONG)
def test_each_rule_has_its_code(api: Api, changes: dict[str, Any], code: str, fields: list[str]) -> None:
    executor_id = create(api, {"name": unique("executor")})
    body = sample(**changes)
    assert list(expect(api.post(ROUTE, body), 400, code)["fields"]) == fields
    assert list(expect(api.patch(f"{ROUTE}/{executor_id}", body), 400, code)["fields"]) == fields


def test_a_name_is_unique(api: Api) -> None:
    body = sample()
    create(api, body)
    expect(api.post(ROUTE, body), 409, "FLK-0251")
    other = create(api, sample())
    expect(api.patch(f"{ROUTE}/{other}", body), 409, "FLK-0251")


@pytest.mark.skip_moto
def test_requests_that_make_no_sense_are_refused(api: Api) -> None:
    expect(api.get(f"{ROUTE}/x"), 400, "FLK-0002")
    expect(api.patch(f"{ROUTE}/x", sample()), 400, "FLK-0002")
    expect(
        api.request("POST", ROUTE, content=b"{", headers={"Content-Type": "application/json"}),
        400,
        "FLK-0001",
    )
    expect(api.get(f"{ROUTE}?status=gone"), 400, "FLK-0304")
    expect(api.get(f"{ROUTE}?sortOrder=up"), 400, "FLK-0310")
    expect(api.get(f"{ROUTE}?cursor=x"), 400, "FLK-0304")
    for verb in ("configure", "test", "activate", "disable", "enable"):
        expect(api.post(f"{ROUTE}/{UNKNOWN}/{verb}", sample()), 404, "FLK-0250")
    expect(api.delete(f"{ROUTE}/{UNKNOWN}"), 404, "FLK-0250")
    expect(api.put(f"{ROUTE}/{UNKNOWN}", {}), 405, "FLK-0302")


@pytest.mark.skip_moto
def test_they_are_listed_page_by_page(api: Api) -> None:
    names = sorted(create(api, sample()) for _ in range(3))
    found, cursor = [], ""
    while True:
        query = f"?sortBy=name&sortOrder=asc&limit=2{f'&cursor={cursor}' if cursor else ''}"
        page = expect(api.get(f"{ROUTE}{query}"), 200)
        found += [each["id"] for each in page["items"]]
        cursor = page["nextCursor"]
        if not page["hasMore"]:
            break
    assert sorted(set(names) & set(found)) == names
    assert len(found) == len(set(found))


# --- in workflows -----------------------------------------------------------------------------------------------------


def workflow(provider_id: str, executor_id: str, **data: Any) -> dict[str, Any]:
    node = executor("score", provider_id, executorConfigId=executor_id, **data)
    del node["data"]["path"]
    return chain(trigger(), node)


def run(api: Api, workflow_id: str) -> dict[str, Any]:
    """The results of an execution."""
    headers = {"Idempotency-Key": unique(), "Prefer": "wait=20"}
    path = f"/v1/workflows/{workflow_id}/executions"
    started = expect(api.post(path, {"inputData": {"amount": 1500}}, headers=headers), 201)
    return api.results(started["executionId"])


def test_a_workflow_takes_it_into_use_and_calls_its_endpoint(api: Api, provider: Provider) -> None:
    path = f"/score/{unique()}"
    body = sample(provider.url, endpoints=[ENDPOINT, {"name": "own", "path": path, "method": "PUT"}])
    executor_id = create(api, body)
    provider_id = create_configuration(api, "http://127.0.0.1:1")
    workflow_id = activate(api, workflow(provider_id, executor_id, endpointName="own"))
    assert read(api, executor_id)["status"] == "active"
    assert run(api, workflow_id)["status"] == "completed"
    (call,) = provider.to(path)
    assert (call.method, call.headers["authorization"]) == ("PUT", "Bearer s3cr3t")
    assert turn(api, executor_id, "disable") == "disabled"
    failed = run(api, workflow_id)
    assert (failed["status"], failed["errorCode"]) == ("failed", "FLK-0504")
    assert "executor configuration is not active" in failed["errorMessage"]
    expect(api.delete(f"{ROUTE}/{executor_id}"), 204)
    assert "executor config not found" in run(api, workflow_id)["errorMessage"]


@pytest.mark.skip_moto
def test_a_workflow_must_refer_to_what_can_be_called(api: Api, provider: Provider) -> None:
    provider_id = create_configuration(api, provider.url)
    refused = expect(api.post("/v1/workflows", workflow(provider_id, UNKNOWN)), 400, "FLK-0150")
    assert list(refused["fields"]) == ["nodes[1].data.executorConfigId"]
    two = create(api, sample(endpoints=[ENDPOINT, {**ENDPOINT, "name": "other"}]))
    refused = expect(api.post("/v1/workflows", workflow(provider_id, two)), 400, "FLK-0201")
    assert list(refused["fields"]) == ["nodes[1].data.endpointName"]
    later = create(api, {"name": unique("executor")})
    draft = create_workflow(api, workflow(provider_id, later))
    refused = expect(api.post(f"/v1/workflows/{draft}/activate"), 400, "FLK-0150")
    assert list(refused["fields"]) == ["/nodes/1/data/executorConfigId"]

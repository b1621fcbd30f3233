"""A platform team and its tenant, from the tenant's account to the day it leaves: what the second face is for, in one story."""

from typing import Any

from tests import runs
from tests.accounts import Tenant, admin, create_account, log_in, refused
from tests.flow_samples import flow
from tests.provider import Provider
from tests.runs import ended, logs
from tests.samples import unique
from tests.servers import PASSWORD, Api, expect
from tests.sockets import refusal, socket, to_the_end, until
from tests.tenancy import signal

FLOWS, EXECUTIONS = "/api/v1/flows", "/api/v1/executions"


def screening(url: str, path: str) -> str:
    """Two checks side by side, a decision, and a way out for calls that fail; high amounts wait for a person."""

    def call(to: str, after: str) -> dict[str, Any]:
        headers = {"Authorization": "Bearer ${secrets.SCORES_TOKEN}"}
        params = {"url": f"{url}/{to}/{path}", "method": "POST", "body": "${input}", "headers": headers}
        return {"type": "http.request", "params": params, "next": {"default": after, "error": "postpone"}}

    def transform(script: str, **following: str) -> dict[str, Any]:
        return {"type": "transform", "params": {"script": script}, "next": following}

    worst = "Math.max(...input.map(each => each.body.score))"
    return flow(
        {
            "checks": {"type": "split", "next": {"amount": "amount", "limits": "limits", "default": "meet"}},
            "amount": {**call("score", "meet"), "next": {"default": "meet"}},
            "limits": {**call("score", "meet"), "next": {"default": "meet"}},
            "meet": {"type": "join", "next": {"default": "worst"}},
            "worst": transform(f"return {{ score: {worst}, desk: shared.desk }};", default="route"),
            "route": {
                "type": "condition",
                "params": {
                    "conditions": [
                        {"condition": "input.desk == 'closed'", "action": "closed"},
                        {"condition": "input.score >= 70", "action": "high"},
                    ],
                    "default_action": "low",
                },
                "next": {"high": "ask", "low": "book", "closed": "desk"},
            },
            "ask": {
                "type": "wait",
                "params": {"key": "decision", "timeout": "1h"},
                "next": {"default": "book"},
            },
            "desk": call("status/503", "book"),
            "book": {
                **call("echo", "done"),
                "params": {**call("echo", "")["params"], "body": "${secrets.SCORES_TOKEN}"},
            },
            "done": transform(
                "return { decision: 'booked', score: results.worst.score, said: input.raw_body };"
            ),
            "postpone": transform("return { decision: 'postponed', because: error.message };"),
        }
    )


def tokens(provider: Provider, path: str) -> set[str]:
    """What calls of this flow have brought as their token."""
    with provider.lock:
        return {call.headers["authorization"] for call in provider.calls if call.path.endswith(path)}


def test_a_tenant_screens_its_orders_and_leaves(target: str, provider: Provider) -> None:
    chief = admin(target)
    account = create_account(chief, name="Orders")
    tenant = log_in(target, account["email"])
    path, first, second = unique(), f"first-{unique()}", f"second-{unique()}"

    expect(tenant.api.post(f"{tenant.path}/secrets", {"key": "SCORES_TOKEN", "value": first}), 201)
    body = {"name": "Screening", "definition": screening(provider.url, path), "tags": ["orders"]}
    flow_id = expect(tenant.api.post(FLOWS, body), 201)["id"]

    started = run_once(tenant, flow_id, {"amount": 1500}, unique())
    watched(target, tenant, started)
    small = ended(tenant.api, started)
    assert small["result"] == {"decision": "booked", "score": 15, "said": "***"}
    assert tokens(provider, path) == {f"Bearer {first}"}

    postponed = ended(tenant.api, runs.start(tenant.api, flow_id, {"amount": 1, "desk": "closed"}))
    assert postponed["result"]["decision"] == "postponed"
    assert "503" in postponed["result"]["because"]
    levels = [entry["level"] for entry in logs(tenant.api, postponed["id"], limit=100)["logs"]]
    assert levels.count("error") == 1
    assert levels[-1] == "info"

    large = runs.start(tenant.api, flow_id, {"amount": 9900})
    with socket(target, tenant, large) as client:
        until(client, "execution_update", node_id="ask")
        renewed = expect(
            tenant.api.post(f"{tenant.path}/secrets", {"key": "SCORES_TOKEN", "value": second}), 200
        )
        assert renewed["updated_at"] >= renewed["created_at"]
        signal(tenant, large, {"by": "Ann"}, "decision")
        told, code = to_the_end(client)
    assert (told[-1]["type"], code) == ("execution_completed", 1000)
    assert told[-1]["result"] == {"decision": "booked", "score": 99, "said": "***"}
    assert tokens(provider, path) == {f"Bearer {first}", f"Bearer {second}"}
    everything = str([logs(tenant.api, each, limit=100) for each in (small["id"], large)]) + str(told)
    assert first not in everything
    assert second not in everything

    expect(tenant.api.delete(f"{FLOWS}/{flow_id}"), 200)
    refused(tenant.api.post(f"{FLOWS}/{flow_id}/run", {}), 404, "not_found")
    assert runs.get(tenant.api, small["id"]) == small
    assert expect(tenant.api.get(f"{EXECUTIONS}?flow_id={flow_id}"), 200)["total"] == 3

    left(target, chief, tenant, small["id"])
    chief.api.close()


def run_once(tenant: Tenant, flow_id: str, data: dict[str, Any], key: str) -> str:
    """The id of the one run that a repeated request starts."""
    headers, path = {"Idempotency-Key": key}, f"{FLOWS}/{flow_id}/run"
    first = expect(tenant.api.post(path, {"input": data}, headers=headers), 201)
    again = expect(tenant.api.post(path, {"input": data}, headers=headers), 200)
    assert again["execution_id"] == first["execution_id"]
    return str(first["execution_id"])


def watched(url: str, tenant: Tenant, run_id: str) -> None:
    """What the socket tells is complete, in order, and what the log says."""
    with socket(url, tenant, run_id) as client:
        told, code = to_the_end(client)
    assert ([each["sequence"] for each in told], code) == ([*range(1, len(told) + 1)], 1000)
    completed = [each["node_id"] for each in told if each["type"] == "node_completed"]
    assert sorted(completed[:3]) == ["amount", "checks", "limits"]
    assert completed[3:] == ["meet", "worst", "route", "book", "done"]
    lines = [each["message"] for each in told if each["type"] == "log"]
    assert lines == [entry["message"] for entry in logs(tenant.api, run_id, limit=100)["logs"]]


def left(url: str, chief: Tenant, tenant: Tenant, old_run: str) -> None:
    """Nothing is left of an account that an admin deletes: no socket, no token, no login, no name."""
    waits = {"rest": {"type": "wait", "params": {"key": "never", "timeout": "1h"}}}
    waiting = runs.start(tenant.api, runs.create_flow(tenant, flow(waits)))
    with socket(url, tenant, waiting) as client:
        until(client, "execution_update", node_id="rest")
        expect(chief.api.delete(tenant.path), 200)
        to_the_end(client)
    for call in (tenant.path, FLOWS, f"{EXECUTIONS}/{old_run}", f"{EXECUTIONS}/{waiting}/logs"):
        refused(tenant.api.get(call), 401, "unauthorized")
    assert refusal(url, tenant, old_run) == 401
    nobody = Api(url, None)
    credentials = {"username": tenant.email, "password": PASSWORD}
    refused(nobody.post("/api/v1/auth/login", credentials), 401, "unauthorized")
    nobody.close()
    refused(chief.api.get(tenant.path), 404, "not_found")
    refused(chief.api.get(f"{tenant.path}/secrets"), 404, "not_found")
    refused(chief.api.get(f"{EXECUTIONS}/{old_run}"), 404, "not_found")
    tenant.api.close()

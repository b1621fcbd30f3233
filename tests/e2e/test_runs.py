"""Runs of flows over HTTP (FlowRunner spec a.3 #9-#13, h)."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests import runs
from tests.accounts import Tenant, admin, new_tenant, refused
from tests.flow_samples import HELLO, chain, flow
from tests.provider import Provider
from tests.samples import unique
from tests.servers import expect


@pytest.fixture
def owner(target: str) -> Iterator[Tenant]:
    by = admin(target)
    tenant = new_tenant(target, by)
    yield tenant
    tenant.api.close()
    by.api.close()


@pytest.fixture
def stranger(target: str) -> Iterator[Tenant]:
    by = admin(target)
    tenant = new_tenant(target, by)
    yield tenant
    tenant.api.close()
    by.api.close()


WAITING = flow(
    {
        "wait": {"type": "wait", "params": {"key": "go", "timeout": "10m"}, "next": {"default": "end"}},
        "end": {"type": "transform", "params": {"script": "return {got: input.value};"}},
    }
)


def awaiting(owner: Tenant, run_id: str) -> None:
    """Signal the run as soon as it is seen to wait: that is never too early."""
    deadline = time.monotonic() + 30
    while owner.api.get(f"/api/v1/executions/{run_id}").json().get("current_node") != "wait":
        assert time.monotonic() < deadline, "the run does not wait"
        time.sleep(0.02)
    expect(owner.api.post(f"/api/v1/executions/{run_id}/signals/go", {"value": 7}), 200)


def test_a_run_has_its_input_its_result_and_its_times(owner: Tenant) -> None:
    flow_id = runs.create_flow(owner, HELLO)
    answer = owner.api.post(f"/api/v1/flows/{flow_id}/run", {"input": {"name": "Ann"}})
    started = expect(answer, 201)
    assert set(started) == {"execution_id", "flow_id", "status", "created_at"}
    assert started["status"] == "running"
    assert re.fullmatch(r"exec-[0-9a-f-]{36}", started["execution_id"])
    assert answer.headers["Location"] == f"/api/v1/executions/{started['execution_id']}"
    run = runs.ended(owner.api, started["execution_id"])
    assert run["status"] == "completed"
    assert run["input"] == {"name": "Ann"}
    assert run["result"] == {"hello": "Ann"}
    assert run["flow_id"] == flow_id
    assert run["started_at"] == started["created_at"]
    took = datetime.fromisoformat(run["completed_at"]) - datetime.fromisoformat(run["started_at"])
    assert run["duration"] == round(took.total_seconds() * 1000)
    assert "error" not in run


def test_the_log_tells_the_story_of_the_seed(owner: Tenant, provider: Provider) -> None:
    url = f"{provider.url}/status/200/{unique()}"
    nodes = {
        "start": {"type": "http.request", "params": {"url": url}, "next": {"default": "end"}},
        "end": {"type": "webhook", "params": {"url": url, "method": "POST"}},
    }
    run = runs.run(owner, flow(nodes))
    assert run["status"] == "completed", run
    told = runs.logs(owner.api, run["id"], level="info", limit=50)
    assert told["total"] == len(told["logs"])
    messages = [(entry["message"], entry["node_id"], entry["node_type"]) for entry in told["logs"]]
    assert messages[0] == ("Execution started", "start", "http.request")
    assert messages[1] == ("HTTP request successful", "start", "http.request")
    assert told["logs"][1]["data"] == {"status_code": 200, "url": url}
    assert messages[-1] == ("Execution completed", "end", "webhook")
    assert "data" not in told["logs"][0]
    everything = runs.logs(owner.api, run["id"])
    assert everything["limit"] == 10
    assert everything["total"] > told["total"]
    times = [entry["timestamp"] for entry in everything["logs"]]
    assert times == sorted(times)
    page = runs.logs(owner.api, run["id"], limit=2, offset=1)
    assert page["logs"] == everything["logs"][1:3]
    refused(owner.api.get(f"/api/v1/executions/{run['id']}/logs?level=fatal"), 400, "invalid_request")


@pytest.mark.skip_moto
def test_a_failed_run_says_why(owner: Tenant, provider: Provider) -> None:
    nodes = {"start": {"type": "http.request", "params": {"url": f"{provider.url}/status/500/{unique()}"}}}
    run = runs.run(owner, flow(nodes))
    assert run["status"] == "failed"
    assert run["error"] == "HTTP request failed with status 500"
    assert run["result"] is None
    assert run["error_details"] == {
        "node_id": "start",
        "node_type": "http.request",
        "type": "server_error",
        "attempts": 1,
    }
    (row,) = expect(owner.api.get("/api/v1/executions?status=failed"), 200)["executions"]
    assert row["error"] == run["error"]
    assert set(row) == {"id", "flow_id", "status", "started_at", "completed_at", "duration", "error"}


def test_a_run_can_be_cancelled_once_while_it_waits(owner: Tenant) -> None:
    run_id = runs.start(owner.api, runs.create_flow(owner, WAITING))
    path = f"/api/v1/executions/{run_id}"
    answer = owner.api.delete(path)
    while answer.status_code == 503:  # the emulated orchestrator has not begun yet
        answer = owner.api.delete(path)
    assert expect(answer, 200) == {"message": "Execution cancelled successfully"}
    refused(owner.api.delete(path), 409, "conflict")
    run = runs.get(owner.api, run_id)
    assert (run["status"], run["result"]) == ("cancelled", None)
    assert isinstance(run["duration"], int)
    (row,) = expect(owner.api.get("/api/v1/executions?status=canceled"), 200)["executions"]
    assert row["id"] == run_id
    told = runs.logs(owner.api, run_id, level="info")["logs"]
    assert told[-1]["message"] == "Execution cancelled"
    time.sleep(1)
    assert runs.get(owner.api, run_id) == run


def test_a_signal_resumes_a_waiting_run(owner: Tenant) -> None:
    run_id = runs.start(owner.api, runs.create_flow(owner, WAITING))
    awaiting(owner, run_id)
    assert runs.ended(owner.api, run_id)["result"] == {"got": 7}
    refused(owner.api.post(f"/api/v1/executions/{run_id}/signals/go", {"value": 8}), 409, "conflict")


@pytest.mark.parametrize("key", ["other", "k" * 5000], ids=["other", "long"])
def test_a_signal_that_no_node_waits_for_is_refused(owner: Tenant, key: str) -> None:
    run_id = runs.start(owner.api, runs.create_flow(owner, WAITING))
    refused(owner.api.post(f"/api/v1/executions/{run_id}/signals/{key}", {}), 409, "conflict")


def test_branches_and_batches_end_together(owner: Tenant) -> None:
    nodes = {
        "fork": {"type": "split", "next": {"a": "left", "b": "right", "default": "both"}},
        "left": {
            "type": "transform",
            "batch": {"strategy": "parallel", "items": "${input.numbers}"},
            "params": {"script": "return item * 2;"},
            "next": {"default": "both"},
        },
        "right": {"type": "transform", "params": {"script": "return 'r';"}, "next": {"default": "both"}},
        "both": {"type": "join"},
    }
    run = runs.run(owner, flow(nodes), {"numbers": [1, 2, 3]})
    assert run["result"] == {"result": [[2, 4, 6], "r"]}


@pytest.mark.skip_moto
def test_a_flow_waits_for_another_flow(owner: Tenant) -> None:
    inner = runs.create_flow(owner, HELLO)
    nodes = {"sub": {"type": "flow", "params": {"flow_id": inner, "input": {"name": "${input.who}"}}}}
    run = runs.run(owner, flow(nodes), {"who": "Bo"})
    assert run["result"] == {"hello": "Bo"}
    rows = expect(owner.api.get(f"/api/v1/executions?flow_id={inner}"), 200)["executions"]
    assert runs.get(owner.api, rows[0]["id"])["parent_execution_id"] == run["id"]


@pytest.mark.skip_moto
def test_cancelling_cascades_to_the_runs_inside(owner: Tenant) -> None:
    inner = runs.create_flow(owner, WAITING)
    run_id = runs.start(
        owner.api, runs.create_flow(owner, flow({"sub": {"type": "flow", "params": {"flow_id": inner}}}))
    )
    deadline = time.monotonic() + 20
    rows: list[dict[str, Any]] = []
    while not rows and time.monotonic() < deadline:
        rows = expect(owner.api.get(f"/api/v1/executions?flow_id={inner}"), 200)["executions"]
    expect(owner.api.delete(f"/api/v1/executions/{run_id}"), 200)
    assert runs.get(owner.api, rows[0]["id"])["status"] == "cancelled"


@pytest.mark.skip_moto
def test_secrets_do_not_show_anywhere(owner: Tenant, provider: Provider) -> None:
    secret = f"hush-{unique()}"
    expect(owner.api.post(f"{owner.path}/secrets", {"key": "TOKEN", "value": secret}), 201)
    url = f"{provider.url}/echo/{unique()}"
    nodes = {
        "call": {
            "type": "http.request",
            "params": {
                "url": f"{url}?t=${{secrets.TOKEN}}",
                "method": "POST",
                "body": {"token": "${secrets.TOKEN}"},
            },
            "next": {"default": "tell"},
        },
        "tell": {"type": "transform", "params": {"script": "console.log(secrets.TOKEN); return input;"}},
    }
    run = runs.run(owner, flow(nodes))
    assert secret in str([call.raw for call in provider.calls])
    assert secret not in str(run)
    assert "***" in str(run)
    assert secret not in str(runs.logs(owner.api, run["id"], limit=100))


@pytest.mark.skip_moto
def test_repeating_a_request_with_its_key_starts_nothing_new(owner: Tenant, stranger: Tenant) -> None:
    flow_id, key = runs.create_flow(owner, HELLO), unique()
    path, headers = f"/api/v1/flows/{flow_id}/run", {"Idempotency-Key": key}
    first = expect(owner.api.post(path, {"input": {"name": "A"}}, headers=headers), 201)
    again = expect(owner.api.post(path, {"input": {"name": "A"}}, headers=headers), 200)
    assert again["execution_id"] == first["execution_id"]
    refused(owner.api.post(path, {"input": {"name": "B"}}, headers=headers), 409, "conflict")
    expect(owner.api.delete(f"/api/v1/flows/{flow_id}"), 200)
    assert expect(owner.api.post(path, {"input": {"name": "A"}}, headers=headers), 200)["execution_id"]
    refused(owner.api.post(path, {"input": {"name": "A"}}), 404, "not_found")
    other = runs.create_flow(stranger, HELLO)
    mine = runs.start(stranger.api, other, {"name": "A"}, **headers)
    assert mine != first["execution_id"]


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    "body", [{"input": []}, {"input": "x"}, {"input": None}, {"input": {"x": "y" * 262_144}}]
)
def test_an_input_must_be_an_object_of_some_size(owner: Tenant, body: dict[str, Any]) -> None:
    flow_id = runs.create_flow(owner, HELLO)
    error = refused(owner.api.post(f"/api/v1/flows/{flow_id}/run", body), 400, "invalid_request")
    assert error["details"]["field"] == "input"


@pytest.mark.skip_moto
def test_no_body_means_no_input(owner: Tenant) -> None:
    answer = owner.api.post(f"/api/v1/flows/{runs.create_flow(owner, HELLO)}/run")
    assert runs.ended(owner.api, expect(answer, 201)["execution_id"])["input"] == {}


@pytest.mark.skip_moto
def test_lists_are_filtered_paged_and_counted(owner: Tenant) -> None:
    flow_id, other = runs.create_flow(owner, HELLO), runs.create_flow(owner, chain("a"))
    ids = [runs.start(owner.api, flow_id, {"name": str(number)}) for number in range(3)]
    runs.start(owner.api, other, {})
    for run_id in ids:
        runs.ended(owner.api, run_id)
    page = expect(owner.api.get(f"/api/v1/executions?flow_id={flow_id}&limit=2"), 200)
    assert [row["id"] for row in page["executions"]] == [ids[2], ids[1]]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 0)
    page = expect(owner.api.get(f"/api/v1/executions?flow_id={flow_id}&limit=2&offset=2"), 200)
    assert [row["id"] for row in page["executions"]] == [ids[0]]
    assert expect(owner.api.get("/api/v1/executions"), 200)["total"] == 4
    assert expect(owner.api.get(f"/api/v1/executions?flow_id={flow_id}&status=failed"), 200)["total"] == 0
    assert expect(owner.api.get("/api/v1/executions?limit=1000"), 200)["limit"] == 100
    for query in ("status=unknown", "limit=0", "limit=x", "offset=-1", "offset=10001"):
        refused(owner.api.get(f"/api/v1/executions?{query}"), 400, "invalid_request")


@pytest.mark.skip_moto
def test_a_run_of_somebody_else_does_not_exist(owner: Tenant, stranger: Tenant) -> None:
    flow_id = runs.create_flow(owner, HELLO)
    run_id = runs.start(owner.api, flow_id, {"name": "A"})
    calls: list[Callable[[str, str], Any]] = [
        lambda flow, run: stranger.api.post(f"/api/v1/flows/{flow}/run", {}),
        lambda flow, run: stranger.api.get(f"/api/v1/executions/{run}"),
        lambda flow, run: stranger.api.delete(f"/api/v1/executions/{run}"),
        lambda flow, run: stranger.api.get(f"/api/v1/executions/{run}/logs"),
        lambda flow, run: stranger.api.post(f"/api/v1/executions/{run}/signals/go", {}),
    ]
    for call in calls:
        foreign, unknown = call(flow_id, run_id), call("flow-none", "exec-none")
        assert foreign.status_code == unknown.status_code == 404
        errors = [answer.json()["error"] for answer in (foreign, unknown)]
        assert [error["code"] for error in errors] == ["not_found"] * 2
        assert errors[0]["message"].replace(flow_id, "flow-none") == errors[1]["message"]
    assert expect(stranger.api.get("/api/v1/executions"), 200)["total"] == 0
    assert expect(stranger.api.get(f"/api/v1/executions?flow_id={flow_id}"), 200)["total"] == 0


@pytest.mark.skip_moto
def test_runs_are_no_executions_of_workflows(owner: Tenant, api: Any) -> None:
    before = expect(api.get("/v1/dashboards/executions"), 200)
    run_id = runs.run(owner, HELLO, {"name": "A"})["id"]
    assert expect(api.get("/v1/dashboards/executions"), 200) == before
    listed = expect(api.get("/v1/executions?limit=100"), 200)["items"]
    assert run_id not in [row["executionId"] for row in listed]


@pytest.mark.skip_moto
def test_prefer_waits_for_the_end(owner: Tenant) -> None:
    flow_id = runs.create_flow(owner, HELLO)
    answer = owner.api.post(
        f"/api/v1/flows/{flow_id}/run", {"input": {"name": "A"}}, headers={"Prefer": "wait=20"}
    )
    assert expect(answer, 201)["status"] == "completed"
    assert answer.headers["Preference-Applied"] == "wait=20"
    path = f"/api/v1/executions/{answer.json()['execution_id']}"
    for wait in ("26", "9" * 40):
        shown = owner.api.get(path, headers={"Prefer": f"wait={wait}"})
        assert shown.headers["Preference-Applied"] == "wait=25"

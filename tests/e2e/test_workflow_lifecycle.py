"""draft → active → inactive → draft, and what is refused where (Flowker spec c.1)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.samples import create_workflow, edge, execute, set_output, trigger, unique
from tests.servers import Api, expect


def routed(path: str, **trigger_data: Any) -> dict[str, Any]:
    """A workflow without executors that a webhook starts."""
    return {
        "name": unique(),
        "nodes": [trigger(path=path, method="POST", **trigger_data), set_output("end", done=True)],
        "edges": [edge("start", "end")],
    }


WAY = {"draft": (), "active": ("activate",), "inactive": ("activate", "deactivate")}
"""How a draft gets into each state."""


def bring(api: Api, workflow_id: str, state: str) -> dict[str, Any]:
    """The workflow in this state."""
    for verb in WAY[state]:
        expect(api.post(f"/v1/workflows/{workflow_id}/{verb}"), 200)
    found = expect(api.get(f"/v1/workflows/{workflow_id}"), 200)
    assert found["status"] == state
    return found


TRANSITIONS: list[tuple[str, str, int, str]] = [
    ("draft", "activate", 200, "active"),
    ("draft", "deactivate", 422, "FLK-0102"),
    ("draft", "draft", 422, "FLK-0102"),
    ("active", "activate", 422, "FLK-0102"),
    ("active", "deactivate", 200, "inactive"),
    ("active", "draft", 422, "FLK-0102"),
    ("inactive", "activate", 422, "FLK-0102"),
    ("inactive", "deactivate", 422, "FLK-0102"),
    ("inactive", "draft", 200, "draft"),
]


@pytest.mark.parametrize(("state", "verb", "status", "result"), TRANSITIONS)
def test_a_transition_is_answered_with_the_whole_workflow_or_refused(
    api: Api, state: str, verb: str, status: int, result: str
) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    before = bring(api, workflow_id, state)
    time.sleep(0.002)
    answer = api.post(f"/v1/workflows/{workflow_id}/{verb}")
    after = expect(api.get(f"/v1/workflows/{workflow_id}"), 200)
    if status == 200:
        shown = expect(answer, 200)
        assert shown == after
        same = {name: value for name, value in after.items() if name != "engine"}
        assert ("engine" in before, "engine" in after) == (state == "active", result == "active")
        before.pop("engine", None)
        assert {**same, "status": state, "updatedAt": before["updatedAt"]} == before
        assert (after["status"], after["updatedAt"] > before["updatedAt"]) == (result, True)
    else:
        expect(answer, status, result)
        assert after == before


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("draft", 200, None), ("active", 422, "FLK-0103"), ("inactive", 422, "FLK-0103")],
)
def test_only_drafts_can_be_changed(api: Api, state: str, status: int, code: str | None) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    before = bring(api, workflow_id, state)
    expect(api.put(f"/v1/workflows/{workflow_id}", {"name": unique()}), status, code)
    after = expect(api.get(f"/v1/workflows/{workflow_id}"), 200)
    assert (after == before) is (status != 200)


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("draft", 204, None), ("active", 422, "FLK-0103"), ("inactive", 204, None)],
)
def test_all_but_active_workflows_can_be_deleted(api: Api, state: str, status: int, code: str | None) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    bring(api, workflow_id, state)
    expect(api.delete(f"/v1/workflows/{workflow_id}"), status, code)
    expect(api.get(f"/v1/workflows/{workflow_id}"), 404 if status == 204 else 200)


@pytest.mark.parametrize("state", WAY)
def test_a_clone_of_any_state_is_a_draft(api: Api, state: str) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    bring(api, workflow_id, state)
    created = expect(api.post(f"/v1/workflows/{workflow_id}/clone", {"name": unique()}), 201)
    assert created["status"] == "draft"


@pytest.mark.parametrize("state", WAY)
def test_only_active_workflows_can_be_started(api: Api, state: str) -> None:
    path = unique()
    workflow_id = create_workflow(api, routed(path))
    bring(api, workflow_id, state)
    headers = {"Idempotency-Key": unique(), "Prefer": "wait=20"}
    started = api.post(f"/v1/workflows/{workflow_id}/executions", {"inputData": {}}, headers=headers)
    delivered = api.post(f"/v1/webhooks/{path}", {}, headers={"Prefer": "wait=20"})
    if state == "active":
        assert expect(started, 201)["workflowId"] == expect(delivered, 201)["workflowId"] == workflow_id
    else:
        expect(started, 422, "FLK-0501")
        expect(delivered, 404, "FLK-0361")


def test_executions_of_a_deleted_workflow_remain_readable(api: Api) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    bring(api, workflow_id, "active")
    execution_id = execute(api, workflow_id, {})
    assert api.results(execution_id)["status"] == "completed"
    expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    expect(api.delete(f"/v1/workflows/{workflow_id}"), 204)
    assert expect(api.get(f"/v1/executions/{execution_id}"), 200)["workflowId"] == workflow_id


def test_a_workflow_can_go_round_and_round_and_runs_what_it_is_now(api: Api) -> None:
    path = unique()
    document = routed(path)
    workflow_id = create_workflow(api, document)
    for turn in range(2):
        document["nodes"][1] = set_output("end", turn=turn)
        expect(api.put(f"/v1/workflows/{workflow_id}", document), 200)
        expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
        started = expect(api.post(f"/v1/webhooks/{path}", {}, headers={"Prefer": "wait=20"}), 201)
        assert api.results(started["executionId"])["finalOutput"] == {"turn": turn}
        expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
        expect(api.post(f"/v1/webhooks/{path}", {}), 404, "FLK-0361")
        expect(api.post(f"/v1/workflows/{workflow_id}/draft"), 200)


def test_a_webhook_route_belongs_to_one_active_workflow(api: Api) -> None:
    path = unique()
    first, second = (create_workflow(api, routed(each)) for each in (path, f"/{path}/"))
    bring(api, first, "active")
    expect(api.post(f"/v1/workflows/{second}/activate"), 409, "FLK-0360")
    bring(api, second, "draft")
    expect(api.post(f"/v1/workflows/{first}/deactivate"), 200)
    bring(api, second, "active")
    assert expect(api.post(f"/v1/webhooks/{path}", {}), 201)["workflowId"] == second


def test_one_workflow_cannot_claim_a_route_twice(api: Api) -> None:
    path = unique()
    document = routed(path)
    document["nodes"].append(trigger("again", path=path, method="POST"))
    workflow_id = create_workflow(api, document)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 409, "FLK-0360")
    expect(api.post(f"/v1/webhooks/{path}", {}), 404, "FLK-0361")


def at_once(api: Api, calls: list[Callable[[Api], httpx.Response]]) -> list[httpx.Response]:
    """The answers to calls that clients of their own make at the same time."""
    url, key = str(api.http.base_url), api.http.headers["X-API-Key"]
    barrier = threading.Barrier(len(calls))

    def make(call: Callable[[Api], httpx.Response]) -> httpx.Response:
        with closing(Api(url, key)) as client:
            client.get("/health/live")  # connected before the race begins
            barrier.wait()
            return call(client)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(make, calls))


def posting(path: str) -> Callable[[Api], httpx.Response]:
    return lambda client: client.post(path)


def test_of_two_activations_for_one_route_the_loser_stays_a_draft_with_nothing_registered(api: Api) -> None:
    for _ in range(3):
        path, own = unique(), unique()
        documents = [routed(path), routed(path)]
        documents[1]["nodes"].append(trigger("own", path=own, method="POST"))
        documents[0]["nodes"].append(trigger("own", path=own, method="PUT"))
        ids = [create_workflow(api, document) for document in documents]
        answers = at_once(api, [posting(f"/v1/workflows/{each}/activate") for each in ids])
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        winner = [answer.status_code for answer in answers].index(200)
        loser = 1 - winner
        expect(answers[loser], 409, "FLK-0360")
        bring(api, ids[loser], "draft")
        assert expect(api.post(f"/v1/webhooks/{path}", {}), 201)["workflowId"] == ids[winner]
        method = ("PUT", "POST")[loser]
        expect(api.request(method, f"/v1/webhooks/{own}"), 404, "FLK-0361")
        expect(api.post(f"/v1/workflows/{ids[winner]}/deactivate"), 200)
        bring(api, ids[loser], "active")


def test_of_many_activations_of_one_workflow_one_succeeds(api: Api) -> None:
    workflow_id = create_workflow(api, routed(unique()))
    answers = at_once(api, [posting(f"/v1/workflows/{workflow_id}/activate")] * 4)
    assert [answer.status_code for answer in answers].count(200) == 1
    refused = [answer for answer in answers if answer.status_code != 200]
    # Whoever read the draft in time loses the race; whoever came later finds it active.
    assert {answer.json()["code"] for answer in refused} <= {"FLK-0350", "FLK-0102"}
    assert expect(api.get(f"/v1/workflows/{workflow_id}"), 200)["status"] == "active"


def test_no_update_is_lost_without_notice(api: Api) -> None:
    """Metadata is merged, so what every accepted update wrote must be there."""
    name = unique()
    workflow_id = create_workflow(api, {"name": name})

    def update(number: int) -> Callable[[Api], httpx.Response]:
        body = {"name": name, "metadata": {f"key-{number}": number}}
        return lambda client: client.put(f"/v1/workflows/{workflow_id}", body)

    answers = at_once(api, [update(number) for number in range(6)])
    for answer in answers:
        expect(answer, answer.status_code, None if answer.status_code == 200 else "FLK-0350")
    accepted = {f"key-{number}" for number, answer in enumerate(answers) if answer.status_code == 200}
    assert accepted
    assert expect(api.get(f"/v1/workflows/{workflow_id}"), 200)["metadata"].keys() == accepted


def test_one_of_many_workflows_of_the_same_name_is_created(api: Api) -> None:
    name = unique()
    answers = at_once(api, [lambda client: client.post("/v1/workflows", {"name": name})] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "FLK-0101"}

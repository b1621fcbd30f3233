"""Every significant action is in the audit trail, of success and of failure, with who did it (Flowker spec j.2)."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from flowker.model.audit import NOTHING
from tests.accounts import admin
from tests.flow_samples import HELLO
from tests.provider import Provider
from tests.runs import create_flow, start
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    execute,
    executor,
    payment_validation,
    trigger,
    unique,
)
from tests.servers import Api, expect

WORKFLOW_LIFE = [
    "WORKFLOW_CREATED",
    "WORKFLOW_UPDATED",
    "WORKFLOW_ACTIVATED",
    "WORKFLOW_DEACTIVATED",
    "WORKFLOW_DRAFTED",
    "WORKFLOW_DELETED",
]
Event = dict[str, Any]


def search(api: Api, **query: object) -> list[Event]:
    """All events that match, oldest first."""
    found: list[Event] = []
    cursor = ""
    while True:
        parameters: dict[str, Any] = {"limit": 100, **query}
        page = expect(
            api.get(
                "/v1/audit-events",
                params=parameters | ({"cursor": cursor} if cursor else {"sortOrder": "ASC"}),
            ),
            200,
        )
        found += page["items"]
        cursor = page["nextCursor"]
        if not cursor:
            return found


def about(api: Api, resource_id: str, count: int, **query: object) -> list[Event]:
    """So many events about one thing: they are chained a moment after they happened."""
    deadline = time.monotonic() + 20
    while len(found := search(api, resourceId=resource_id, **query)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert len(found) == count, found
    return found


def types(found: list[Event]) -> list[str]:
    return [event["eventType"] for event in found]


def by_me(event: Event) -> bool:
    """Done with the API key of these tests, from this machine."""
    return bool(event["actor"] == {"type": "api_key", "id": "cli", "ipAddress": "127.0.0.1"})


def valid(api: Api, event: Event) -> None:
    verdict = expect(api.get(f"/v1/audit-events/{event['eventId']}/verify"), 200)
    assert verdict["isValid"] is True, verdict
    assert verdict["totalChecked"] == event["sequence"]


# --- what succeeds ---------------------------------------------------------------------------------------------------


def test_the_life_of_a_workflow_is_recorded(api: Api) -> None:
    document = chain(trigger())
    workflow_id = create_workflow(api, document)
    path = f"/v1/workflows/{workflow_id}"
    renamed = {**document, "name": unique("renamed")}
    expect(api.put(path, renamed), 200)
    for verb in ("activate", "deactivate", "draft"):
        expect(api.post(f"{path}/{verb}"), 200)
    expect(api.delete(path), 204)
    found = about(api, workflow_id, 6)
    assert types(found) == WORKFLOW_LIFE
    assert [event["action"] for event in found] == [
        "CREATE",
        "UPDATE",
        "ACTIVATE",
        "DEACTIVATE",
        "DRAFT",
        "DELETE",
    ]
    assert [event["metadata"]["workflow.name"] for event in found] == [document["name"]] + [
        renamed["name"]
    ] * 5
    assert found[-1]["metadata"]["workflow.id"] == workflow_id
    for event in found:
        assert (event["result"], event["resourceType"]) == ("SUCCESS", "workflow")
        assert by_me(event)
        assert expect(api.get(f"/v1/audit-events/{event['eventId']}"), 200) == event
    assert [event["timestamp"] for event in found] == sorted(event["timestamp"] for event in found)
    valid(api, found[-1])


def test_a_clone_says_what_it_was_cloned_from(api: Api) -> None:
    source = create_workflow(api, chain(trigger()))
    clone = expect(api.post(f"/v1/workflows/{source}/clone", {"name": unique("clone")}), 201)["workflowId"]
    (event,) = about(api, clone, 1)
    assert event["eventType"] == "WORKFLOW_CREATED"
    assert event["metadata"]["clonedFrom"] == source


def test_the_life_of_a_provider_configuration_is_recorded(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url, api_key="hunter2-hunter2")
    path = f"/v1/provider-configurations/{configuration_id}"
    expect(api.patch(path, {"description": "changed"}), 200)
    expect(api.post(f"{path}/disable"), 200)
    expect(api.post(f"{path}/enable"), 200)
    expect(api.post(f"{path}/test"), 200)
    expect(api.delete(path), 204)
    found = about(api, configuration_id, 6)
    kinds = ["CREATED", "UPDATED", "UPDATED", "UPDATED", "TESTED", "DELETED"]
    assert types(found) == [f"PROVIDER_CONFIG_{kind}" for kind in kinds]
    assert [event["metadata"].get("status") for event in found[2:4]] == ["disabled", "active"]
    assert found[0]["metadata"]["provider_config.provider_id"] == "http"
    assert all(by_me(event) and event["resourceType"] == "provider_config" for event in found)
    assert "hunter2" not in str(found)
    valid(api, found[-1])


def test_an_execution_is_recorded_from_its_start_over_its_calls_to_its_end(
    api: Api, provider: Provider
) -> None:
    configuration = create_configuration(api, provider.url)
    workflow_id = activate(api, payment_validation(configuration, unique("path")))
    execution_id = execute(api, workflow_id, {"amount": 1500})
    api.results(execution_id)
    started, called, answered, completed = about(api, execution_id, 4)
    assert types([started, called, answered, completed]) == [
        "EXECUTION_STARTED", "PROVIDER_CALL_STARTED", "PROVIDER_CALL_COMPLETED", "EXECUTION_COMPLETED",
    ]  # fmt: skip
    assert by_me(started)
    assert started["metadata"] == completed["metadata"] == {"workflow.id": workflow_id}
    for event in (called, answered, completed):
        assert event["actor"] == {"type": "system", "id": "flowker", "ipAddress": "0.0.0.0"}
        assert (event["action"], event["resourceType"], event["result"]) == (
            "EXECUTE",
            "execution",
            "SUCCESS",
        )
    call = {
        "node.id": "check-fraud",
        "executor.id": "http",
        "provider_config.id": configuration,
        "attempt": 1,
    }
    assert called["metadata"] == call
    assert answered["metadata"] | call | {"statusCode": 200} == answered["metadata"]
    assert answered["metadata"]["durationMs"] >= 0
    valid(api, completed)


def test_a_webhook_starts_an_execution_in_the_name_of_its_sender(api: Api, provider: Provider) -> None:
    path = unique("path")
    workflow_id = activate(api, payment_validation(create_configuration(api, provider.url), path))
    request = {"X-Request-ID": unique("request")}
    answer = api.post(f"/v1/webhooks/{path}", {"amount": 1}, headers=request)
    execution_id = expect(answer, 201)["executionId"]
    started = about(api, execution_id, 1, eventType="EXECUTION_STARTED")[0]
    assert by_me(started)
    assert started["metadata"] == {"workflow.id": workflow_id}
    assert started["context"] == {"request.id": request["X-Request-ID"]}


# --- what fails ------------------------------------------------------------------------------------------------------


def test_an_execution_that_fails_is_recorded_with_every_attempt(api: Api, provider: Provider) -> None:
    configuration = create_configuration(api, provider.url)
    workflow_id = activate(api, chain(trigger(), executor("call", configuration, path="/status/404")))
    execution_id = execute(api, workflow_id, {})
    assert api.results(execution_id)["status"] == "failed"
    found = about(api, execution_id, 4)
    assert types(found)[1:] == ["PROVIDER_CALL_STARTED", "PROVIDER_CALL_FAILED", "EXECUTION_FAILED"]
    assert [event["result"] for event in found] == ["SUCCESS", "SUCCESS", "FAILED", "FAILED"]
    assert found[2]["metadata"]["statusCode"] == 404
    assert found[3]["metadata"] == {"workflow.id": workflow_id, "error": "FLK-0504"}


def test_refused_changes_are_recorded_with_the_code_that_was_answered(api: Api) -> None:
    workflow_id = create_workflow(api, chain(trigger()))
    path = f"/v1/workflows/{workflow_id}"
    expect(api.post(f"{path}/deactivate"), 422, "FLK-0102")
    expect(api.put(path, {"name": ""}), 400, "FLK-0110")
    expect(api.post(f"{path}/clone", {"name": expect(api.get(path), 200)["name"]}), 409, "FLK-0101")
    failures = about(api, workflow_id, 3, result="FAILED")
    assert types(failures) == ["WORKFLOW_DEACTIVATED", "WORKFLOW_UPDATED", "WORKFLOW_CREATED"]
    assert [event["metadata"]["error"] for event in failures] == ["FLK-0102", "FLK-0110", "FLK-0101"]
    assert [event["metadata"]["http.status"] for event in failures] == [422, 400, 409]
    assert all(map(by_me, failures))


def test_what_belongs_to_an_account_is_found_by_its_id(api: Api, target: str) -> None:
    owner = admin(target)
    with closing(owner.api):
        flow_id = create_flow(owner, HELLO)
        run_id = start(owner.api, flow_id)
    assert types(about(api, flow_id, 1)) == ["FLOW_CREATED"]
    assert types(about(api, run_id, 1, eventType="EXECUTION_STARTED")) == ["EXECUTION_STARTED"]
    until(lambda: search(api, resourceId=owner.id, eventType="SESSION_CREATED"))


def test_what_never_came_to_exist_has_no_id(api: Api) -> None:
    workflow_id = create_workflow(api, chain(trigger()))
    request = {"Idempotency-Key": unique("key"), "X-Request-ID": unique("request")}
    refused = api.post(f"/v1/workflows/{workflow_id}/executions", {"inputData": {}}, headers=request)
    expect(refused, 422, "FLK-0501")

    def mine() -> list[Event]:
        found = search(api, resourceId=NOTHING, eventType="EXECUTION_STARTED", result="FAILED")
        return [event for event in found if event["context"]["request.id"] == request["X-Request-ID"]]

    (event,) = until(mine)
    assert event["metadata"]["workflow.id"] == workflow_id
    assert event["metadata"]["error"] == "FLK-0501"
    assert by_me(event)


def until(look: Callable[[], list[Event]]) -> list[Event]:
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


# --- the trail -------------------------------------------------------------------------------------------------------


def test_searching_by_parameters_that_are_none_is_refused(api: Api) -> None:
    for query, code in (
        (("eventType", "X"), "FLK-0601"),
        (("cursor", "x"), "FLK-0610"),
        (("dateTo", "x"), "FLK-0305"),
    ):
        expect(api.get("/v1/audit-events", params=dict([query])), 400, code)
    expect(api.get(f"/v1/audit-events/{uuid4()}"), 404, "FLK-0600")
    expect(api.get("/v1/audit-events/x/verify"), 400, "FLK-0002")


def test_an_auditor_takes_the_trail_away_and_proves_it(
    api: Api, target: str, api_key: str, tmp_path: Path
) -> None:
    workflow_id = create_workflow(api, chain(trigger()))
    (event,) = about(api, workflow_id, 1)
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    exported = flowker("export", "--url", target, "--output", first, key=api_key)
    assert exported.returncode == 0, exported.stderr
    proved = flowker("verify", first)
    assert proved.returncode == 0, proved.stdout
    assert event["hash"] in first.read_text()
    noted = proved.stdout.split()[-1]
    about(api, create_workflow(api, chain(trigger())), 1)
    exported = flowker(
        "export", "--url", target, "--after", noted.split(":")[0], "--output", second, key=api_key
    )
    assert exported.returncode == 0, exported.stderr
    proved = flowker("verify", first, second, "--checkpoint", noted)
    assert proved.returncode == 0, proved.stdout
    assert f"confirmed: {noted}" in proved.stdout


def flowker(verb: str, *arguments: object, key: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flowker_cli.main", "audit", verb, *map(str, arguments)]
    if key:
        command += ["--api-key", key]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skip_moto
def test_who_does_not_know_the_key_cannot_take_it(target: str, tmp_path: Path) -> None:
    exported = flowker("export", "--url", target, "--output", tmp_path / "new", key="wrong")
    assert exported.returncode == 2
    assert "UNAUTHORIZED: X-API-Key is missing or wrong" in exported.stderr
    assert list(tmp_path.iterdir()) == []

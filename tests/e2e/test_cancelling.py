"""Cancelling executions over HTTP (Flowker spec a.2 [R], c.4): an extension of the API."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    execute,
    executor,
    set_output,
    trigger,
    unique,
)
from tests.servers import Api, expect

CANCELLED = {
    "status": "failed",
    "errorMessage": "execution cancelled (FLK-0510)",
    "errorCode": "FLK-0510",
}


def cancel(api: Api, execution_id: str) -> Any:
    return api.post(f"/v1/executions/{execution_id}/cancel")


def calling(api: Api, provider: Provider, *paths: str) -> str:
    """An active workflow that calls these paths one after the other."""
    configuration = create_configuration(api, provider.url)
    calls = [executor(f"call-{number}", configuration, path=path) for number, path in enumerate(paths)]
    return activate(api, chain(trigger(), *calls))


def until_called(provider: Provider, path: str) -> None:
    deadline = time.monotonic() + 20
    while not provider.to(path):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_running_execution_is_cancelled_and_calls_nobody_any_more(api: Api, provider: Provider) -> None:
    tag = unique()
    workflow_id = calling(api, provider, f"/score/{tag}", f"/slow/2/{tag}", f"/after/{tag}")
    execution_id = execute(api, workflow_id, {"amount": 1500})
    until_called(provider, f"/slow/2/{tag}")
    answer = expect(cancel(api, execution_id), 200)
    assert answer | CANCELLED == answer
    assert (answer["currentStepNumber"], answer["totalSteps"]) == (1, 3)
    assert set(answer) - set(CANCELLED) == {
        "executionId", "workflowId", "currentStepNumber", "totalSteps", "startedAt", "completedAt",
    }  # fmt: skip
    time.sleep(2.5)  # now the provider has answered what was under way
    assert expect(api.get(f"/v1/executions/{execution_id}"), 200) == answer
    results = api.results(execution_id)
    assert results | CANCELLED == results
    assert [step["nodeId"] for step in results["stepResults"]] == ["call-0"]
    assert "finalOutput" not in results
    assert provider.to(f"/after/{tag}") == []
    expect(cancel(api, execution_id), 422, "FLK-0511")


def test_what_has_ended_cannot_be_cancelled(api: Api, provider: Provider) -> None:
    completed = execute(api, activate(api, chain(trigger(), set_output("end", done=True))), {})
    failed = execute(api, calling(api, provider, "/status/400"), {})
    for execution_id in (completed, failed):
        before = api.results(execution_id)
        expect(cancel(api, execution_id), 422, "FLK-0511")
        assert api.results(execution_id) == before


def test_what_was_only_just_accepted_is_cancelled(api: Api, provider: Provider) -> None:
    tag = unique()
    execution_id = execute(api, calling(api, provider, f"/slow/1/{tag}", f"/after/{tag}"), {})
    assert expect(cancel(api, execution_id), 200)["status"] == "failed"
    assert api.results(execution_id)["stepResults"] == []
    time.sleep(2)
    assert provider.to(f"/after/{tag}") == []


@pytest.mark.skip_moto  # which handles one request at a time, and so lets nobody in while somebody waits
def test_who_waits_for_the_end_is_told_at_once(api: Api, provider: Provider) -> None:
    tag = unique()
    execution_id = execute(api, calling(api, provider, f"/slow/15/{tag}"), {})
    until_called(provider, f"/slow/15/{tag}")
    with ThreadPoolExecutor(2) as clients:
        path, headers = f"/v1/executions/{execution_id}", {"Prefer": "wait=20"}
        waiting = [clients.submit(api.get, path, headers=headers) for path in (path, f"{path}/results")]
        time.sleep(0.3)
        before = time.monotonic()
        expect(cancel(api, execution_id), 200)
        for each in waiting:
            assert expect(each.result(), 200)["errorCode"] == "FLK-0510"
        assert time.monotonic() - before < 8


def test_ids_are_checked_as_everywhere(api: Api) -> None:
    expect(cancel(api, str(uuid4())), 404, "FLK-0500")
    expect(cancel(api, "not-a-uuid"), 400, "FLK-0002")
    refused = api.get(f"/v1/executions/{uuid4()}/cancel")
    expect(refused, 405, "FLK-0302")
    assert refused.headers["Allow"] == "POST"


@pytest.mark.skip_moto
def test_a_body_is_ignored(api: Api, provider: Provider) -> None:
    execution_id = execute(api, calling(api, provider, f"/slow/3/{unique()}"), {})
    answer = api.post(f"/v1/executions/{execution_id}/cancel", content=b"{")
    assert expect(answer, 200)["errorCode"] == "FLK-0510"


@pytest.mark.skip_moto
def test_no_further_attempt_is_made(api: Api, provider: Provider) -> None:
    path = f"/flaky/9/503/{unique()}"
    execution_id = execute(api, calling(api, provider, path), {})
    until_called(provider, path)
    time.sleep(0.3)  # now it waits for its second attempt
    expect(cancel(api, execution_id), 200)
    time.sleep(1.5)
    assert len(provider.to(path)) == 1


@pytest.mark.skip_moto
def test_repeating_the_start_answers_the_cancelled_execution(api: Api, provider: Provider) -> None:
    workflow_id = calling(api, provider, f"/slow/3/{unique()}")
    key = unique("key")
    execution_id = execute(api, workflow_id, {"n": 1}, key)
    expect(cancel(api, execution_id), 200)
    path = f"/v1/workflows/{workflow_id}/executions"
    again = expect(api.post(path, {"inputData": {"n": 1}}, headers={"Idempotency-Key": key}), 200)
    assert (again["executionId"], again["status"]) == (execution_id, "failed")


@pytest.mark.skip_moto
def test_of_a_cancellation_and_the_last_step_exactly_one_wins(api: Api, provider: Provider) -> None:
    workflow_id = calling(api, provider, "/slow/0.05")
    for number in range(20):
        execution_id = execute(api, workflow_id, {})
        time.sleep(0.02 + number * 0.004)  # some before the end, some after it, and some at the very moment
        answer = cancel(api, execution_id)
        results = api.results(execution_id)
        if answer.status_code == 200:
            assert results | CANCELLED == results
            assert results["stepResults"] == []
        else:
            expect(answer, 422, "FLK-0511")
            assert results["status"] == "completed"
            assert [step["status"] for step in results["stepResults"]] == ["completed"]
        assert api.results(execution_id) == results


@pytest.mark.skip_moto
def test_of_many_who_cancel_one_did(api: Api, provider: Provider) -> None:
    execution_id = execute(api, calling(api, provider, f"/slow/3/{unique()}"), {})
    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: cancel(api, execution_id).status_code, range(6)))
    assert sorted(answers) == [200, 422, 422, 422, 422, 422]

"""A request that is repeated under its key starts one execution (Flowker spec d.9, l.16, l.17)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    executor,
    set_output,
    trigger,
    unique,
)
from tests.servers import Api, expect


@pytest.fixture(scope="module")
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


@pytest.fixture(scope="module")
def hook() -> str:
    return f"orders/{unique()}"


@pytest.fixture(scope="module")
def workflow_id(api: Api, hook: str) -> str:
    """An active workflow that ends at once, by API and by webhook."""
    return activate(api, chain(trigger(path=hook, method="POST"), set_output("answer", done=True)))


def start(api: Api, workflow_id: str, data: Any, key: str, **headers: str) -> httpx.Response:
    sent = {"Idempotency-Key": key, **headers}
    return api.post(f"/v1/workflows/{workflow_id}/executions", {"inputData": data}, headers=sent)


def deliver(api: Api, hook: str, data: Any, key: str) -> httpx.Response:
    return api.post(f"/v1/webhooks/{hook}", data, headers={"Idempotency-Key": key})


@pytest.mark.skip_moto
@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside"])
def test_a_key_must_have_1_to_255_printable_characters(api: Api, workflow_id: str, key: str) -> None:
    fields = expect(start(api, workflow_id, {}, key), 400, "FLK-0509")["fields"]
    assert list(fields) == ["Idempotency-Key"]


def test_starting_without_a_key_is_refused(api: Api, workflow_id: str) -> None:
    path = f"/v1/workflows/{workflow_id}/executions"
    expect(api.post(path, {"inputData": {}}), 400, "FLK-0509")


def test_any_printable_text_is_a_key(api: Api, workflow_id: str) -> None:
    key = f"idem test #123 {unique()}"
    first = expect(start(api, workflow_id, {}, key), 201)
    again = expect(start(api, workflow_id, {}, key), 200)
    assert again["executionId"] == first["executionId"]
    expect(start(api, workflow_id, {}, unique("k").ljust(255, "x")), 201)


def test_a_repetition_answers_200_with_the_execution_as_it_is_now(api: Api, workflow_id: str) -> None:
    key, data = unique("key"), {"b": 1, "a": [1.50, None]}
    first = expect(start(api, workflow_id, data, key), 201)
    assert first["status"] == "pending"
    api.results(first["executionId"])
    again = expect(start(api, workflow_id, {"a": [1.50, None], "b": 1}, key), 200)
    assert again == {**first, "status": "completed"}


def test_a_key_belongs_to_one_request(api: Api, workflow_id: str) -> None:
    other = activate(api, chain(trigger(), set_output("answer")))
    key = unique("key")
    expect(start(api, workflow_id, {"n": 1}, key), 201)
    expect(start(api, workflow_id, {"n": 2}, key), 409, "FLK-0505")
    expect(start(api, other, {"n": 1}, key), 409, "FLK-0505")


def test_webhooks_and_the_api_share_keys(api: Api, workflow_id: str, hook: str) -> None:
    key = unique("key")
    first = expect(deliver(api, hook, {"n": 1}, key), 201)
    replay = deliver(api, hook, {"n": 1}, key)
    assert expect(replay, 200)["executionId"] == first["executionId"]
    assert replay.headers["X-Webhook-Execution-ID"] == first["executionId"]
    expect(deliver(api, hook, {"n": 2}, key), 409, "FLK-0505")
    assert expect(start(api, workflow_id, {"n": 1}, key), 200)["executionId"] == first["executionId"]
    expect(start(api, workflow_id, {"n": 2}, key), 409, "FLK-0505")


def test_webhook_keys_follow_the_same_rules_but_may_be_absent(api: Api, workflow_id: str, hook: str) -> None:
    expect(deliver(api, hook, {}, "x" * 256), 400, "FLK-0509")
    blank = expect(deliver(api, hook, {}, ""), 201)
    absent = expect(api.post(f"/v1/webhooks/{hook}", {}), 201)
    assert blank["executionId"] != absent["executionId"]


def test_repetitions_are_answered_whatever_became_of_the_workflow(api: Api) -> None:
    workflow_id, key = activate(api, chain(trigger(), set_output("answer"))), unique("key")
    first = expect(start(api, workflow_id, {"n": 1}, key), 201)
    expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    assert expect(start(api, workflow_id, {"n": 1}, key), 200)["executionId"] == first["executionId"]
    expect(start(api, workflow_id, {"n": 2}, key), 409, "FLK-0505")
    expect(start(api, workflow_id, {"n": 1}, unique("key")), 422, "FLK-0501")
    assert api.delete(f"/v1/workflows/{workflow_id}").status_code == 204
    assert expect(start(api, workflow_id, {"n": 1}, key), 200)["executionId"] == first["executionId"]
    expect(start(api, workflow_id, {"n": 2}, key), 409, "FLK-0505")
    expect(start(api, workflow_id, {"n": 1}, unique("key")), 404, "FLK-0100")
    assert api.results(first["executionId"])["status"] == "completed"


@pytest.mark.skip_moto
def test_fifty_requests_at_once_under_one_key_start_one_execution(api: Api, provider: Provider) -> None:
    path, key = f"/score/{unique()}", unique("key")
    configuration = create_configuration(api, provider.url)
    workflow_id = activate(api, chain(trigger(), executor("call", configuration, path=path)))
    with ThreadPoolExecutor(50) as clients:
        sent = [clients.submit(start, api, workflow_id, {"n": 1}, key) for _ in range(50)]
        answers = [each.result() for each in sent]
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["executionId"] for answer in answers}) == 1
    assert api.results(answers[0].json()["executionId"])["status"] == "completed"
    assert len(provider.to(path)) == 1
    listed = expect(api.get("/v1/executions", params={"workflowId": workflow_id}), 200)
    assert len(listed["items"]) == 1

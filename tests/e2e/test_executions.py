"""Starting executions by API, following them, and reading what they did (Flowker spec a.4, d.4, d.10, a.1 lists)."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    conditional,
    create_configuration,
    create_workflow,
    edge,
    execute,
    executor,
    set_output,
    trigger,
    unique,
    workflow,
)
from tests.servers import Api, expect

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MIB = 1_048_576


@pytest.fixture(scope="module")
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


@pytest.fixture(scope="module")
def trivial(api: Api) -> str:
    """An active workflow that ends at once."""
    return activate(api, chain(trigger(), set_output("answer", done=True)))


@pytest.fixture(scope="module")
def slow(api: Api, provider: Provider) -> str:
    """An active workflow that takes longer than these tests."""
    configuration = create_configuration(api, provider.url)
    return activate(api, chain(trigger(), executor("wait", configuration, path="/slow/20")))


@pytest.fixture(scope="module")
def unfinished(api: Api, slow: str) -> str:
    """An execution that does not end during these tests."""
    return execute(api, slow, {})


@pytest.fixture(scope="module")
def scored(api: Api, provider: Provider) -> dict[str, Any]:
    """The results of a call, a decision and an output."""
    mapping = [{"source": "workflow.amount", "target": "amount"}]
    call = executor("check-fraud", create_configuration(api, provider.url), inputMapping=mapping)
    nodes = [
        trigger(),
        {**call, "name": "Fraud check"},
        conditional("low", "check-fraud.score < 70"),
        set_output("approve", decision="approved"),
        set_output("reject", decision="rejected"),
    ]
    edges = [
        edge("start", "check-fraud"),
        edge("check-fraud", "low"),
        edge("low", "approve", "true"),
        edge("low", "reject", "false"),
    ]
    workflow_id = activate(api, workflow(nodes, edges))
    return api.results(execute(api, workflow_id, {"amount": 1500}))


@pytest.fixture(scope="module")
def failed(api: Api, provider: Provider) -> str:
    """An execution whose second step failed."""
    configuration = create_configuration(api, provider.url)
    nodes = [trigger(), set_output("first", n=1), executor("refused", configuration, path="/status/400")]
    execution_id = execute(api, activate(api, chain(*nodes)), {})
    api.results(execution_id)
    return execution_id


def start(api: Api, workflow_id: str, body: Any, **headers: str) -> Any:
    sent = {"Idempotency-Key": unique("key"), **headers}
    return api.post(f"/v1/workflows/{workflow_id}/executions", body, headers=sent)


def listed(api: Api, **parameters: Any) -> dict[str, Any]:
    return expect(api.get("/v1/executions", params=parameters), 200)


# --- shapes ----------------------------------------------------------------------------------------------------------


def test_starting_answers_201_with_a_pending_execution(api: Api, trivial: str) -> None:
    body = expect(start(api, trivial, {"inputData": {"n": 1}}), 201)
    assert set(body) == {"executionId", "workflowId", "status", "startedAt"}
    assert body["workflowId"] == trivial
    assert body["status"] == "pending"
    assert str(UUID(body["executionId"])) == body["executionId"]
    assert INSTANT.fullmatch(body["startedAt"])


def test_a_completed_execution_has_results_in_the_shape_of_the_spec(scored: dict[str, Any]) -> None:
    assert set(scored) == {
        "executionId", "workflowId", "status", "stepResults", "finalOutput", "startedAt", "completedAt",
    }  # fmt: skip
    assert scored["status"] == "completed"
    assert scored["finalOutput"] == {"decision": "approved"}
    assert scored["startedAt"] <= scored["completedAt"]
    steps = scored["stepResults"]
    assert [step["stepNumber"] for step in steps] == [1, 2, 3]
    assert [step["stepName"] for step in steps] == ["Fraud check", "conditional_low", "action_approve"]
    assert [step["nodeId"] for step in steps] == ["check-fraud", "low", "approve"]
    for step in steps:
        shown = {
            "stepNumber",
            "stepName",
            "nodeId",
            "status",
            "output",
            "executedAt",
            "durationMs",
            "attempts",
        }
        assert set(step) - {"statusCode"} == shown
        assert step["status"] == "completed"
        assert INSTANT.fullmatch(step["executedAt"])
        assert isinstance(step["durationMs"], int)
        assert step["durationMs"] >= 0
        assert step["attempts"] == 1


def test_outputs_of_steps_are_envelope_decision_and_data(scored: dict[str, Any], provider: Provider) -> None:
    call, decision, action = scored["stepResults"]
    assert call["statusCode"] == 200
    assert "statusCode" not in decision
    assert {name: call["output"][name] for name in ("status", "status_text", "url")} == {
        "status": 200,
        "status_text": "200 OK",
        "url": f"{provider.url}/score",
    }
    assert call["output"]["headers"]["Content-Type"] == "application/json"
    assert call["output"]["body"] == {"score": 15, "echo": {"amount": 1500}}
    assert decision["output"] == {
        "condition": "check-fraud.score < 70",
        "result": True,
        "branchTaken": "true",
    }
    assert action["output"] == {"actionType": "set_output", "output": {"decision": "approved"}}


def test_the_status_of_a_completed_execution_counts_its_steps(api: Api, scored: dict[str, Any]) -> None:
    status = expect(api.get(f"/v1/executions/{scored['executionId']}"), 200)
    assert status == {
        "executionId": scored["executionId"],
        "workflowId": scored["workflowId"],
        "status": "completed",
        "currentStepNumber": 3,
        "totalSteps": 4,  # untaken branches count too
        "startedAt": scored["startedAt"],
        "completedAt": scored["completedAt"],
    }


def test_a_failed_execution_says_where_why_and_with_which_code(api: Api, failed: str) -> None:
    reason = "executor error: http request failed with status 400"
    ending = {
        "status": "failed",
        "errorMessage": f'node "refused": executor call failed after 1 attempts: {reason} (FLK-0504)',
        "errorCode": "FLK-0504",
        "failedNodeId": "refused",
    }
    status = expect(api.get(f"/v1/executions/{failed}"), 200)
    assert status | ending == status
    assert status["currentStepNumber"] == status["totalSteps"] == 2
    results = api.results(failed)
    assert results | ending == results
    assert "finalOutput" not in results
    first, second = results["stepResults"]
    assert first["status"] == "completed"
    assert {"status": "failed", "errorMessage": reason, "statusCode": 400}.items() <= second.items()
    assert "output" not in second


def test_an_execution_under_way_has_no_results_yet(api: Api, unfinished: str) -> None:
    expect(api.get(f"/v1/executions/{unfinished}/results"), 422, "FLK-0502")
    status = expect(api.get(f"/v1/executions/{unfinished}"), 200)
    assert status["status"] in ("pending", "running")
    assert not {"completedAt", "errorMessage", "errorCode", "failedNodeId"} & set(status)
    assert (status["currentStepNumber"], status["totalSteps"]) == (0, 1)


def test_ids_may_come_as_32_digits_in_any_letter_case(api: Api, scored: dict[str, Any]) -> None:
    digits = scored["executionId"].replace("-", "").upper()
    assert expect(api.get(f"/v1/executions/{digits}"), 200)["executionId"] == scored["executionId"]


@pytest.mark.skip_moto
def test_actions_that_are_nothing_special_complete_with_their_data(api: Api) -> None:
    log = {"id": "log", "type": "action", "data": {"action": "log", "message": "seen"}}
    other = {"id": "other", "type": "action", "data": {"action": "dance", "tempo": 3}}
    bare = {"id": "bare", "type": "action"}
    results = api.results(execute(api, activate(api, chain(trigger(), log, other, bare)), {}))
    assert [step.get("output") for step in results["stepResults"]] == [log["data"], other["data"], None]
    assert results["finalOutput"] == {"workflow": {}}


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["/v1/executions/{}", "/v1/executions/{}/results"])
def test_unknown_and_malformed_execution_ids_are_told_apart(api: Api, route: str) -> None:
    expect(api.get(route.format(uuid4())), 404, "FLK-0500")
    expect(api.get(route.format("not-a-uuid")), 400, "FLK-0002")


def test_only_active_workflows_start(api: Api) -> None:
    draft = create_workflow(api, chain(trigger(), set_output("answer")))
    expect(start(api, draft, {"inputData": {}}), 422, "FLK-0501")
    expect(api.post(f"/v1/workflows/{draft}/activate"), 200)
    expect(api.post(f"/v1/workflows/{draft}/deactivate"), 200)
    expect(start(api, draft, {"inputData": {}}), 422, "FLK-0501")
    expect(start(api, str(uuid4()), {"inputData": {}}), 404, "FLK-0100")


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    "body", [{}, {"inputData": None}, {"inputData": [1]}, {"inputData": "x"}, {"inputData": 1}]
)
def test_input_must_be_an_object(api: Api, trivial: str, body: dict[str, Any]) -> None:
    assert "inputData" in expect(start(api, trivial, body), 400, "FLK-0001")["fields"]


@pytest.mark.skip_moto
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"inputData":{"n":NaN}}', b"\xff", b'"x"'])
def test_a_body_that_is_no_json_object_is_refused(api: Api, trivial: str, content: bytes) -> None:
    headers = {"Idempotency-Key": unique(), "Content-Type": "application/json"}
    path = f"/v1/workflows/{trivial}/executions"
    expect(api.post(path, content=content, headers=headers), 400, "FLK-0001")


def test_a_body_of_another_media_type_is_refused(api: Api, trivial: str) -> None:
    headers = {"Idempotency-Key": unique(), "Content-Type": "text/plain"}
    path = f"/v1/workflows/{trivial}/executions"
    expect(api.post(path, content=b'{"inputData":{}}', headers=headers), 400, "FLK-0001")


def test_fields_beside_the_input_are_ignored(api: Api, trivial: str) -> None:
    expect(start(api, trivial, {"inputData": {}, "surprise": True}), 201)


@pytest.mark.skip_moto
def test_absurd_nesting_is_refused_or_survives_but_never_breaks_the_server(api: Api, trivial: str) -> None:
    for depth in (90, 400, 900, 5_000, 100_000):
        content = b'{"inputData":{"deep":' + b"[" * depth + b"]" * depth + b"}}"
        headers = {"Idempotency-Key": unique(), "Content-Type": "application/json"}
        answer = api.post(f"/v1/workflows/{trivial}/executions", content=content, headers=headers)
        assert answer.status_code in (201, 400), f"{depth}: {answer.text}"
        if answer.status_code == 201:
            assert api.results(answer.json()["executionId"])["status"] == "completed"


def test_exactly_one_mebibyte_is_accepted_and_a_byte_more_is_not(api: Api, trivial: str) -> None:
    frame = b'{"inputData":{"x":""}}'
    headers = {"Idempotency-Key": unique(), "Content-Type": "application/json"}
    path = f"/v1/workflows/{trivial}/executions"
    largest = frame[:-3] + b"x" * (MIB - len(frame)) + frame[-3:]
    started = expect(api.post(path, content=largest, headers=headers), 201)
    assert api.results(started["executionId"])["status"] == "completed"
    headers["Idempotency-Key"] = unique()
    expect(api.post(path, content=largest + b" ", headers=headers), 413, "FLK-0506")


def test_size_comes_before_id_before_body_before_key(api: Api, trivial: str) -> None:
    huge = b"x" * (MIB + 1)
    expect(api.post("/v1/workflows/nonsense/executions", content=huge), 413, "FLK-0506")
    expect(api.post("/v1/workflows/nonsense/executions", content=b"{"), 400, "FLK-0002")
    expect(api.post(f"/v1/workflows/{trivial}/executions", content=b"{"), 400, "FLK-0001")
    expect(api.post(f"/v1/workflows/{uuid4()}/executions", {"inputData": {}}), 400, "FLK-0509")


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_caller_may_wait_for_the_end(api: Api, trivial: str) -> None:
    answer = start(api, trivial, {"inputData": {}}, Prefer="wait=20")
    assert expect(answer, 201)["status"] == "completed"
    assert answer.headers["Preference-Applied"] == "wait=20"


def test_waiting_ends_with_the_time_asked_for(api: Api, unfinished: str) -> None:
    before = time.monotonic()
    answer = api.get(f"/v1/executions/{unfinished}", headers={"Prefer": "wait=1"})
    assert expect(answer, 200)["status"] in ("pending", "running")
    assert 1 <= time.monotonic() - before < 5


def test_of_two_callers_who_wait_the_patient_one_is_told_at_the_end(api: Api, provider: Provider) -> None:
    configuration = create_configuration(api, provider.url)
    workflow_id = activate(api, chain(trigger(), executor("wait", configuration, path="/slow/3")))
    execution_id = execute(api, workflow_id, {})
    before = time.monotonic()
    with ThreadPoolExecutor(2) as both:
        waits = [
            both.submit(api.get, f"/v1/executions/{execution_id}", headers={"Prefer": f"wait={seconds}"})
            for seconds in (25, 1)
        ]
        statuses = [expect(each.result(), 200)["status"] for each in waits]
    assert statuses[0] == "completed"
    assert time.monotonic() - before < 15


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def five(api: Api, provider: Provider) -> dict[str, Any]:
    """A workflow with five executions in order of their start: two completed, two under way, one failed."""
    configuration = create_configuration(api, provider.url)
    nodes = [
        trigger(),
        executor("long", configuration, path="/slow/20"),
        executor("bad", configuration, path="/status/400"),
        set_output("good", fine=True),
    ]
    edges = [
        edge("start", "long", condition="workflow.way == 'long'"),
        edge("start", "bad", condition="workflow.way == 'bad'"),
        edge("start", "good", condition="workflow.way == 'good'"),
    ]
    workflow_id = activate(api, workflow(nodes, edges))
    ids = []
    for way in ("good", "long", "good", "long", "bad"):
        time.sleep(0.005)  # the order of starts is told by milliseconds
        ids.append(execute(api, workflow_id, {"way": way}))
        if way != "long":
            api.results(ids[-1])
    return {"workflow": workflow_id, "ids": ids}


def walked(api: Api, five: dict[str, Any], limit: int = 100, **parameters: Any) -> list[int]:
    """The ids on all pages, each as its number among the five."""
    page = listed(api, workflowId=five["workflow"], limit=limit, **parameters)
    found = list(page["items"])
    while page["hasMore"]:
        assert page["nextCursor"]
        page = listed(api, workflowId=five["workflow"], limit=limit, cursor=page["nextCursor"])
        found += page["items"]
    assert page["nextCursor"] == ""
    return [five["ids"].index(each["executionId"]) for each in found]


def test_the_newest_execution_comes_first(api: Api, five: dict[str, Any]) -> None:
    assert walked(api, five) == [4, 3, 2, 1, 0]
    assert walked(api, five, sortOrder="asc") == [0, 1, 2, 3, 4]
    assert walked(api, five, sortBy="startedAt", sortOrder="DESC", limit=2) == [4, 3, 2, 1, 0]


def test_unfinished_executions_come_last_when_sorted_by_their_end(api: Api, five: dict[str, Any]) -> None:
    for limit in (1, 2, 3, 100):
        ascending = walked(api, five, limit, sortBy="completedAt", sortOrder="ASC")
        assert ascending[:3] == [0, 2, 4]
        assert sorted(ascending[3:]) == [1, 3]
        descending = walked(api, five, limit, sortBy="completedAt")
        assert descending[:3] == [4, 2, 0]
        assert sorted(descending[3:]) == [1, 3]


def test_executions_are_filtered_by_workflow_and_status(api: Api, five: dict[str, Any]) -> None:
    assert walked(api, five, status="completed") == [2, 0]
    assert walked(api, five, status="failed") == [4]
    under_way = walked(api, five, status="running") + walked(api, five, status="pending")
    assert sorted(under_way) == [1, 3]
    assert listed(api, workflowId=str(uuid4())) == {"items": [], "nextCursor": "", "hasMore": False}
    upper = five["workflow"].replace("-", "").upper()
    assert len(listed(api, workflowId=upper)["items"]) == 5


def test_items_of_the_list_are_the_status_documents(api: Api, five: dict[str, Any]) -> None:
    for item in listed(api, workflowId=five["workflow"], status="completed")["items"]:
        assert item == expect(api.get(f"/v1/executions/{item['executionId']}"), 200)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"limit": "0"}, "FLK-0309"),
        ({"limit": "101"}, "FLK-0309"),
        ({"limit": "-1"}, "FLK-0309"),
        ({"limit": "ten"}, "FLK-0304"),
        ({"limit": "1.5"}, "FLK-0304"),
        ({"sortOrder": "up"}, "FLK-0310"),
        ({"sortBy": "name"}, "FLK-0304"),
        ({"status": "done"}, "FLK-0304"),
        ({"workflowId": "nonsense"}, "FLK-0002"),
        ({"cursor": "nonsense"}, "FLK-0304"),
    ],
)
def test_bad_list_parameters_are_refused(api: Api, parameters: dict[str, str], code: str) -> None:
    expect(api.get("/v1/executions", params=parameters), 400, code)


def test_a_cursor_stands_alone_and_cannot_be_tampered_with(api: Api, five: dict[str, Any]) -> None:
    cursor = listed(api, workflowId=five["workflow"], limit=2)["nextCursor"]
    for beside in ({"sortBy": "startedAt"}, {"sortOrder": "DESC"}):
        expect(api.get("/v1/executions", params={"cursor": cursor, **beside}), 400, "FLK-0304")
    other = "A" if cursor[10] != "A" else "B"
    tampered = cursor[:10] + other + cursor[11:]
    expect(api.get("/v1/executions", params={"cursor": tampered}), 400, "FLK-0304")


@pytest.mark.skip_moto
def test_ten_executions_are_listed_unless_asked_otherwise(api: Api, trivial: str) -> None:
    ids = [execute(api, trivial, {"n": number}) for number in range(11)]
    page = listed(api, workflowId=trivial)
    assert [item["executionId"] for item in page["items"]] == ids[:0:-1]
    assert page["hasMore"]

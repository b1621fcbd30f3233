"""Drafts as users write, read, copy and remove them (Flowker spec a.3)."""

import json
import re
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    conditional,
    create_configuration,
    create_workflow,
    edge,
    executor,
    payment_validation,
    set_output,
    trigger,
    unique,
)
from tests.servers import Api, expect

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UNKNOWN = "00000000-0000-4000-8000-000000000000"
MASK = "********"
JSON = {"Content-Type": "application/json"}


def read(api: Api, workflow_id: str) -> dict[str, Any]:
    return expect(api.get(f"/v1/workflows/{workflow_id}"), 200)


def test_creating_answers_with_the_identity_of_a_draft(api: Api) -> None:
    created = expect(api.post("/v1/workflows", {"name": unique()}), 201)
    assert created.keys() == {"workflowId", "version", "status", "createdAt"}
    assert UUID.fullmatch(created["workflowId"])
    assert (created["version"], created["status"]) == ("1.0.0", "draft")
    assert INSTANT.fullmatch(created["createdAt"])


def test_the_smallest_draft_shows_no_absent_fields(api: Api) -> None:
    name = unique()
    created = expect(api.post("/v1/workflows", {"name": name, "metadata": {}, "description": None}), 201)
    assert read(api, created["workflowId"]) == {
        "id": created["workflowId"],
        "name": name,
        "status": "draft",
        "nodes": [],
        "edges": [],
        "createdAt": created["createdAt"],
        "updatedAt": created["createdAt"],
    }


def test_a_draft_comes_back_as_it_was_written(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    nodes = [
        {
            **set_output("z", text=None, list=[], nested={"a": {}}),
            "position": {"x": 1.5, "y": -2},
            "name": "Z",
        },
        {**trigger("start", path="/in", method="POST"), "position": {"x": 0, "y": 0}},
        {**executor("call", configuration_id, timeout=2.5), "position": {"x": 10**20, "y": 0.25}},
        {**conditional("a", "workflow.amount > 1"), "position": {"x": 0, "y": 0}, "name": "A node"},
    ]
    edges = [
        {**edge("a", "z", "true"), "label": "yes"},
        edge("start", "call"),
        edge("call", "a", condition="workflow.amount > 0"),
    ]
    document = {
        "name": unique(),
        "description": "d" * 500,
        "nodes": nodes,
        "edges": edges,
        "metadata": {"team": "risk", "n": 1},
    }
    shown = read(api, create_workflow(api, document))
    assert {key: shown[key] for key in document} == document


def test_a_missing_position_is_the_origin(api: Api) -> None:
    nodes = [{"id": "a", "type": "action"}, {"id": "b", "type": "action", "position": {"y": 3}}]
    shown = read(api, create_workflow(api, {"name": unique(), "nodes": nodes}))
    assert shown["nodes"] == [
        {"id": "a", "type": "action", "position": {"x": 0, "y": 0}},
        {"id": "b", "type": "action", "position": {"x": 0, "y": 3}},
    ]


def test_lists_hold_whole_workflows(api: Api) -> None:
    workflow_id = create_workflow(api, {"name": unique(), "nodes": [trigger()], "metadata": {"a": 1}})
    newest = expect(api.get("/v1/workflows?limit=1"), 200)["items"]
    assert newest == [read(api, workflow_id)]


def test_an_update_replaces_everything_but_metadata_keys(api: Api) -> None:
    before = {
        "name": unique(),
        "description": "old",
        "nodes": [trigger(), set_output("end")],
        "edges": [edge("start", "end")],
        "metadata": {"kept": 1, "changed": 1},
    }
    workflow_id = create_workflow(api, before)
    created = read(api, workflow_id)
    name = unique()
    time.sleep(0.002)
    updated = expect(
        api.put(f"/v1/workflows/{workflow_id}", {"name": name, "metadata": {"changed": 2, "new": 3}}), 200
    )
    assert updated == {
        "id": workflow_id,
        "name": name,
        "status": "draft",
        "nodes": [],
        "edges": [],
        "metadata": {"kept": 1, "changed": 2, "new": 3},
        "createdAt": created["createdAt"],
        "updatedAt": updated["updatedAt"],
    }
    assert updated["updatedAt"] > created["updatedAt"]
    assert read(api, workflow_id) == updated


def test_a_deleted_workflow_is_gone_and_its_name_is_free(api: Api) -> None:
    name = unique()
    workflow_id = create_workflow(api, {"name": name})
    answer = api.delete(f"/v1/workflows/{workflow_id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Type" not in answer.headers
    expect(api.delete(f"/v1/workflows/{workflow_id}"), 404, "FLK-0100")
    expect(api.get(f"/v1/workflows/{workflow_id}"), 404, "FLK-0100")
    create_workflow(api, {"name": name})


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"name": "x"}),
        ("DELETE", "", None),
        ("POST", "/clone", {"name": "x"}),
        ("POST", "/activate", None),
        ("POST", "/deactivate", None),
        ("POST", "/draft", None),
    ],
)
def test_an_unknown_workflow_is_404(api: Api, method: str, suffix: str, body: Any) -> None:
    expect(api.request(method, f"/v1/workflows/{UNKNOWN}{suffix}", json=body), 404, "FLK-0100")


def test_names_are_unique_over_all_workflows_and_case_sensitive(api: Api) -> None:
    name = unique("Name")
    taken = create_workflow(api, {"name": name})
    other = create_workflow(api, {"name": name.lower()})
    expect(api.post("/v1/workflows", {"name": name}), 409, "FLK-0101")
    expect(api.put(f"/v1/workflows/{other}", {"name": name}), 409, "FLK-0101")
    expect(api.post(f"/v1/workflows/{other}/clone", {"name": name}), 409, "FLK-0101")
    assert read(api, other)["name"] == name.lower()
    expect(api.put(f"/v1/workflows/{taken}", {"name": name, "description": "same name"}), 200)
    expect(api.put(f"/v1/workflows/{taken}", {"name": unique()}), 200)
    expect(api.put(f"/v1/workflows/{other}", {"name": name}), 200)


def test_a_name_counts_characters_not_bytes(api: Api) -> None:
    name = f"{unique()}{'é' * 100}"[:100]
    assert read(api, create_workflow(api, {"name": name}))["name"] == name


def test_a_clone_is_a_draft_of_its_own_with_everything_but_metadata(api: Api) -> None:
    document = {
        "name": unique(),
        "description": "copied",
        "nodes": [trigger(), set_output("end", a=1)],
        "edges": [edge("start", "end")],
        "metadata": {"kept": False},
    }
    source = read(api, activate(api, document))
    name = unique()
    created = expect(api.post(f"/v1/workflows/{source['id']}/clone", {"name": name}), 201)
    assert created.keys() == {"workflowId", "version", "status", "createdAt"}
    clone = read(api, created["workflowId"])
    assert clone["id"] != source["id"]
    assert (clone["name"], clone["status"], "metadata" in clone) == (name, "draft", False)
    assert all(clone[key] == source[key] for key in ("description", "nodes", "edges"))
    expect(api.put(f"/v1/workflows/{clone['id']}", {"name": name}), 200)
    assert read(api, source["id"]) == source


def test_a_clone_is_not_validated_again(api: Api, provider: Provider) -> None:
    configuration_id = create_configuration(api, provider.url)
    source = create_workflow(api, payment_validation(configuration_id, unique()))
    expect(api.post(f"/v1/provider-configurations/{configuration_id}/disable"), 200)
    expect(api.post(f"/v1/workflows/{source}/clone", {"name": unique()}), 201)


def _guarded(path: str, token: str) -> dict[str, Any]:
    return {
        "name": unique(),
        "nodes": [trigger(path=path, method="POST", verify_token=token), set_output("end")],
        "edges": [edge("start", "end")],
    }


def test_a_verify_token_is_never_shown_and_survives_what_is_written_back(api: Api) -> None:
    path, token = unique(), unique("token")
    workflow_id = create_workflow(api, _guarded(path, token))
    shown = read(api, workflow_id)
    assert shown["nodes"][0]["data"]["verify_token"] == MASK
    answer = api.put(f"/v1/workflows/{workflow_id}", shown)
    assert expect(answer, 200)["nodes"] == shown["nodes"]
    clone = expect(api.post(f"/v1/workflows/{workflow_id}/clone", {"name": unique()}), 201)["workflowId"]
    for each in (workflow_id, clone):
        expect(api.post(f"/v1/workflows/{each}/activate"), 200)
        expect(api.post(f"/v1/webhooks/{path}", {}, headers={"X-Webhook-Token": MASK}), 401, "FLK-0362")
        expect(api.post(f"/v1/webhooks/{path}", {}, headers={"X-Webhook-Token": token}), 201)
        expect(api.post(f"/v1/workflows/{each}/deactivate"), 200)


def test_a_mask_without_a_stored_secret_is_refused(api: Api) -> None:
    body = expect(api.post("/v1/workflows", _guarded(unique(), MASK)), 400, "FLK-0001")
    assert list(body["fields"]) == ["nodes[0].data.verify_token"]
    workflow_id = create_workflow(api, _guarded(unique(), "t"))
    renamed = read(api, workflow_id)
    renamed["nodes"][0]["id"], renamed["edges"] = "another", []
    expect(api.put(f"/v1/workflows/{workflow_id}", renamed), 400, "FLK-0001")


def test_a_workflow_of_one_mib_is_kept_whole(api: Api) -> None:
    for letter in ("x", "é"):
        document = {"name": unique(), "metadata": {"padding": letter * (1_048_400 // len(letter.encode()))}}
        content = json.dumps(document, ensure_ascii=False).encode()
        created = api.request("POST", "/v1/workflows", content=content, headers=JSON)
        workflow_id = expect(created, 201)["workflowId"]
        assert read(api, workflow_id)["metadata"] == document["metadata"]
        expect(api.delete(f"/v1/workflows/{workflow_id}"), 204)


def test_nesting_of_100_levels_is_accepted_and_comes_back(api: Api) -> None:
    """Two levels are the body and its metadata."""
    deep = json.loads("[" * 98 + "]" * 98)
    workflow_id = create_workflow(api, {"name": unique(), "metadata": {"deep": deep}})
    assert expect(api.get(f"/v1/workflows/{workflow_id}"), 200)["metadata"]["deep"] == deep


def test_nested_node_data_comes_back(api: Api) -> None:
    deep = json.loads('{"a":' * 96 + "1" + "}" * 96)
    node = {"id": "n", "type": "action", "data": deep}
    workflow_id = create_workflow(api, {"name": unique(), "nodes": [node]})
    assert expect(api.get(f"/v1/workflows/{workflow_id}"), 200)["nodes"][0]["data"] == deep


def test_any_character_survives(api: Api) -> None:
    for text in ("Zahlung prüfen", "检查付款", "😀", "a\u0000b", "line\nbreak", "\u202e", '"quoted" \\'):
        name = f"{text} {uuid4()}"
        shown = read(api, create_workflow(api, {"name": name, "metadata": {text: text}}))
        assert (shown["name"], shown["metadata"]) == (name, {text: text})


def test_an_escaped_surrogate_pair_is_a_character(api: Api) -> None:
    content = json.dumps({"name": f"😀 {uuid4()}"})
    assert r"\ud83d\ude00" in content
    created = expect(api.request("POST", "/v1/workflows", content=content, headers=JSON), 201)
    assert expect(api.get(f"/v1/workflows/{created['workflowId']}"), 200)["name"].startswith("😀")


def test_numbers_survive_digit_by_digit(api: Api) -> None:
    numbers = '{"big":12345678901234567890123456789012345678901234567890,"money":0.10,"small":1.000000000000000000001}'
    content = f'{{"name":"{unique()}","metadata":{numbers}}}'
    created = expect(api.request("POST", "/v1/workflows", content=content, headers=JSON), 201)
    answer: httpx.Response = api.get(f"/v1/workflows/{created['workflowId']}")
    assert f'"metadata":{numbers}' in answer.text

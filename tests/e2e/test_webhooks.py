"""Executions started by requests to registered paths (Flowker spec, section i)."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.samples import activate, chain, create_workflow, edge, set_output, trigger, unique, workflow
from tests.servers import Api, expect

MIB = 1_048_576
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


def hooked(path: str, method: str = "POST", **data: Any) -> dict[str, Any]:
    """A workflow that a request starts; its final output is its context."""
    return chain(trigger(path=path, method=method, **data), {"id": "log", "type": "action"})


@pytest.fixture(scope="module")
def hook(api: Api) -> str:
    """A path that `POST` starts a workflow at."""
    path = f"orders/{unique()}"
    activate(api, hooked(path))
    return path


def seen(api: Api, answer: Any) -> dict[str, Any]:
    """The input that the execution got."""
    started = expect(answer, 201)
    data: dict[str, Any] = api.results(started["executionId"])["finalOutput"]["workflow"]
    return data


# --- routes ----------------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
def test_each_method_of_a_path_may_belong_to_another_workflow(api: Api) -> None:
    path = unique("methods")
    owners = {method: activate(api, hooked(path, method)) for method in METHODS}
    for method, owner in owners.items():
        answer = api.request(method, f"/v1/webhooks/{path}")
        assert expect(answer, 201)["workflowId"] == owner
        assert answer.headers["X-Webhook-Workflow-ID"] == owner
        assert answer.headers["X-Webhook-Execution-ID"] == answer.json()["executionId"]


def test_a_delivery_answers_like_a_start_by_api(api: Api, hook: str) -> None:
    body = expect(api.post(f"/v1/webhooks/{hook}", {"n": 1}), 201)
    assert set(body) == {"executionId", "workflowId", "status", "startedAt"}
    assert body["status"] == "pending"


@pytest.mark.skip_moto
@pytest.mark.parametrize("registered", ["/{}", "{}", "{}/", "/{}///"])
def test_slashes_around_a_registered_path_make_no_difference(api: Api, registered: str) -> None:
    path = f"payments/received/{unique()}"
    activate(api, hooked(registered.format(path)))
    for requested in (path, f"{path}/", f"{path}//"):
        expect(api.post(f"/v1/webhooks/{requested}"), 201)


def test_segments_may_be_sent_raw_or_percent_encoded(api: Api) -> None:
    path = f"nested/paid/{unique()}"
    activate(api, hooked(path))
    expect(api.post(f"/v1/webhooks/{path}"), 201)
    expect(api.post(f"/v1/webhooks/{path.replace('/', '%2F')}"), 201)
    expect(api.post(f"/v1/webhooks/{path.replace('/', '%2f', 1)}"), 201)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("caf\u00e9 au lait", "caf%C3%A9%20au%20lait"),
        ("a%20b", "a%20b"),
        ("orders%2Fpaid", "orders/paid"),
        ("100%", "100%25"),
        ("a+b", "a+b"),
        ("v1.0:x@y", "v1.0:x@y"),
    ],
)
def test_unusual_paths_are_reached(api: Api, registered: str, requested: str) -> None:
    prefix = unique("odd")
    activate(api, hooked(f"{prefix}/{registered}"))
    expect(api.post(f"/v1/webhooks/{prefix}/{requested}"), 201)


@pytest.mark.skip_moto
def test_paths_are_case_sensitive_and_double_slashes_count(api: Api) -> None:
    prefix = unique("case")
    activate(api, hooked(f"{prefix}/Orders/new"))
    for path in ("orders/new", "Orders//new", "Orders", "Orders/new/more", "Orders/*"):
        expect(api.post(f"/v1/webhooks/{prefix}/{path}"), 404, "FLK-0361")
    expect(api.get(f"/v1/webhooks/{prefix}/Orders/new"), 404, "FLK-0361")


@pytest.mark.skip_moto
def test_a_method_that_the_trigger_schema_does_not_know_is_refused(api: Api) -> None:
    workflow_id = create_workflow(api, hooked(unique("lower"), "post"))
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 422, "FLK-0211")


def test_other_methods_are_not_allowed(api: Api, hook: str) -> None:
    expect(api.request("PROPFIND", f"/v1/webhooks/{hook}"), 405, "FLK-0302")


def test_two_workflows_cannot_have_the_same_route(api: Api) -> None:
    path = unique("taken")
    owner = activate(api, hooked(f"/{path}/"))
    other = create_workflow(api, hooked(path))
    refusal = expect(api.post(f"/v1/workflows/{other}/activate"), 409, "FLK-0360")
    assert owner not in refusal["message"]
    assert expect(api.get(f"/v1/workflows/{other}"), 200)["status"] == "draft"
    assert expect(api.post(f"/v1/webhooks/{path}"), 201)["workflowId"] == owner


def test_routes_are_registered_all_or_none(api: Api) -> None:
    taken, free = unique("taken"), unique("free")
    activate(api, hooked(taken))
    nodes = [trigger("one", path=free, method="POST"), trigger("two", path=taken, method="POST")]
    other = create_workflow(api, workflow(nodes, []))
    expect(api.post(f"/v1/workflows/{other}/activate"), 409, "FLK-0360")
    expect(api.post(f"/v1/webhooks/{free}"), 404, "FLK-0361")
    activate(api, hooked(free))


def test_two_triggers_of_one_workflow_cannot_share_a_route(api: Api) -> None:
    path = unique("twice")
    nodes = [trigger("one", path=path, method="POST"), trigger("two", path=f"/{path}/", method="POST")]
    twice = create_workflow(api, workflow(nodes, []))
    expect(api.post(f"/v1/workflows/{twice}/activate"), 409, "FLK-0360")
    expect(api.post(f"/v1/webhooks/{path}"), 404, "FLK-0361")


def test_deactivation_frees_the_route(api: Api) -> None:
    path = unique("freed")
    first = activate(api, hooked(path))
    expect(api.post(f"/v1/workflows/{first}/deactivate"), 200)
    expect(api.post(f"/v1/webhooks/{path}"), 404, "FLK-0361")
    second = activate(api, hooked(path))
    assert expect(api.post(f"/v1/webhooks/{path}"), 201)["workflowId"] == second
    expect(api.post(f"/v1/workflows/{first}/draft"), 200)
    expect(api.post(f"/v1/workflows/{first}/activate"), 409, "FLK-0360")


@pytest.mark.skip_moto
def test_a_trigger_without_path_registers_nothing(api: Api) -> None:
    for data in ({}, {"triggerId": "webhook"}):
        activate(api, chain(trigger(**data), set_output("answer")))
    expect(api.post(f"/v1/webhooks/{unique()}"), 404, "FLK-0361")


@pytest.mark.skip_moto
def test_a_trigger_may_be_named_by_its_id(api: Api) -> None:
    path = unique("by-id")
    node = {"id": "start", "type": "trigger"}
    data = {"triggerId": "webhook", "path": path, "method": "POST"}
    activate(api, chain({**node, "data": data}, set_output("answer")))
    expect(api.post(f"/v1/webhooks/{path}"), 201)


def test_the_trigger_that_fired_is_the_entry(api: Api) -> None:
    first, second = unique("first"), unique("second")
    nodes = [
        trigger("one", path=first, method="POST"),
        trigger("two", path=second, method="POST"),
        set_output("from-one", by="one"),
        set_output("from-two", by="two"),
        {"id": "both", "type": "action"},
    ]
    edges = [
        edge("one", "from-one"),
        edge("two", "from-two"),
        edge("from-one", "both"),
        edge("from-two", "both"),
    ]
    workflow_id = activate(api, workflow(nodes, edges))
    for path, by in ((first, "one"), (second, "two")):
        results = api.results(expect(api.post(f"/v1/webhooks/{path}", {}), 201)["executionId"])
        assert results["finalOutput"] == {"by": by}
        assert [step["nodeId"] for step in results["stepResults"]] == [f"from-{by}", "both"]
        assert results["workflowId"] == workflow_id


# --- who may deliver -------------------------------------------------------------------------------------------------


def test_the_api_key_is_needed_too(api: Api, hook: str) -> None:
    with_wrong_key = api.post(f"/v1/webhooks/{hook}", {}, headers={"X-API-Key": "wrong"})
    expect(with_wrong_key, 401, "UNAUTHORIZED")


def test_a_token_must_match_and_is_asked_for_before_the_body_is_read(api: Api) -> None:
    path = unique("guarded")
    activate(api, hooked(path, verify_token="open sesame"))
    url = f"/v1/webhooks/{path}"
    expect(api.post(url, content=b"{"), 401, "FLK-0362")
    expect(api.post(url, {}, headers={"X-Webhook-Token": "open"}), 401, "FLK-0362")
    expect(api.post(f"{url}?token=open%20sesame", {}), 401, "FLK-0362")
    answer = api.post(url, {"n": 1}, headers={"X-Webhook-Token": "open sesame"})
    assert "open sesame" not in str(seen(api, answer))
    expect(api.post(url, content=b"{", headers={"X-Webhook-Token": "open sesame"}), 400, "FLK-0001")


def test_a_path_that_nobody_registered_is_told_before_the_body_is_read(api: Api) -> None:
    expect(api.post(f"/v1/webhooks/{unique()}", content=b"{"), 404, "FLK-0361")


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_the_body_is_the_input(api: Api, hook: str) -> None:
    data = seen(api, api.post(f"/v1/webhooks/{hook}", {"amount": 12.5, "inputData": {"n": 1}}))
    assert {"amount": 12.5, "inputData": {"n": 1}}.items() <= data.items()
    assert set(data) == {"amount", "inputData", "_webhook"}


@pytest.mark.skip_moto
@pytest.mark.parametrize("content", [b"", b"  "])
def test_no_body_is_an_empty_input(api: Api, hook: str, content: bytes) -> None:
    assert set(seen(api, api.post(f"/v1/webhooks/{hook}", content=content))) == {"_webhook"}


@pytest.mark.skip_moto
def test_a_body_without_media_type_is_json(api: Api, hook: str) -> None:
    assert seen(api, api.post(f"/v1/webhooks/{hook}", content=b'{"n":1}'))["n"] == 1


@pytest.mark.skip_moto
@pytest.mark.parametrize("content", [b"[1]", b"1", b'"x"', b"null", b"{", b"\xff\xfe", b"a=1"])
def test_a_body_that_is_no_object_is_refused(api: Api, hook: str, content: bytes) -> None:
    expect(api.post(f"/v1/webhooks/{hook}", content=content), 400, "FLK-0001")


@pytest.mark.skip_moto
def test_a_body_of_another_media_type_is_refused(api: Api, hook: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    expect(api.post(f"/v1/webhooks/{hook}", content=b"{}", headers=headers), 400, "FLK-0001")


def test_one_mebibyte_is_accepted_and_a_byte_more_is_refused_first(api: Api, hook: str) -> None:
    largest = b'{"x":"' + b"x" * (MIB - 8) + b'"}'
    started = expect(api.post(f"/v1/webhooks/{hook}", content=largest), 201)
    assert api.results(started["executionId"])["status"] == "completed"
    expect(api.post(f"/v1/webhooks/{hook}", content=largest + b" "), 413, "FLK-0363")
    expect(api.post(f"/v1/webhooks/{unique()}", content=largest + b" "), 413, "FLK-0363")


# --- metadata --------------------------------------------------------------------------------------------------------


def test_the_request_is_told_in_webhook_metadata(api: Api, hook: str) -> None:
    headers = {"x-request-id": "r-1", "X-Custom": "plain"}
    answer = api.post(f"/v1/webhooks/{hook}/?a=1&b=x%20y&a=2&empty=", {"_webhook": "forged"}, headers=headers)
    metadata = seen(api, answer)["_webhook"]
    assert set(metadata) == {"method", "path", "headers", "query", "remote_ip"}
    assert metadata["method"] == "POST"
    assert metadata["path"] == f"{hook}/"
    assert metadata["query"] == {"a": "2", "b": "x y", "empty": ""}
    assert metadata["remote_ip"]
    assert {"X-Request-Id": "r-1", "X-Custom": "plain", "Content-Type": "application/json"}.items() <= (
        metadata["headers"].items()
    )


def test_the_path_is_told_as_it_was_received(api: Api) -> None:
    path = f"as/received/{unique()}"
    activate(api, hooked(path))
    sent = path.replace("/", "%2F")
    assert seen(api, api.post(f"/v1/webhooks/{sent}"))["_webhook"]["path"] == sent


def test_credentials_of_the_request_stay_outside(api: Api, api_key: str, hook: str) -> None:
    secret = "hunter2-of-the-sender"
    names = (
        "Authorization", "X-Webhook-Token", "Cookie", "Proxy-Authorization", "X-Forwarded-Authorization",
    )  # fmt: skip
    data = seen(api, api.post(f"/v1/webhooks/{hook}", {}, headers=dict.fromkeys(names, secret)))
    assert not {*names, "X-Api-Key"} & set(data["_webhook"]["headers"])
    assert secret not in str(data)
    assert api_key not in str(data)


@pytest.mark.skip_moto
def test_of_a_header_that_comes_twice_one_value_is_told(target: str, api: Api, api_key: str) -> None:
    path = unique("raw")
    activate(api, hooked(path, "GET"))
    address = urlsplit(target)
    request = (
        f"GET /v1/webhooks/{path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {api_key}\r\n"
        "X-Twice: one\r\nx-twice: two\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((str(address.hostname), address.port or 80)) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    head, _, _ = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 201")
    execution_id = head.lower().split("x-webhook-execution-id: ")[1].split("\r\n")[0]
    headers = api.results(execution_id)["finalOutput"]["workflow"]["_webhook"]["headers"]
    assert headers["X-Twice"] == "one,two"  # as API Gateway joins them

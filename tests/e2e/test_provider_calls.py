"""Calls to providers: what is sent, as whom, what is repeated, and what a failure leaves (Flowker spec d.6–d.8, g, h).

Repetitions wait 1, 2, 4 and 8 seconds, so all executions are started at once and looked at afterwards.
"""

import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.provider import Call, Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    execute,
    executor,
    trigger,
    unique,
)
from tests.servers import Api, expect, free_port

Document = dict[str, Any]


@dataclass
class Calls:
    """Executions of one executor each. A behaviour's path ends in a tag of its own, so that its calls are found again."""

    api: Api
    provider: Provider
    executions: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    workflows: dict[str, str] = field(default_factory=dict)

    def configure(self, **config: Any) -> str:
        return create_configuration(self.api, config.pop("base_url", self.provider.url), **config)

    def begin(self, name: str, path: str, configuration: str | None = None, /, **data: Any) -> None:
        """Start an execution whose one executor calls this path of the provider."""
        self.paths[name] = f"{path}/{unique(name)}"
        node = executor("call", configuration or self.configure(), path=self.paths[name], **data)
        self.workflows[name] = activate(self.api, chain(trigger(), node))
        self.executions[name] = execute(self.api, self.workflows[name], {"amount": 1500, "id": "a/b c"})

    def results(self, name: str) -> Document:
        return self.api.results(self.executions[name])

    def step(self, name: str) -> Document:
        (step,) = self.results(name)["stepResults"]
        return dict(step)

    def received(self, name: str) -> list[Call]:
        return self.provider.to(self.paths[name])

    def only(self, name: str) -> Call:
        (call,) = self.received(name)
        return call


@pytest.fixture(scope="module")
def api(target: str, api_key: str) -> Iterator[Api]:
    client = Api(target, api_key)
    yield client
    client.close()


@pytest.fixture(scope="module")
def calls(api: Api, provider: Provider) -> Calls:
    return Calls(api, provider)


@pytest.fixture(scope="module")
def breaking(calls: Calls) -> str:
    """The configuration of a provider that is about to fail five times in a row."""
    return calls.configure()


@pytest.fixture(scope="module")
def repeated(calls: Calls, breaking: str) -> Calls:
    """Calls that are worth another attempt, all under way."""
    calls.begin("exhausted", "/status/503", breaking)
    calls.begin("recovered", "/flaky/1/500")
    return calls


@pytest.fixture(scope="module")
def repeated_more(calls: Calls, repeated: Calls) -> Calls:
    """As `repeated`, the ones that take long and do not depend on the home."""
    for status in (408, 425, 429, 502):
        calls.begin(f"once-{status}", f"/flaky/1/{status}")
    calls.begin("timeout", "/slow/1.5", timeout=0.2)
    calls.begin("down", "/", calls.configure(base_url=f"http://127.0.0.1:{free_port()}"))
    return calls


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("repeated_more")  # begins what the last tests look at
@pytest.mark.skip_moto
def test_an_answer_of_20_megabytes_fails_the_node_at_once(calls: Calls) -> None:
    calls.begin("big", "/big/20000000")
    assert "after 1 attempts: executor error: response too large" in calls.results("big")["errorMessage"]


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", "http://localhost/"])
@pytest.mark.skip_moto
def test_a_redirect_to_a_forbidden_destination_is_not_followed(calls: Calls, location: str) -> None:
    path = f"/redirect/{unique()}?to={location}"
    node = executor("call", calls.configure(), path=path)
    results = calls.api.results(execute(calls.api, activate(calls.api, chain(trigger(), node)), {}))
    assert results["errorMessage"].startswith('node "call": executor call failed after 1 attempts: ')
    assert "blocked" in results["errorMessage"]


@pytest.mark.skip_moto
def test_a_redirect_to_where_calls_may_go_is_followed(calls: Calls) -> None:
    landed = f"/score/{unique()}"
    path = f"/redirect/{unique()}?to={calls.provider.url}{landed}"
    node = executor("call", calls.configure(), path=path)
    results = calls.api.results(execute(calls.api, activate(calls.api, chain(trigger(), node)), {}))
    assert results["stepResults"][0]["output"]["url"] == f"{calls.provider.url}{landed}"


@pytest.mark.usefixtures("repeated")  # likewise, where the test above is skipped
def test_a_call_that_cannot_be_built_fails_and_says_why(calls: Calls, api: Api) -> None:
    node = executor("get", calls.configure(), url="items/${workflow.missing}")
    results = api.results(execute(api, activate(api, chain(trigger(), node)), {}))
    cause = "field not found: workflow.missing"
    assert results["errorMessage"] == f'node "get": failed to build runner input: {cause} (FLK-0504)'
    (step,) = results["stepResults"]
    assert (step["status"], step["errorMessage"], step["attempts"]) == ("failed", cause, 1)


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_without_mapping_and_static_configuration_the_whole_context_is_sent(calls: Calls, api: Api) -> None:
    path = f"/score/{unique()}"
    configuration = calls.configure()
    nodes = [trigger(), executor("first", configuration), executor("second", configuration, path=path)]
    execution = api.results(execute(api, activate(api, chain(*nodes)), {"amount": 1}))
    (call,) = calls.provider.to(path)
    assert call.method == "POST"
    assert call.headers["content-type"] == "application/json"
    assert call.body == {
        "workflow": {"amount": 1},
        "first": execution["stepResults"][0]["output"],
    }


@pytest.mark.skip_moto
def test_static_fields_of_the_http_executor_other_than_the_body_leave_the_context_as_body(
    calls: Calls, api: Api
) -> None:
    path, configuration = f"/score/{unique()}", calls.configure()
    static = {"headers": {"X-Static": "1"}, "query": {"q": "x y"}}
    nodes = [
        trigger(),
        executor("first", configuration),
        executor("second", configuration, path=path, **static),
    ]
    api.results(execute(api, activate(api, chain(*nodes)), {"amount": 1}))
    (call,) = calls.provider.to(path)
    assert set(call.body) == {"workflow", "first"}
    assert call.headers["x-static"] == "1"
    assert call.path in (f"{path}?q=x+y", f"{path}?q=x%20y")


def test_mapped_values_are_merged_over_the_static_body(calls: Calls) -> None:
    body = {"currency": "BRL", "nested": {"kept": 1, "changed": 1}}
    mapping = [
        {"source": "workflow.amount", "target": "nested.changed"},
        {"source": "workflow.amount", "target": "amount"},
    ]
    calls.begin("merged", "/score", None, body=body, inputMapping=mapping)
    assert calls.results("merged")["status"] == "completed"
    assert calls.only("merged").body == {
        "currency": "BRL",
        "nested": {"kept": 1, "changed": 1500},
        "amount": 1500,
    }


@pytest.mark.skip_moto
def test_a_static_body_is_sent_as_it_is(calls: Calls) -> None:
    calls.begin("static", "/score", None, body={"a": [1, {"b": None}]})
    calls.begin("text", "/score", None, body="plain")
    calls.begin("nothing", "/score", None, body=None)
    assert calls.results("static")["status"] == "completed"
    assert calls.only("static").body == {"a": [1, {"b": None}]}
    assert calls.results("text")["status"] == "completed"
    assert calls.only("text").raw == b"plain"
    assert calls.results("nothing")["status"] == "completed"
    assert calls.only("nothing").raw == b""


@pytest.mark.skip_moto
def test_static_fields_of_other_executors_are_the_body(calls: Calls, api: Api) -> None:
    config = {"base_url": calls.provider.url, "api_key": "tracer-secret"}
    body = {"name": unique(), "providerId": "tracer", "config": config}
    configuration = expect(api.post("/v1/provider-configurations", body), 201)["id"]
    path = f"/score/{unique()}"
    node = executor("list", configuration, executorId="tracer.list-validations", path=path, limit=5)
    api.results(execute(api, activate(api, chain(trigger(), node)), {}))
    (call,) = calls.provider.to(path)
    assert call.body == {"limit": 5}
    assert call.headers["x-api-key"] == "tracer-secret"


@pytest.mark.skip_moto
def test_an_input_mapping_with_executor_prefixes_addresses_the_body(calls: Calls) -> None:
    mapping = [{"source": "workflow.amount", "target": "executor.value"}]
    calls.begin("prefixed", "/score", None, inputMapping=mapping)
    assert calls.results("prefixed")["status"] == "completed"
    assert calls.only("prefixed").body == {"value": 1500}


@pytest.mark.skip_moto
@pytest.mark.parametrize("method", ["GET", "put", "PATCH", "DELETE"])
def test_the_method_is_the_nodes(calls: Calls, method: str) -> None:
    calls.begin(f"method-{method}", "/score", None, method=method)
    assert calls.results(f"method-{method}")["status"] == "completed"
    call = calls.only(f"method-{method}")
    assert call.method == method.upper()
    assert ("idempotency-key" in call.headers) == (method != "GET")


@pytest.mark.skip_moto
def test_the_url_is_joined_from_base_and_path(calls: Calls, api: Api) -> None:
    tag = unique()
    expected = {
        "path": ({"path": "/v1/../v2//x/"}, f"/{tag}/base/v2/x/"),
        "endpoint": ({"endpointName": "validate"}, f"/{tag}/base/validate"),
        "neither": ({}, f"/{tag}/base/"),
        "url": ({"url": "items/${workflow.id}?full=1"}, f"/{tag}/base/items/a%2Fb%20c?full=1"),
    }
    configuration = calls.configure(base_url=f"{calls.provider.url}/{tag}/base/")
    for name, (data, path) in expected.items():
        node = executor("call", configuration, **data)
        if "path" not in data:
            del node["data"]["path"]
        workflow_id = activate(api, chain(trigger(), node))
        before = len(calls.provider.to(f"/{tag}"))
        results = api.results(execute(api, workflow_id, {"id": "a/b c"}))
        assert results["status"] == "completed", name
        assert calls.provider.to(f"/{tag}")[before].path == path


@pytest.mark.skip_moto
def test_headers_of_provider_and_node_are_sent_and_the_node_wins(calls: Calls) -> None:
    configuration = calls.configure(
        headers={"X-One": "provider", "X-Two": "provider", "idempotency-key": "own"}
    )
    calls.begin("headers", "/score", configuration, headers={"x-two": "node"})
    assert calls.results("headers")["status"] == "completed"
    headers = calls.only("headers").headers
    assert (headers["x-one"], headers["x-two"], headers["idempotency-key"]) == ("provider", "node", "own")
    assert headers["user-agent"].startswith("flowker")


BASIC = "Basic " + b64encode(b"ana:s3cret").decode()


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("config", "header"),
    [
        ({}, None),
        ({"auth": {"type": "none"}}, None),
        ({"auth": {"type": "api_key", "config": {"key": "s3cret"}}}, ("x-api-key", "s3cret")),
        (
            {"auth": {"type": "api_key", "config": {"key": "s3cret", "header_name": "X-Key"}}},
            ("x-key", "s3cret"),
        ),
        (
            {"auth": {"type": "api_key", "config": {"key": "X-Mine", "value": "s3cret"}}},
            ("x-mine", "s3cret"),
        ),
        (
            {"auth": {"type": "basic", "config": {"username": "ana", "password": "s3cret"}}},
            ("authorization", BASIC),
        ),
        ({"auth_type": "bearer", "bearer_token": "s3cret"}, ("authorization", "Bearer s3cret")),
        ({"auth_type": "basic", "username": "ana", "password": "s3cret"}, ("authorization", BASIC)),
        ({"auth_type": "api_key", "api_key": "s3cret"}, ("x-api-key", "s3cret")),
    ],
)
def test_calls_identify_themselves_as_configured(
    calls: Calls, config: Document, header: tuple[str, str] | None
) -> None:
    name = unique("auth")
    calls.begin(name, "/score", calls.configure(**config))
    results = calls.results(name)
    assert results["status"] == "completed"
    headers = calls.only(name).headers
    if header is None:
        assert not {"authorization", "x-api-key"} & set(headers)
    else:
        assert headers[header[0]] == header[1]
    assert "s3cret" not in str(results["stepResults"][0]["output"]["headers"])


def test_a_secret_of_the_configuration_reaches_the_provider_and_nobody_else(calls: Calls, api: Api) -> None:
    configuration = calls.configure(auth={"type": "bearer", "config": {"token": "s3cret"}})
    calls.begin("bearer", "/empty", configuration)
    assert "s3cret" not in str(calls.results("bearer"))
    assert calls.only("bearer").headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in api.get(f"/v1/provider-configurations/{configuration}").text


@pytest.mark.skip_moto
def test_an_api_key_may_go_into_the_query_and_stays_out_of_the_recorded_url(calls: Calls) -> None:
    secret = {"key": "s3cret", "location": "query", "query_param_name": "k"}
    calls.begin("query", "/score", calls.configure(auth={"type": "api_key", "config": secret}))
    assert "s3cret" not in str(calls.step("query")["output"]["url"])
    assert calls.only("query").path.endswith("?k=s3cret")


@pytest.mark.skip_moto
def test_authentication_of_the_node_wins_over_the_providers(calls: Calls) -> None:
    configuration = calls.configure(auth={"type": "bearer", "config": {"token": "provider"}})
    own = {"type": "bearer", "config": {"token": "node"}}
    calls.begin("own-auth", "/score", configuration, auth=own)
    assert calls.results("own-auth")["status"] == "completed"
    assert calls.only("own-auth").headers["authorization"] == "Bearer node"


@pytest.mark.skip_moto
def test_incomplete_credentials_fail_at_once_and_without_a_call(calls: Calls) -> None:
    calls.begin("no-key", "/score", calls.configure(auth_type="api_key"))
    message = calls.results("no-key")["errorMessage"]
    assert "after 1 attempts: executor error: failed to create auth provider" in message
    assert "key is required" in message
    assert calls.received("no-key") == []


# --- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.skip_moto
def test_answers_are_json_text_or_nothing(calls: Calls) -> None:
    calls.begin("plain", "/text")
    calls.begin("empty", "/empty")
    assert calls.step("plain")["output"]["body"] == "plain"
    empty = calls.step("empty")["output"]
    assert (empty["status"], "body" in empty) == (204, False)


@pytest.mark.skip_moto
def test_the_node_may_say_which_statuses_are_a_success(calls: Calls) -> None:
    calls.begin("teapot", "/status/418", None, success_status_codes=[418])
    calls.begin("strict", "/score", None, success_status_codes=[201])
    assert calls.step("teapot")["output"]["status"] == 418
    assert "http request failed with status 200" in calls.results("strict")["errorMessage"]


# --- configurations that change while an execution runs ----------------------------------------------------------------


def slow_then(calls: Calls, second: str, path: str) -> str:
    """The id of an active workflow that takes a second before it calls through the second configuration."""
    slow = executor("slow", calls.configure(), path="/slow/1")
    return activate(calls.api, chain(trigger(), slow, executor("call", second, path=path)))


def test_a_provider_that_was_disabled_meanwhile_is_not_called(calls: Calls, api: Api) -> None:
    configuration, path = calls.configure(), f"/score/{unique()}"
    execution_id = execute(api, slow_then(calls, configuration, path), {})
    expect(api.post(f"/v1/provider-configurations/{configuration}/disable"), 200)
    results = api.results(execution_id)
    assert results["errorMessage"] == 'node "call": provider configuration is not active (FLK-0504)'
    assert [step["status"] for step in results["stepResults"]] == ["completed", "failed"]
    assert calls.provider.to(path) == []


@pytest.mark.skip_moto
def test_a_provider_that_was_deleted_meanwhile_is_not_called(calls: Calls, api: Api) -> None:
    configuration, path = calls.configure(), f"/score/{unique()}"
    workflow_id = slow_then(calls, configuration, path)
    execution_id = execute(api, workflow_id, {})
    expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    assert api.delete(f"/v1/provider-configurations/{configuration}").status_code == 204
    results = api.results(execution_id)
    assert results["errorMessage"] == 'node "call": provider config not found (FLK-0504)'
    assert calls.provider.to(path) == []


@pytest.mark.skip_moto
def test_running_executions_keep_the_definition_they_started_with(calls: Calls, api: Api) -> None:
    configuration, path, other = calls.configure(), f"/score/{unique()}", f"/score/{unique()}"
    workflow_id = slow_then(calls, configuration, path)
    execution_id = execute(api, workflow_id, {})
    expect(api.post(f"/v1/workflows/{workflow_id}/deactivate"), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/draft"), 200)
    changed = chain(trigger(), executor("call", configuration, path=other))
    expect(api.put(f"/v1/workflows/{workflow_id}", changed), 200)
    expect(api.post(f"/v1/workflows/{workflow_id}/activate"), 200)
    assert [step["nodeId"] for step in api.results(execution_id)["stepResults"]] == ["slow", "call"]
    assert (len(calls.provider.to(path)), len(calls.provider.to(other))) == (1, 0)


@pytest.mark.skip_moto
def test_workflows_are_not_activated_on_a_disabled_provider(calls: Calls, api: Api) -> None:
    configuration = calls.configure()
    draft = create_workflow(api, chain(trigger(), executor("call", configuration)))
    expect(api.post(f"/v1/provider-configurations/{configuration}/disable"), 200)
    expect(api.post(f"/v1/workflows/{draft}/activate"), 400, "FLK-0150")


# --- what is repeated ------------------------------------------------------------------------------------------------


def test_a_transient_failure_is_repeated_under_the_same_idempotency_key(repeated: Calls) -> None:
    step = repeated.step("recovered")
    assert (step["status"], step["attempts"], step["statusCode"]) == ("completed", 2, 200)
    first, second = repeated.received("recovered")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.raw == second.raw


@pytest.mark.skip_moto
@pytest.mark.parametrize("status", [408, 425, 429, 502])
def test_these_statuses_are_transient(repeated_more: Calls, status: int) -> None:
    step = repeated_more.step(f"once-{status}")
    assert (step["status"], step["attempts"]) == ("completed", 2)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 301])
@pytest.mark.skip_moto
def test_other_statuses_are_final(calls: Calls, status: int) -> None:
    calls.begin(f"final-{status}", f"/status/{status}")
    results = calls.results(f"final-{status}")
    reason = f"executor error: http request failed with status {status}"
    assert results["errorMessage"] == (
        f'node "call": executor call failed after 1 attempts: {reason} (FLK-0504)'
    )
    assert (results["errorCode"], results["failedNodeId"]) == ("FLK-0504", "call")
    step = calls.step(f"final-{status}")
    assert (step["errorMessage"], step["attempts"], step["statusCode"]) == (reason, 1, status)
    assert len(calls.received(f"final-{status}")) == 1


def test_after_five_attempts_the_node_has_failed(repeated: Calls) -> None:
    results = repeated.results("exhausted")
    assert results["errorMessage"].startswith('node "call": executor call failed after 5 attempts: ')
    assert "http request failed with status 503" in results["errorMessage"]
    assert repeated.step("exhausted")["attempts"] == 5
    received = repeated.received("exhausted")
    assert len(received) == 5
    assert len({call.headers["idempotency-key"] for call in received}) == 1


def test_five_failures_in_a_row_open_the_circuit_for_all_workflows(
    repeated: Calls, breaking: str, api: Api
) -> None:
    assert repeated.results("exhausted")["status"] == "failed"
    before = time.monotonic()
    repeated.begin("rejected", "/score", breaking)
    results = repeated.results("rejected")
    assert time.monotonic() - before < 5
    assert results["errorMessage"] == 'node "call": executor call failed after 1 attempts: FLK-0507'
    assert results["errorCode"] == "FLK-0507"
    step = repeated.step("rejected")
    assert (step["errorMessage"], step["attempts"]) == ("FLK-0507", 1)
    assert repeated.received("rejected") == []
    again = execute(api, repeated.workflows["recovered"], {})  # another configuration, another circuit
    assert api.results(again)["status"] == "completed"


@pytest.mark.skip_moto
def test_a_provider_that_does_not_answer_in_time_is_called_again(repeated_more: Calls) -> None:
    results = repeated_more.results("timeout")
    assert (
        "executor call failed after 5 attempts: executor error: request failed: " in results["errorMessage"]
    )
    assert "timed out" in results["errorMessage"]
    assert len(repeated_more.received("timeout")) == 5


@pytest.mark.skip_moto
def test_a_provider_that_is_down_is_called_again(repeated_more: Calls) -> None:
    results = repeated_more.results("down")
    assert (
        "executor call failed after 5 attempts: executor error: request failed: " in results["errorMessage"]
    )
    assert "statusCode" not in repeated_more.step("down")


@pytest.mark.skip_moto
def test_each_step_of_each_execution_has_an_idempotency_key_of_its_own(calls: Calls, api: Api) -> None:
    paths = [f"/score/{unique()}" for _ in range(2)]
    configuration = calls.configure()
    nodes = [executor(f"call-{n}", configuration, path=path) for n, path in enumerate(paths)]
    workflow_id = activate(api, chain(trigger(), *nodes))
    for _ in range(2):
        api.results(execute(api, workflow_id, {}))
    received = [call for path in paths for call in calls.provider.to(path)]
    assert len({call.headers["idempotency-key"] for call in received}) == len(received) == 4

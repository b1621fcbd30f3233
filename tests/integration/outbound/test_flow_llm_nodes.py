"""`llm` and `agent` through the real adapter, against servers that answer as providers do (FlowRunner spec d.7, d.8)."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import OutboundHttp
from flowker.nodes.flow.base import Done, FlowFailure
from tests.flow_nodes import World
from tests.integration.outbound.calls import resolve
from tests.integration.outbound.provider_server import Call, ProviderServer
from tests.models import KEY, TRACK, anthropic, asks, call, openai, written

JSON = {"Content-Type": "application/json"}
PROVIDERS = pytest.mark.parametrize("name", ["openai", "anthropic", "local"])
OPENAI_PATH, ANTHROPIC_PATH = "/v1/chat/completions", "/v1/messages"


def params(server: ProviderServer, name: str, **more: Any) -> dict[str, Any]:
    given = {"provider": name, "base_url": server.url(), "api_key": KEY, "model": "m", "prompt": "Hi"}
    return {**given, **more}


def run(http: OutboundHttp, given: dict[str, Any], kind: str = "llm") -> Done:
    return World(send=http.send).done(kind, given)


def failure(http: OutboundHttp, given: dict[str, Any], kind: str = "llm") -> FlowFailure:
    found = World(send=http.send).failure(kind, given)
    assert KEY not in found.message
    assert KEY not in json.dumps(found.details, default=str)
    return found


def speak(server: ProviderServer, *said: Any) -> None:
    """Answer as both providers, but only to requests that are right; one after the other."""
    left = list(said)

    def openais(call: Call) -> None:
        asked = json.loads(call.body)
        right = call.headers["Authorization"] == f"Bearer {KEY}" and call.headers["x-api-key"] is None
        right = right and asked["messages"] and asked["model"] == "m"
        reply(call, right)

    def anthropics(call: Call) -> None:
        asked = json.loads(call.body)
        right = call.headers["x-api-key"] == KEY and call.headers["Authorization"] is None
        right = right and call.headers["anthropic-version"] == "2023-06-01" and asked["max_tokens"] > 0
        right = right and all(message["role"] in ("user", "assistant") for message in asked["messages"])
        reply(call, right)

    def reply(call: Call, right: bool) -> None:
        if call.headers["Content-Type"] == "application/json" and right:
            call.answer(200, written(left.pop(0)), JSON)
        else:
            refuse(call, 401, "authentication failed")

    server.behaviours |= {OPENAI_PATH: openais, ANTHROPIC_PATH: anthropics}


def refuse(call: Call, status: int, message: str) -> None:
    call.answer(status, written({"type": "error", "error": {"type": "x", "message": message}}), JSON)


def behave(server: ProviderServer, behaviour: Callable[[Call], None]) -> None:
    server.behaviours |= {OPENAI_PATH: behaviour, ANTHROPIC_PATH: behaviour}


@PROVIDERS
def test_a_provider_is_asked_and_answers(provider: ProviderServer, http: OutboundHttp, name: str) -> None:
    speak(provider, anthropic() if name == "anthropic" else openai())
    done = run(http, params(provider, name, templates=[{"role": "system", "template": "Be {{.how}}."},
                                                       {"role": "user", "template": "Grüezi"}],
                            context={"how": "brief"}))  # fmt: skip
    assert (done.value["content"], done.value["usage"]["total_tokens"]) == ("Hello!", 18)
    (received,) = provider.received
    asked = json.loads(received.body)
    if name == "anthropic":
        assert (asked["system"], asked["messages"]) == ("Be brief.", [{"role": "user", "content": "Grüezi"}])
    else:
        assert [message["content"] for message in asked["messages"]] == ["Be brief.", "Grüezi"]
    assert KEY not in repr(done)


@PROVIDERS
def test_bad_credentials_are_a_failure(provider: ProviderServer, http: OutboundHttp, name: str) -> None:
    behave(provider, lambda call: refuse(call, 401, f"invalid key {KEY}"))
    found = failure(http, params(provider, name))
    assert (found.message, found.handle) == ("LLM API error: status 401: invalid key ***", "client_error")
    assert (found.details["status_code"], found.retryable) == (401, False)


@PROVIDERS
def test_a_provider_that_is_overloaded_is_asked_again(
    provider: ProviderServer, http: OutboundHttp, name: str
) -> None:
    behave(provider, lambda call: refuse(call, 529, "overloaded"))
    found = failure(http, params(provider, name))
    assert (found.handle, found.retryable) == ("server_error", True)


@PROVIDERS
def test_no_answer_in_time_is_a_timeout(provider: ProviderServer, http: OutboundHttp, name: str) -> None:
    behave(provider, lambda call: call.drip(b"HTTP/1.1 200 OK\r\n" * 9))
    found = failure(http, params(provider, name, timeout="200ms"))
    assert (found.message, found.handle) == ("request failed: timed out after 0.2 s", "timeout")
    assert found.retryable


@PROVIDERS
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>hello</html>", "LLM API error: the answer is not JSON"),
        (b"{}", "LLM API error: the answer has no "),
        (b'{"choices": [], "content": null}', "LLM API error: the answer has no "),
        (b'"' + b"x" * 1_100_000 + b'"', "LLM API error: the answer is larger than 1 MiB"),
    ],
)
def test_an_answer_that_is_none_is_a_failure(
    provider: ProviderServer, http: OutboundHttp, name: str, body: bytes, message: str
) -> None:
    behave(provider, lambda call: call.answer(200, body, JSON))
    assert failure(http, params(provider, name)).message.startswith(message)


def test_a_provider_that_breaks_off_is_a_failure_for_now(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    behave(provider, lambda call: call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"))
    assert failure(http, params(provider, "openai")).retryable


def test_a_provider_that_refuses_is_a_failure_for_now(provider: ProviderServer, http: OutboundHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = failure(http, {**params(provider, "openai"), "base_url": f"http://127.0.0.1:{port}"})
    assert (found.handle, found.retryable) == (None, True)


def test_a_redirect_does_not_carry_the_prompt_away(
    provider: ProviderServer, other: ProviderServer, http: OutboundHttp
) -> None:
    behave(provider, lambda call: call.redirect(other.url("/"), 307))
    assert failure(http, params(provider, "openai")).message == "LLM API error: status 307: moved"
    assert other.received == []


def test_a_provider_on_loopback_is_refused_where_it_is_not_allowed(provider: ProviderServer) -> None:
    guarded = OutboundHttp(Destinations(False, resolve))
    try:
        assert not failure(guarded, params(provider, "openai")).retryable
    finally:
        guarded.close()
    assert provider.received == []


@pytest.mark.parametrize("key", ["k\r\nX-Admin: 1", "schlüssel\x00"])
def test_a_key_cannot_bring_another_header(provider: ProviderServer, http: OutboundHttp, key: str) -> None:
    speak(provider, openai())
    found = World(send=http.send).failure("llm", params(provider, "openai", api_key=key))
    assert not found.retryable
    assert key not in found.message
    assert provider.received == []


@PROVIDERS
def test_an_agent_looks_something_up(provider: ProviderServer, http: OutboundHttp, name: str) -> None:
    use = {"type": "tool_use", "id": "call_1", "name": "track", "input": {"code": "P-1"}}
    first, last = (
        (anthropic(use, reason="tool_use"), anthropic()) if name == "anthropic" else (asks(call()), openai())
    )
    speak(provider, first, last)
    provider.behaviours["/parcels"] = lambda call: call.answer(200, b'{"place":"Basel"}', JSON)
    tool = {
        **TRACK["function"],  # type: ignore[dict-item]
        "node": "http.request",
        "params": {
            "url": provider.url("/parcels"),
            "query_params": {"code": "${args.code}"},
            "api_key": "${secrets.K}",
        },
    }
    world = World(send=http.send, secrets={"K": "p4rcel"})
    done = world.done("agent", params(provider, name, tools=[tool]))
    assert done.value["response"] == "Hello!"
    assert [received.target for received in provider.received][1] == "/parcels?code=P-1"
    assert provider.received[1].headers["X-API-Key"] == "p4rcel"
    told = provider.received[2].body.decode()
    assert "Basel" in told
    assert "p4rcel" not in told


def test_an_agent_cannot_reach_what_a_flow_cannot(provider: ProviderServer, http: OutboundHttp) -> None:
    tool = {"name": "get", "node": "http.request", "params": {"url": "${args.url}"}}
    speak(provider, asks(call("get", '{"url":"http://169.254.169.254/latest"}')), openai())
    done = run(http, params(provider, "openai", tools=[tool]), "agent")
    (used,) = done.value["intermediate_results"]
    assert used["result"] is None
    assert used["error"]


def test_an_agent_fails_as_its_model_does(provider: ProviderServer, http: OutboundHttp) -> None:
    behave(provider, lambda call: refuse(call, 401, f"invalid key {KEY}"))
    found = failure(http, params(provider, "openai"), "agent")
    assert (found.message, found.handle) == ("LLM API error: status 401: invalid key ***", "client_error")

"""`mcp` through the real adapter, against the official server and against bad ones (FlowRunner spec d.12)."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from flowker.adapters.destinations import Destinations
from flowker.adapters.outbound_http import OutboundHttp
from flowker.nodes.flow.base import FlowFailure
from tests.flow_nodes import World
from tests.integration.outbound.calls import resolve
from tests.integration.outbound.mcp_server import TOKEN, Seen, mcp_server
from tests.integration.outbound.provider_server import Call, ProviderServer

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
TRACK = {"operation": "executeTool", "toolName": "track", "toolParameters": {"code": "P-1"}}


@pytest.fixture(params=["events", "json", "stateless"])
def parcels(request: pytest.FixtureRequest) -> Iterator[tuple[str, Seen]]:
    options = {"json": {"json_response": True}, "stateless": {"stateless_http": True}}
    with mcp_server(**options.get(request.param, {})) as server:
        yield server


def asked(http: OutboundHttp, url: str, **params: Any) -> Any:
    world = World(send=http.send)
    return world.done("mcp", {"url": url, "headers": HEADERS, **params}).value["result"]


def failure(http: OutboundHttp, url: str, **params: Any) -> FlowFailure:
    return World(send=http.send).failure("mcp", {"url": url, "headers": HEADERS, **TRACK, **params})


def test_all_operations_are_understood(parcels: tuple[str, Seen], http: OutboundHttp) -> None:
    url, seen = parcels
    tools = asked(http, url, operation="listTools")["tools"]
    assert [tool["name"] for tool in tools] == ["track", "lose"]
    tool = asked(http, url, **TRACK)
    assert tool["structuredContent"] == {"code": "P-1", "place": "Basel", "desk": "north"}
    assert json.loads(tool["content"][0]["text"])["place"] == "Basel"
    resources = asked(http, url, operation="listResources")["resources"]
    assert [resource["uri"] for resource in resources] == ["parcel://rules"]
    assert asked(http, url, operation="listResourceTemplates")["resourceTemplates"] == []
    read = asked(http, url, operation="readResource", resourceUri="parcel://rules")
    assert read["contents"][0]["text"] == "No liquids."
    assert [prompt["name"] for prompt in asked(http, url, operation="listPrompts")["prompts"]] == ["apology"]
    said = asked(http, url, operation="getPrompt", promptName="apology", promptParameters={"name": 7})
    assert said["messages"][0]["content"]["text"] == "Sorry, 7."
    assert all(header == f"Bearer {TOKEN}" for header in seen.headers("authorization"))


def test_a_session_is_opened_used_and_closed(http: OutboundHttp) -> None:
    with mcp_server() as (url, seen):
        asked(http, url, **TRACK)
    assert [method for method, _ in seen.requests] == ["POST", "POST", "POST", "DELETE"]
    first, *others = seen.headers("mcp-session-id")
    assert first is None
    assert len(set(others)) == 1
    assert others[0]
    assert seen.headers("mcp-protocol-version") == [None, *["2025-11-25"] * 3]
    keys = seen.headers("idempotency-key")[:3]
    assert len(set(keys)) == 3


def test_a_tool_that_fails_makes_the_node_fail(parcels: tuple[str, Seen], http: OutboundHttp) -> None:
    found = failure(http, parcels[0], toolName="lose")
    assert found.message.startswith("MCP tool failed: ")
    assert found.details["result"]["isError"] is True


@pytest.mark.parametrize(
    "params",
    [
        {"operation": "getPrompt", "promptName": "no"},
        {"operation": "readResource", "resourceUri": "parcel://no"},
    ],
)
def test_what_the_server_does_not_have_is_a_failure(params: dict[str, Any], http: OutboundHttp) -> None:
    with mcp_server() as (url, _):
        found = failure(http, url, **params)
    assert found.message.startswith("MCP error ")
    assert isinstance(found.details["code"], int)


def test_bad_credentials_are_a_failure_that_does_not_show_them(http: OutboundHttp) -> None:
    with mcp_server() as (url, _):
        found = failure(http, url, headers={"Authorization": "Bearer wr0ng-t0ken"})
    assert (found.message, found.handle, found.retryable) == (
        "MCP error: status 401: bad ***",
        "client_error",
        False,
    )
    assert found.details["status_code"] == 401
    assert "wr0ng" not in json.dumps(found.details)


def test_a_server_that_refuses_is_a_failure_for_now(http: OutboundHttp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = failure(http, f"http://127.0.0.1:{port}/mcp")
    assert (found.handle, found.retryable, found.message[:15]) == (None, True, "request failed:")


def test_a_server_on_loopback_is_refused_where_it_is_not_allowed() -> None:
    guarded = OutboundHttp(Destinations(False, resolve))
    try:
        with mcp_server() as (url, seen):
            assert not failure(guarded, url).retryable
        assert seen.requests == []
    finally:
        guarded.close()


def test_no_answer_in_time_is_a_timeout(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = lambda call: call.drip(b"HTTP/1.1 200 OK\r\n" * 9)
    found = failure(http, provider.url("/"), timeout=200)
    assert (found.handle, found.retryable) == ("timeout", True)


def answers(*answers: tuple[int, bytes, dict[str, str]]) -> Any:
    """A server that gives these answers one after the other, and then the last one again."""
    left = list(answers)

    def behave(call: Call) -> None:
        status, body, headers = left.pop(0) if len(left) > 1 else left[0]
        call.answer(status, body, headers)

    return behave


JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
HELLO = (200, b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}', JSON)
NOTED: tuple[int, bytes, dict[str, str]] = (202, b"", {})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, b"nonsense", JSON), "the answer is no answer in JSON-RPC"),
        ((200, b"", JSON), "the answer is no answer in JSON-RPC"),
        ((200, b"[7, {}]", JSON), "the answer is no answer in JSON-RPC"),
        ((200, b'{"id":9,"result":{}}', JSON), "the answer is no answer in JSON-RPC"),
        ((200, b"data: {\n\ndata: x", EVENTS), "the answer is no answer in JSON-RPC"),
        ((200, b'"' + b"x" * 1_100_000 + b'"', JSON), "the answer is larger than 1 MiB"),
        ((404, b"gone", {}), "status 404"),
        ((200, b'{"id":2,"error":"odd"}', JSON), "MCP error: "),
        ((200, b'{"id":2,"error":{"code":[],"message":5}}', JSON), "MCP error: "),
    ],
)
def test_an_answer_that_is_none_is_a_failure(
    provider: ProviderServer, http: OutboundHttp, answer: tuple[int, bytes, dict[str, str]], message: str
) -> None:
    provider.behaviours["/"] = answers(HELLO, NOTED, answer)
    found = failure(http, provider.url("/"))
    assert message in found.message
    assert found.message.startswith("MCP error")


def test_a_protocol_that_nobody_knows_is_a_failure(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = answers((200, b'{"id":1,"result":{"protocolVersion":"1999-01-01"}}', JSON))
    found = failure(http, provider.url("/"))
    assert (found.message, found.retryable) == ("MCP error: the server speaks protocol 1999-01-01", False)


def test_what_the_server_tells_on_the_way_is_passed_over(
    provider: ProviderServer, http: OutboundHttp
) -> None:
    stream = (
        ': hello\r\nevent: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/progress"}\r\n\r\n'
        'id: 4\r\ndata: {"jsonrpc":"2.0","id":2,"method":"ping"}\r\n\r\n'
        'data: {"jsonrpc":"2.0",\r\ndata:"id":2,"result":{"tools":[{"name":"a"}]}}\r\n\r\n'
    )
    provider.behaviours["/"] = answers(HELLO, NOTED, (200, stream.encode(), EVENTS))
    assert asked(http, provider.url("/"), operation="listTools") == {"tools": [{"name": "a"}]}


def test_all_pages_of_a_list_are_read(provider: ProviderServer, http: OutboundHttp) -> None:
    pages = [
        (200, b'{"id":2,"result":{"tools":[{"name":"a"}],"nextCursor":"x"}}', JSON),
        (200, b'{"id":3,"result":{"tools":[{"name":"b"}]}}', JSON),
    ]
    provider.behaviours["/"] = answers(HELLO, NOTED, *pages)
    assert asked(http, provider.url("/"), operation="listTools") == {"tools": [{"name": "a"}, {"name": "b"}]}
    assert json.loads(provider.received[3].body)["params"] == {"cursor": "x"}


def test_a_list_that_is_none_is_a_failure(provider: ProviderServer, http: OutboundHttp) -> None:
    provider.behaviours["/"] = answers(HELLO, NOTED, (200, b'{"id":2,"result":{"tools":5}}', JSON))
    assert (
        failure(http, provider.url("/"), operation="listTools").message == "MCP error: the answer has no list"
    )


def test_a_list_without_end_is_a_failure(provider: ProviderServer, http: OutboundHttp) -> None:
    def behave(call: Call) -> None:
        message = json.loads(call.body)
        result = {"protocolVersion": "2025-11-25", "tools": [], "nextCursor": "x"}
        call.answer(200, json.dumps({"id": message.get("id"), "result": result}).encode(), JSON)

    provider.behaviours["/"] = behave
    found = failure(http, provider.url("/"), operation="listTools")
    assert (found.message, found.retryable) == ("MCP error: the list has more than 50 pages", False)


def test_a_redirect_of_the_endpoint_is_followed(provider: ProviderServer, http: OutboundHttp) -> None:
    with mcp_server() as (url, _):
        provider.behaviours["/mcp/"] = lambda call: call.redirect(url, 307)
        assert not failure(http, provider.url("/mcp/")).retryable  # credentials stay with the first origin
    provider.behaviours["/old"] = lambda call: call.redirect("/new", 307)
    provider.behaviours["/new"] = answers(HELLO, NOTED, (200, b'{"id":2,"result":{}}', JSON))
    assert asked(http, provider.url("/old"), operation="listTools") == {"tools": []}

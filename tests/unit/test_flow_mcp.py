"""`mcp`: its params, and events in a stream (FlowRunner spec d.12)."""

from typing import Any

import pytest

from flowker.nodes.flow.mcp_session import events
from tests.flow_nodes import World, problems

URL = "https://tools.example.com/mcp"
LIST = {"url": URL, "operation": "listTools"}
CMD = [("unsupported", "connectionType")]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        (LIST, []),
        ({**LIST, "connectionType": "http", "timeout": 60000}, []),
        ({**LIST, "connectionType": "sse", "timeout": "1m"}, []),
        ({**LIST, "connectionType": "cmd"}, CMD),
        ({"operation": "listTools"}, CMD),
        ({"operation": "listTools", "connectionType": "cmd", "command": "sh"}, CMD),
        ({"operation": "listTools", "connectionType": "http"}, [("missing_param", "url")]),
        ({**LIST, "connectionType": "stdio"}, [("invalid_param", "connectionType")]),
        ({"url": URL}, [("missing_param", "operation")]),
        ({"url": URL, "operation": "deleteTool"}, [("invalid_param", "operation")]),
        ({"url": URL, "operation": "executeTool"}, [("missing_param", "toolName")]),
        ({"url": URL, "operation": "readResource"}, [("missing_param", "resourceUri")]),
        ({"url": URL, "operation": "getPrompt"}, [("missing_param", "promptName")]),
        ({"url": "${input.url}", "operation": "${input.o}", "toolParameters": "${input.p}"}, []),
        ({**LIST, "timeout": 0}, [("invalid_param", "timeout")]),
        ({**LIST, "timeout": 300_001}, [("invalid_param", "timeout")]),
        ({**LIST, "timeout": "x"}, [("invalid_duration", "timeout")]),
    ],
)
def test_literals_are_judged_when_a_flow_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("mcp", params) == found


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({**LIST, "connectionType": "cmd"}, 'param "connectionType" cmd would start a process'),
        ({"operation": "listTools"}, 'param "connectionType" cmd would start a process'),
        ({"url": URL, "operation": "executeTool"}, 'param "toolName" is required to executeTool'),
        ({**LIST, "headers": {"A": "x\ny: z"}}, 'param "headers" must not contain line breaks'),
    ],
)
def test_params_are_judged_again_when_the_node_runs(params: dict[str, Any], message: str) -> None:
    found = World().failure("mcp", params)
    assert (found.message.startswith(message), found.retryable) == (True, False)


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        ("", []),
        ("data: a\n\n", ["a"]),
        ("data:a\ndata: b\n\ndata: c\n\n", ["a\nb", "c"]),
        ("\ufeffdata: a\r\rdata: b\r\n\r\n", ["a", "b"]),
        ("event: x\nid: 1\nretry: 5\n: comment\n\ndata\n\n", [""]),
        ("data: a\n\ndata: cut off", ["a"]),
        ("data: a\n\ndata: cut off\n", ["a"]),
    ],
)
def test_events_are_read_from_a_stream(stream: str, found: list[str]) -> None:
    assert list(events(stream)) == found

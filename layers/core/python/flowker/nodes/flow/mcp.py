"""`mcp`: a request to a server of the Model Context Protocol (FlowRunner spec d.12)."""

from collections.abc import Iterator, Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.run import Level
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.http_exchange import HEADERS, LONGEST_TIMEOUT, header_texts, text_of
from flowker.nodes.flow.mcp_session import McpSession
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import MISSING, UNSUPPORTED, Kind, Param, Problem, open_, wrong

CMD = "cmd"
_LISTS = {
    "listTools": ("tools/list", "tools"),
    "listResources": ("resources/list", "resources"),
    "listResourceTemplates": ("resources/templates/list", "resourceTemplates"),
    "listPrompts": ("prompts/list", "prompts"),
}
"""Operations that give all pages of a list: method and member of the result."""
_REQUIRED = {"executeTool": "toolName", "readResource": "resourceUri", "getPrompt": "promptName"}
_NO_PROCESS = "cmd would start a process on our machines; use http and a url"


class Mcp(NodeType):
    name = "mcp"
    table = (
        Param("operation", Kind.TEXT, "What to do", required=True, choices=(*_LISTS, *_REQUIRED)),
        Param("connectionType", Kind.TEXT, "`http` and `sse` both mean streamable HTTP. `cmd` is refused, also where it is "
              "meant because there is no `url`", choices=("http", "sse", CMD)),
        Param("url", Kind.TEXT, "The server's endpoint, `http` or `https`", least=1),
        HEADERS,
        Param("timeout", Kind.MILLISECONDS, "For the whole session; never longer than the node's own `timeout`", default=60_000,
              most=LONGEST_TIMEOUT),
        Param("toolName", Kind.TEXT, "`executeTool`: which tool; required there", least=1),
        Param("toolParameters", Kind.MAP, "`executeTool`: its arguments"),
        Param("resourceUri", Kind.TEXT, "`readResource`: which resource; required there", least=1),
        Param("promptName", Kind.TEXT, "`getPrompt`: which prompt; required there", least=1),
        Param("promptParameters", Kind.MAP, "`getPrompt`: its arguments; what is no text is written as one"),
    )  # fmt: skip
    page = Page(
        summary="Asks a server of the Model Context Protocol over streamable HTTP, in a session of its own that begins with "
        "the protocol's handshake. A tool that reports an error makes the node fail. Answers have at most 1 MiB.",
        example="""\
type: mcp
params:
  url: "https://tools.example.com/mcp"
  headers: { Authorization: "Bearer ${secrets.MCP_TOKEN}" }
  operation: executeTool
  toolName: track_parcel
  toolParameters: { code: "${input.code}" }
next: { default: reply, error: alarm }""",
        results={"result": "the server's result: of lists all pages, of a tool `{content, structuredContent?, isError}`"},
        actions={"default": "the server has answered"},
        handles={
            "client_error": "the server answers with 4xx; the error object has `status_code` and `body`",
            "server_error": "the server answers with 5xx; the error object has `status_code` and `body`",
            "timeout": "no answer in time",
        },
        logs={"MCP request successful": "info, data `{operation, url}`"},
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        kind, operation = params.get("connectionType"), params.get("operation")
        if kind == CMD or (kind is None and params.get("url") is None):
            yield UNSUPPORTED, "connectionType", _NO_PROCESS
        elif params.get("url") is None:
            yield MISSING, "url", "is required"
        if isinstance(operation, str) and not open_(operation):
            name = _REQUIRED.get(operation)
            if name is not None and params.get(name) is None:
                yield MISSING, name, f"is required to {operation}"

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        if values["connectionType"] == CMD or values["url"] is None:
            raise wrong("connectionType", _NO_PROCESS)
        operation = values["operation"]
        name = _REQUIRED.get(operation)
        if name is not None and values[name] is None:
            raise wrong(name, f"is required to {operation}")
        session = McpSession(around, values["url"], header_texts(values["headers"] or {}), values["timeout"])
        result = {"result": _result(session, operation, values)}
        line = Line(Level.INFO, "MCP request successful", {"operation": operation, "url": values["url"]})
        return Done(result, logs=[line], shared=remembered("mcp", result))


def _result(session: McpSession, operation: str, values: Mapping[str, Any]) -> Json:
    try:
        session.open()
        match operation:
            case "executeTool":
                return _of_tool(session, values)
            case "readResource":
                return session.request("resources/read", {"uri": values["resourceUri"]})
            case "getPrompt":
                arguments = {
                    name: text_of(value) for name, value in (values["promptParameters"] or {}).items()
                }
                return session.request("prompts/get", {"name": values["promptName"], "arguments": arguments})
            case _:
                return session.pages(*_LISTS[operation])
    finally:
        session.close()


def _of_tool(session: McpSession, values: Mapping[str, Any]) -> Json:
    arguments = values["toolParameters"] or {}
    result = session.request("tools/call", {"name": values["toolName"], "arguments": arguments})
    if result.get("isError"):
        content = result.get("content")
        parts = content if isinstance(content, list) else []
        said = " ".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and "text" in part)
        raise FlowFailure(f"MCP tool failed: {session.quoted(said)}", details={"result": result})
    return result

"""The wire format of OpenAI's chat completions, which most other providers speak as well (FlowRunner spec d.7)."""

from collections.abc import Mapping
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.nodes.flow.llm_chat import Chat, Tool, malformed, present, tool_call, usage


class OpenAi:
    """Implements `LlmWire`."""

    endpoint = "/v1/chat/completions"
    headers: Mapping[str, str] = {}

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url

    def auth(self, key: str) -> Mapping[str, Json]:
        return {"type": "bearer", "config": {"token": key}}

    def body(self, chat: Chat) -> dict[str, Json]:
        return present(
            {
                "model": chat.model,
                "messages": list(chat.messages),
                "temperature": chat.temperature,
                "max_tokens": chat.max_tokens,
                "stop": chat.stop,
                "tools": [_tool(entry) for entry in chat.tools] if chat.tools else None,
                "functions": chat.functions or None,
                "response_format": chat.response_format,
            }
        )

    def result(self, body: Mapping[str, Any]) -> dict[str, Json]:
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise malformed("has no choices")
        first = choices[0]
        message = first.get("message") if isinstance(first, Mapping) else None
        if not isinstance(message, Mapping):
            raise malformed("has a choice without a message")
        calls = _calls(message)
        used = body.get("usage")
        used = used if isinstance(used, Mapping) else {}
        return {
            "id": body.get("id"),
            "model": body.get("model"),
            "choices": choices,
            "usage": usage(
                used.get("prompt_tokens"), used.get("completion_tokens"), used.get("total_tokens")
            ),
            "content": _content(message.get("content")),
            "finish_reason": first.get("finish_reason"),
            "has_tool_calls": bool(calls),
            "tool_calls": calls,
        }


def _tool(entry: Mapping[str, Json]) -> Json:
    tool = None if "function" in entry else Tool.read(entry)
    if tool is None:
        return entry
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": present(function)}


def _content(content: Json) -> str:
    """Some providers answer with a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(message: Mapping[str, Any]) -> list[Json]:
    """Calls of `tools`, or the one of `functions`, which has no id. Raises `FlowFailure`."""
    given = message.get("tool_calls")
    if not given and isinstance(message.get("function_call"), Mapping):
        given = [{"id": None, "function": message["function_call"]}]
    if given is None:
        return []
    if not isinstance(given, list):
        raise malformed("has tool calls that are no list")
    return [_call(entry) for entry in given]


def _call(entry: Json) -> Json:
    function = entry.get("function") if isinstance(entry, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise malformed("has a tool call without a name")
    arguments = function.get("arguments")
    if not isinstance(arguments, str):  # some servers do not write them as text
        arguments = exact_json.readable({} if arguments is None else arguments)
    return tool_call(entry.get("id"), function["name"], arguments)

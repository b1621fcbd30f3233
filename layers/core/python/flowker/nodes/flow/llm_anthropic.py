"""The wire format of Anthropic's messages (FlowRunner spec d.7)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.nodes.flow.llm_chat import Chat, Tool, count, malformed, present, tool_call, usage
from flowker.nodes.flow.params import wrong

DEFAULT_MAX_TOKENS = 1024
"""The API wants to be told."""
_VERSION = "2023-06-01"
_SYSTEM = ("system", "developer")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,(.*)", re.DOTALL)
_NO_SCHEMA = {"type": "object", "properties": {}}


class Anthropic:
    """Implements `LlmWire`."""

    base_url: str | None = "https://api.anthropic.com"
    endpoint = "/v1/messages"
    headers: Mapping[str, str] = {"anthropic-version": _VERSION}

    def auth(self, key: str) -> Mapping[str, Json]:
        return {"type": "api_key", "config": {"value": key, "key": "x-api-key"}}

    def body(self, chat: Chat) -> dict[str, Json]:
        system = [_text(message) for message in chat.messages if message["role"] in _SYSTEM]
        tools = [
            *(_tool(entry) for entry in chat.tools or ()),
            *(_tool({"function": entry}) for entry in chat.functions or ()),
        ]
        return present(
            {
                "model": chat.model,
                "max_tokens": chat.max_tokens or DEFAULT_MAX_TOKENS,
                "messages": _joined(_said(message) for message in chat.messages if message["role"] not in _SYSTEM),
                "system": "\n\n".join(system) or None,
                "temperature": chat.temperature,
                "stop_sequences": chat.stop,
                "tools": tools or None,
            }
        )  # fmt: skip

    def result(self, body: Mapping[str, Any]) -> dict[str, Json]:
        blocks = body.get("content")
        if not isinstance(blocks, list) or not all(isinstance(block, Mapping) for block in blocks):
            raise malformed("has no content")
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        content = next((text for text in texts if isinstance(text, str)), "")
        calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
        message: dict[str, Json] = {"role": "assistant", "content": content}
        if calls:
            message["tool_calls"] = calls
        reason = body.get("stop_reason")
        return {
            "id": body.get("id"),
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": _usage(body.get("usage")),
            "content": content,
            "finish_reason": reason,
            "has_tool_calls": bool(calls),
            "tool_calls": calls,
        }


def _usage(used: Json) -> Json:
    """What was read from or written to the provider's cache was part of the prompt too."""
    known = used if isinstance(used, Mapping) else {}
    cached = (known.get("cache_creation_input_tokens"), known.get("cache_read_input_tokens"))
    return usage(sum(map(count, (known.get("input_tokens"), *cached))), known.get("output_tokens"))


def _call(block: Mapping[str, Any]) -> Json:
    if not isinstance(block.get("name"), str):
        raise malformed("has a tool call without a name")
    return tool_call(block.get("id"), block["name"], exact_json.readable(block.get("input") or {}))


def _tool(entry: Mapping[str, Json]) -> Json:
    tool = None if "input_schema" in entry else Tool.read(entry)
    if tool is None:
        return entry
    written = {"name": tool.name, "description": tool.description}
    return {**present(written), "input_schema": tool.parameters or _NO_SCHEMA}


def _joined(messages: Iterator[dict[str, Json]]) -> list[Json]:
    """Results of tools must stand together in one message, before anything else that the user says."""
    joined: list[dict[str, Json]] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last and last["role"] == message["role"] == "user" and _has_results(last["content"]):
            last["content"] = [*last["content"], *_blocks(message["content"])]
        else:
            joined.append(message)
    return joined


def _has_results(content: Json) -> bool:
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def _said(message: Mapping[str, Any]) -> dict[str, Json]:
    role, content = message["role"], message.get("content")
    if role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": content or ""}
        return {"role": "user", "content": [result]}
    if message.get("tool_calls"):
        return {"role": role, "content": [*_blocks(content), *map(_use, message["tool_calls"])]}
    return {"role": role, "content": _blocks(content) if isinstance(content, list) else content or ""}


def _use(call: Mapping[str, Any]) -> Json:
    function = call.get("function")
    if not isinstance(function, Mapping):
        raise wrong("messages", "has a tool call without a function")
    try:
        arguments = exact_json.received(function.get("arguments") or "{}")
    except (TypeError, ValueError):
        arguments = None
    if not isinstance(arguments, Mapping):
        raise wrong("messages", "has a tool call whose arguments are not the JSON text of a map")
    return {"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": arguments}


def _blocks(content: Json) -> list[Json]:
    if isinstance(content, list):
        return [_part(part) for part in content]
    return [{"type": "text", "text": content}] if content else []


def _part(part: Json) -> Json:
    """An image is written differently; everything else is passed on."""
    given = part.get("image_url") if isinstance(part, Mapping) else None
    url = given.get("url") if isinstance(given, Mapping) else given
    if not isinstance(url, str):
        return part
    data = _DATA_URL.fullmatch(url)
    source = (
        {"type": "base64", "media_type": data[1], "data": data[2]} if data else {"type": "url", "url": url}
    )
    return {"type": "image", "source": source}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts: Sequence[Any] = content or ()
    texts = (part.get("text") for part in parts if isinstance(part, Mapping))
    return "\n".join(text for text in texts if isinstance(text, str))

"""Answers of language models, as OpenAI and Anthropic write them."""

import json
from typing import Any

KEY = "sk-s3cret-key-0001"
"""What no text may show."""
SAID: dict[str, Any] = {"role": "assistant", "content": "Hello!"}
TRACK = {
    "type": "function",
    "function": {
        "name": "track",
        "description": "Where is it?",
        "parameters": {"type": "object", "properties": {"code": {"type": "string"}}},
    },
}


def call(
    name: str = "track", arguments: Any = '{"code":"P-1"}', id_: str | None = "call_1"
) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def openai(message: dict[str, Any] = SAID, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-mini-2024",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        **more,
    }


def asks(*calls: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    """OpenAI's answer that asks for tools."""
    return openai({"role": "assistant", "content": content, "tool_calls": list(calls)}, "tool_calls")


def anthropic(*blocks: dict[str, Any], reason: str = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": list(blocks) or [{"type": "text", "text": "Hello!"}],
        "stop_reason": reason,
        "usage": {"input_tokens": 11, "output_tokens": 7},
        **more,
    }


def written(body: Any) -> bytes:
    return json.dumps(body).encode()

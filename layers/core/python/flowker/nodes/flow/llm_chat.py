"""What is asked of a model and what it answers, in terms that all providers share (FlowRunner spec d.7).

`LlmWire` is a provider's way of writing both down: `llm_openai` and `llm_anthropic`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowker.model.exact_json import Json
from flowker.nodes.flow.base import FlowFailure

_COUNTS = range(2**53)


@dataclass(frozen=True, slots=True)
class Chat:
    """One question. Messages, tools (`{type: function, function: {name, description, parameters}}`) and functions are in
    OpenAI's form; tools also in Anthropic's (`{name, description, input_schema}`), and what is neither is passed on."""

    model: str
    messages: Sequence[Mapping[str, Json]]
    temperature: Json = None
    max_tokens: Json = None
    stop: Sequence[Json] | None = None
    tools: Sequence[Mapping[str, Json]] | None = None
    functions: Sequence[Mapping[str, Json]] | None = None
    response_format: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call; `parameters` is a JSON schema."""

    name: Json
    description: Json
    parameters: Json

    @staticmethod
    def read(entry: Mapping[str, Json]) -> "Tool | None":
        """None for what is not a function, such as a tool that the provider itself runs."""
        function = entry.get("function")
        if isinstance(function, Mapping):
            return Tool(function.get("name"), function.get("description"), function.get("parameters"))
        if "input_schema" in entry:
            return Tool(entry.get("name"), entry.get("description"), entry["input_schema"])
        return None


class LlmWire(Protocol):
    """`base_url` is where the provider is, None if that has to be said; `headers` go with every request."""

    base_url: str | None
    endpoint: str
    headers: Mapping[str, str]

    def auth(self, key: str) -> Mapping[str, Json]:
        """As of Flowker spec h."""
        ...

    def body(self, chat: Chat) -> dict[str, Json]: ...

    def result(self, body: Mapping[str, Any]) -> dict[str, Json]:
        """The result of spec d.7 but for `raw_response`. Raises `FlowFailure` for what is not an answer."""
        ...


def tool_call(id_: Json, name: str, arguments: str) -> dict[str, Json]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def usage(prompt: Json, completion: Json, total: Json = None) -> dict[str, Json]:
    """What is no count is 0."""
    used, made = count(prompt), count(completion)
    return {
        "prompt_tokens": used,
        "completion_tokens": made,
        "total_tokens": count(total) or used + made,
    }


def count(value: Json) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _COUNTS else 0


def present(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Those that are there."""
    return {name: value for name, value in fields.items() if value is not None}


def malformed(reason: str) -> FlowFailure:
    """The failure of an answer that is none; the next one may be better."""
    return FlowFailure(f"LLM API error: the answer {reason}")

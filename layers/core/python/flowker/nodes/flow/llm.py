"""`llm`: one answer of a language model (FlowRunner spec d.7)."""

from collections.abc import Iterator, Mapping
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.run import Level
from flowker.nodes.flow import llm_call, prompts
from flowker.nodes.flow.base import Circumstances, Done, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.llm_call import ANTHROPIC, CONNECTION, Provider
from flowker.nodes.flow.llm_chat import Chat
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.params import UNSUPPORTED, Kind, Param, Problem, wrong
from flowker.nodes.flow.prompts import PROMPTS
from flowker.nodes.flow.structured import structured

_NO_FORMAT = "is not known to anthropic; ask for it in words, with parse_structured"


class Llm(NodeType):
    name = "llm"
    table = (
        *CONNECTION,
        *PROMPTS,
        Param("stop", Kind.LIST, "Texts at which the answer ends"),
        Param("tools", Kind.MAPS, "What the model may ask for, as `{type: function, function: {name, description, parameters}}`"
              " or `{name, description, input_schema}`; each provider is told in its own form"),
        Param("functions", Kind.MAPS, "The same in OpenAI's older form"),
        Param("response_format", Kind.MAP, "The form of the answer; not with `anthropic`"),
        Param("parse_structured", Kind.BOOLEAN, "Whether to read the answer, or the first code fence in it, as JSON or YAML",
              default=False),
    )  # fmt: skip
    page = Page(
        summary="Asks a language model. Without any prompt of its own the node asks the `question` of the run's input.",
        example="""\
type: llm
params:
  provider: anthropic
  api_key: "${secrets.LLM_KEY}"
  model: claude-sonnet-4-5
  templates:
    - { role: system, template: "You sort mail for {{.desk.name}}." }
    - { role: user, template: "{{.mail}}" }
  context: { desk: "${input.desk}", mail: "${input.text}" }
  parse_structured: true
retry: { max_retries: 2, wait: 3s }
next: { default: sorted, error: by_hand }""",
        results={
            "content": "text; of `anthropic` the first block of text",
            "finish_reason": "as the provider says it",
            "has_tool_calls": "boolean",
            "tool_calls": "list of `{id, type, function: {name, arguments}}`; `arguments` is JSON text",
            "structured_output": "with `parse_structured`: the map or list; else not there",
            "usage": "`{prompt_tokens, completion_tokens, total_tokens}`",
            "id, model, choices": "as the provider says it; of `anthropic` in the form of OpenAI",
            "raw_response": "the whole answer",
        },
        actions={"default": "the model has answered"},
        handles=llm_call.HANDLES,
        logs={
            "LLM call started": "info, data `{provider}`",
            "LLM request": "info, data `{model, messages, temperature, max_tokens}`; `messages` is how many",
            "LLM response": "info, data `{finish_reason, content_length, tool_calls, usage}`",
        },
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        yield from llm_call.check(params)
        yield from prompts.check(params)
        if params.get("provider") == ANTHROPIC and params.get("response_format") is not None:
            yield UNSUPPORTED, "response_format", _NO_FORMAT

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        provider = Provider.of(values)
        if provider.name == ANTHROPIC and values["response_format"] is not None:
            raise wrong("response_format", _NO_FORMAT)
        chat = Chat(
            model=values["model"],
            messages=prompts.messages_of(values, around),
            temperature=values["temperature"],
            max_tokens=values["max_tokens"],
            stop=values["stop"],
            tools=values["tools"],
            functions=values["functions"],
            response_format=values["response_format"],
        )
        result = provider.ask(around, chat)
        found = structured(result["content"]) if values["parse_structured"] else None
        if found is not None:
            result["structured_output"] = found
        return Done(result, logs=_lines(provider, chat, result), shared=remembered("llm", result))


def _lines(provider: Provider, chat: Chat, result: Mapping[str, Any]) -> list[Line]:
    request: dict[str, Json] = {
        "model": chat.model,
        "messages": len(chat.messages),
        "temperature": chat.temperature,
        "max_tokens": chat.max_tokens,
    }
    response = {
        "finish_reason": result["finish_reason"],
        "content_length": len(result["content"]),
        "tool_calls": len(result["tool_calls"]),
        "usage": result["usage"],
    }
    return [
        Line(Level.INFO, "LLM call started", {"provider": provider.name}),
        Line(Level.INFO, "LLM request", request),
        Line(Level.INFO, "LLM response", response),
    ]

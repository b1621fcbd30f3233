"""The conversation of an agent: what was said, what is still to be done, and how it is remembered (FlowRunner spec d.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import FlowFailure
from flowker.nodes.flow.llm_chat import present

MOST_CALLS = 16
"""Calls of tools that one answer may ask for; the rest is told that it is too much."""
MOST_SIZE = 1024 * 1024
"""Characters of all that is remembered."""


@dataclass(slots=True)
class Talk:
    """`key` is what the keys of all its calls are made of, `steps` are answers of the model. Messages are in OpenAI's form."""

    key: str
    messages: list[Mapping[str, Json]]
    steps: int = 0
    results: list[Mapping[str, Json]] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)

    @classmethod
    def remembered(cls, state: Mapping[str, Any]) -> "Talk":
        return cls(
            key=state["key"],
            messages=list(state["messages"]),
            steps=int(state["steps"]),
            results=list(state["results"]),
            usage={name: int(number) for name, number in state["usage"].items()},
        )

    def state(self) -> Json:
        return {
            "key": self.key,
            "messages": self.messages,
            "steps": self.steps,
            "results": self.results,
            "usage": self.usage,
        }

    @property
    def pending(self) -> Mapping[str, Any] | None:
        """The next call of a tool that the model has asked for."""
        answers = list(takewhile(lambda message: message["role"] == "tool", reversed(self.messages)))
        calls: Sequence[Mapping[str, Any]] = self.messages[-1 - len(answers)].get("tool_calls") or ()
        return calls[len(answers)] if len(answers) < len(calls) else None

    @property
    def finished(self) -> bool:
        """Whether the model has said its last word."""
        last = self.messages[-1]
        return last["role"] == "assistant" and not last.get("tool_calls")

    def key_of(self, what: str, content: Json) -> str:
        """The same for the same call of the same step, whenever it is made; another content is another call."""
        place = f"{self.steps}/{len(self.results)}"
        return str(uuid5(NAMESPACE_OID, f"{self.key}/{what}/{place}/{exact_json.digest(content)}"))

    def heard(self, result: Mapping[str, Any]) -> None:
        """An answer of the model."""
        self.steps += 1
        calls = [
            {**call, "id": call["id"] or f"call_{self.steps}_{index}"}
            for index, call in enumerate(result["tool_calls"])
        ]
        content = result["content"] if result["content"] or not calls else None
        self._add({"role": "assistant", "content": content, **present({"tool_calls": calls or None})})
        for name, number in result["usage"].items():
            self.usage[name] = self.usage.get(name, 0) + number

    def answered(self, call: Mapping[str, Any], arguments: Json, result: Json, error: str | None) -> None:
        """What a tool has given, or why not."""
        function = call["function"]
        self.results.append(
            {
                "step": self.steps,
                "tool": function["name"],
                "arguments": arguments,
                "result": result,
                "error": error,
            }
        )
        told = {"error": error, **({} if result is None else {"result": result})} if error else result
        content = told if isinstance(told, str) else exact_json.readable(told)
        self._add({"role": "tool", "tool_call_id": call["id"], "content": content})

    def too_many(self) -> bool:
        """Whether the pending call is one too many of its answer."""
        return sum(1 for result in self.results if result["step"] == self.steps) >= MOST_CALLS

    def result(self) -> dict[str, Json]:
        said = [message for message in self.messages if message["role"] == "assistant"]
        thoughts = [str(message["content"]) for message in said[:-1] if message.get("content")]
        return {
            "response": said[-1]["content"] or "",
            "steps": self.steps,
            "thinking": "\n".join(thoughts),
            "intermediate_results": self.results,
            "conversation": self.messages,
            "usage": self.usage,
        }

    def _add(self, message: Mapping[str, Json]) -> None:
        self.messages.append(message)
        if len(exact_json.dumps(self.state())) > MOST_SIZE:
            raise FlowFailure("the conversation of the agent is larger than 1 MiB", retryable=False)

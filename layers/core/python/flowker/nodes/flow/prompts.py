"""What a model is told: messages, written out or made of templates (FlowRunner spec d.7)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Circumstances
from flowker.nodes.flow.http_exchange import text_of
from flowker.nodes.flow.params import INVALID, Kind, Param, Problem, open_, wrong

Chatter = Mapping[str, Json]
"""One message: `{role, content, tool_calls?, tool_call_id?, name?}`, in OpenAI's form whoever the provider is."""

PROMPTS = (
    Param("templates", Kind.MAPS, "Messages as `{role, template}`, filled in with `context`; goes before `messages`, `prompt` "
          "and `template`, in this order", least=1),
    Param("context", Kind.MAP, "What the `templates` are filled in with; else `variables`"),
    Param("messages", Kind.MAPS, "Messages as `{role, content}`, with `tool_calls`, `tool_call_id` and `name` where they "
          "belong", least=1),
    Param("prompt", Kind.TEXT, "One message of the user", least=1),
    Param("template", Kind.TEXT, "One message in which `{{.name}}` and `{{.a.b}}` stand for `variables`", least=1),
    Param("variables", Kind.MAP, "What the `template` is filled in with; else `context`"),
    Param("role", Kind.TEXT, "Whose message the `template` is", default="user", least=1),
)  # fmt: skip

_HELPFUL = "You are a helpful assistant."
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FIELD = re.compile(r"\s*((?:\.[^\W\d]\w*)+)\s*")


def check(params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with literal prompts."""
    if found := _literal_problem(params.get("template")):
        yield INVALID, "template", found
    for index, entry in enumerate(_maps(params.get("templates"))):
        if found := _text_problem(entry, "role") or _text_problem(entry, "template"):
            yield INVALID, f"templates.{index}", found
        elif found := _literal_problem(entry["template"]):
            yield INVALID, f"templates.{index}.template", found
    for index, entry in enumerate(_maps(params.get("messages"))):
        if found := message_problem(entry):
            yield INVALID, f"messages.{index}", found


def messages_of(values: Mapping[str, Any], around: Circumstances) -> list[Chatter]:
    """The messages that the params ask for; without any, the `question` of the run's input (decision D-15). Raises
    `FlowFailure`."""
    if values["templates"] is not None:
        variables = _variables(values, "context", "variables")
        return [_from_template(entry, variables) for entry in values["templates"]]
    if values["messages"] is not None:
        return _judged(values["messages"])
    if values["prompt"] is not None:
        return [{"role": "user", "content": values["prompt"]}]
    if values["template"] is not None:
        entry = {"role": values["role"], "template": values["template"]}
        return [_from_template(entry, _variables(values, "variables", "context"))]
    return _question(around)


def message_problem(message: Mapping[str, Any]) -> str | None:
    """What is wrong with a message; what it says is the provider's business."""
    content, calls = message.get("content"), message.get("tool_calls")
    if found := _text_problem(message, "role"):
        return found
    if content is not None and not isinstance(content, str | list):
        return "needs a text or a list as content"
    if calls is not None and not (open_(calls) or _are_maps(calls)):
        return "needs a list of maps as tool_calls"
    return None


def template_problem(text: str) -> str | None:
    """What is wrong with a template: of Go's language only fields are known."""
    for action in _ACTION.finditer(text):
        if not _FIELD.fullmatch(action[1]):
            return "may only contain placeholders such as {{.name}} or {{.a.b}}"
    return "has a {{ that is not closed" if "{{" in _ACTION.sub("", text) else None


def filled(text: str, variables: Mapping[str, Json]) -> str:
    """A template with its placeholders replaced; what is not there is nothing, as in `${}`."""

    def found(action: re.Match[str]) -> str:
        value: Json = variables
        for name in action[1].strip().split(".")[1:]:
            value = value.get(name) if isinstance(value, Mapping) else None
        return text_of(value)

    return _ACTION.sub(found, text)


def _question(around: Circumstances) -> list[Chatter]:
    """What nodes before this one left out, the run's input still has: `input` inherits from `shared`."""
    scope = "input" if isinstance(around.input, Mapping) else "shared"
    question = around.evaluate(f"{scope}.question", "expression")
    if not isinstance(question, str) or not question.strip():
        raise wrong(
            "prompt", "is required, or templates, messages, template, or a question in the run's input"
        )
    return [{"role": "system", "content": _HELPFUL}, {"role": "user", "content": question}]


def _from_template(entry: Mapping[str, Any], variables: Mapping[str, Json]) -> Chatter:
    if found := _text_problem(entry, "role") or _text_problem(entry, "template"):
        raise wrong("templates", found)
    if found := template_problem(entry["template"]):
        raise wrong("template", found)
    return {"role": entry["role"], "content": filled(entry["template"], variables)}


def _judged(messages: Sequence[Mapping[str, Any]]) -> list[Chatter]:
    for message in messages:
        if found := message_problem(message):
            raise wrong("messages", found)
    return list(messages)


def _variables(values: Mapping[str, Any], first: str, second: str) -> Mapping[str, Json]:
    given = values[second] if values[first] is None else values[first]
    return given or {}


def _literal_problem(text: Any) -> str | None:
    return template_problem(text) if isinstance(text, str) and not open_(text) else None


def _text_problem(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    return None if isinstance(value, str) and value else f"needs a text as {name}"


def _maps(value: Any) -> Sequence[Mapping[str, Any]]:
    """The list if it is one; otherwise the table of params has told."""
    return value if _are_maps(value) else ()


def _are_maps(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)

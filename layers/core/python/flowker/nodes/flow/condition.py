"""`condition`: which way to go (FlowRunner spec d.4)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, wrong
from flowker.nodes.flow.truth import truthy

_FORMS = ("conditions", "condition_script", "condition")


class Condition(NodeType):
    name = "condition"
    quick = True
    table = (
        Param("conditions", Kind.MAPS, "List of `{condition: <expression without ${}>, action: <name>}`; the first true one "
              "decides", least=1, raw=True),
        Param("default_action", Kind.TEXT, "The action where none of `conditions` is true", default="default"),
        Param("condition_script", Kind.SCRIPT, "Function body that returns the name of the action; a boolean means `true` or "
              "`false`", least=1),
        Param("condition", Kind.EXPRESSION, "One expression: `true` or `false`", least=1),
    )  # fmt: skip
    page = Page(
        summary="Chooses an action, in exactly one of three forms, and passes its input through. A property that is missing "
        "is undefined, which is false.",
        example="""\
type: condition
params:
  conditions:
    - { condition: "input.total > 5000 && input.country != 'NL'", action: manual }
    - { condition: "input.total > 0", action: approve }
  default_action: reject
next: { manual: open_case, approve: pay, reject: refuse }""",
        results={"(the input)": "unchanged"},
        actions={
            "(any name)": "as the condition says",
            "true, false": "`condition`, and a boolean of `condition_script`",
        },
        handles=NO_NAMES,
        logs=NO_NAMES,
    )

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        given = [form for form in _FORMS if params.get(form) is not None]
        if not given:
            yield MISSING, "conditions", "is required, or condition_script, or condition"
        for form in given[1:]:
            yield INVALID, form, f"must not stand beside {given[0]}"
        for index, entry in enumerate(_entries(params)):
            for name in ("condition", "action"):
                if entry.get(name) is None:
                    yield MISSING, f"conditions.{index}.{name}", "is required"
            if not isinstance(entry.get("condition", ""), str) or not entry.get("condition", "x"):
                yield INVALID, f"conditions.{index}.condition", "must be a text"
            if isinstance(entry.get("action"), list | Mapping):
                yield INVALID, f"conditions.{index}.action", "must be a text"

    def scripts(self, params: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
        listed = [
            (f"conditions.{index}.condition", entry["condition"], "expression")
            for index, entry in enumerate(_entries(params))
            if isinstance(entry.get("condition"), str)
        ]
        return [*listed, *super().scripts(params)]

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        given = [form for form in _FORMS if values[form] is not None]
        if len(given) != 1:
            raise wrong("conditions", "or condition_script or condition is required, and only one of them")
        match given[0]:
            case "conditions":
                action = _first_true(around, values["conditions"], values["default_action"])
            case "condition_script":
                action = named(around.evaluate(values["condition_script"], "body"))
            case _:
                action = named(truthy(around.evaluate(values["condition"], "expression")))
        return Done(action=action, passes=True)


def named(value: Json) -> str:
    """A value as the name of an action."""
    return value if isinstance(value, str) else exact_json.dumps(value)


def _first_true(around: Circumstances, entries: Sequence[Mapping[str, Any]], default: str) -> str:
    """One script for all, since calling the engine costs more than evaluating. A new line ends a comment."""
    for index, entry in enumerate(entries):
        if (
            not isinstance(entry.get("condition"), str)
            or not entry["condition"]
            or entry.get("action") is None
        ):
            raise wrong(f"conditions.{index}", "must have a condition and an action")
    lines = [f"if ({entry['condition']}\n) return {index};" for index, entry in enumerate(entries)]
    found = around.evaluate("\n".join([*lines, "return -1;"]), "body")
    if not isinstance(found, int) or not -1 <= found < len(entries):
        raise FlowFailure("a condition is not one expression", retryable=False)
    return default if found < 0 else named(entries[found]["action"])


def _entries(params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The conditions, as far as they are maps."""
    entries = params.get("conditions")
    return [e for e in entries if isinstance(e, Mapping)] if isinstance(entries, list) else []

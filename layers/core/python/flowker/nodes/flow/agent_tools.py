"""The tools of an agent: node types that call somebody outside, with what the model says as `args` (FlowRunner spec d.8)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flowker.expressions.scripts import ScriptError, placeholders
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.redaction import Redactor
from flowker.nodes.flow.base import Circumstances, Done, FlowNodeType
from flowker.nodes.flow.params import INVALID, MISSING, Problem, wrong

CLOCK = "get_current_time"
"""The tool that every agent has, unless the flow has one of that name."""
MOST_SAID = 32 * 1024
"""Characters of a tool's result that the model is told and the run remembers."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_ARGUMENTS = {"type": "object", "properties": {}}
_LEFT_OUT = frozenset({"raw_body", "raw_response", "headers", "metadata", "timing_ms"})
"""Of a result, what says the same again or is no concern of a model."""

Types = Mapping[str, FlowNodeType]


@dataclass(frozen=True, slots=True)
class AgentTool:
    """`kind` is None for the clock. `params` are not evaluated yet."""

    name: str
    description: Json
    parameters: Json
    kind: FlowNodeType | None = None
    params: Mapping[str, Json] | None = None

    @property
    def declared(self) -> Mapping[str, Json]:
        """As the model is told."""
        function = {"name": self.name, "description": self.description or "", "parameters": self.parameters}
        return {"type": "function", "function": function}

    def used(self, around: Circumstances, arguments: Mapping[str, Json], now: datetime) -> Json:
        """What the tool gives. Raises `FlowFailure`."""
        if self.kind is None:
            return {"time": now.astimezone(UTC).isoformat().replace("+00:00", "Z")}
        given = self.params or {}
        raw = {name: value for name, value in given.items() if name in self.kind.raw}
        rest = {name: value for name, value in given.items() if name not in raw}
        params = {**evaluated(around, rest, {"args": arguments}), **raw}
        done = self.kind.run(replace(around, params=params, input=arguments, state=None))
        if not isinstance(done, Done):
            raise TypeError(f"a tool cannot wait, and {self.kind.name} does")
        return arguments if done.passes else shortened(done.value, around.redactor)


def check(tools: Any, types: Types) -> Iterator[Problem]:
    """What is wrong with tools; what is no list of maps the table of params tells."""
    names: set[str] = set()
    for index, entry in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(entry, Mapping):
            for code, path, reason in _problems(entry, types, names):
                yield code, f"tools.{index}{path}", reason


def code_of(tools: Any, types: Types) -> list[tuple[str, str, str]]:
    """The placeholders and scripts in them: (path below params, code, mode)."""
    found: list[tuple[str, str, str]] = []
    for index, entry in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(entry, Mapping):
            outer, inner, kind = _parts(entry, types)
            written = kind.scripts(inner) if kind is not None else ()
            codes = [
                (below, code, "expression") for below, code in _codes({**outer, "params": _open(inner, kind)})
            ]
            codes += [(f"params.{below}", code, mode) for below, code, mode in written]
            found += [(f"tools.{index}.{below}", code, mode) for below, code, mode in codes]
    return found


def tools_of(
    given: Sequence[Mapping[str, Any]], types: Types, around: Circumstances
) -> Mapping[str, AgentTool]:
    """The tools by name, their params not evaluated. Raises `FlowFailure`."""
    if problem := next(check(given, types), None):
        raise wrong(problem[1], problem[2])
    tools = [AgentTool(CLOCK, "The date and the time, UTC", _NO_ARGUMENTS)]
    for entry in given:
        outer, inner, kind = _parts(entry, types)
        about = evaluated(around, outer, {})
        if kind is not None:
            tools.append(
                AgentTool(entry["name"], about.get("description"), about.get("parameters") or _NO_ARGUMENTS, kind, inner)
            )  # fmt: skip
    return {tool.name: tool for tool in tools}


def evaluated(around: Circumstances, value: Mapping[str, Json], names: Mapping[str, Json]) -> dict[str, Json]:
    return dict(around.evaluate_params(value, names))


def shortened(value: Json, redactor: Redactor) -> Json:
    """As it is, without what is of no use to a model; the beginning of its text, redacted, if it is long."""
    if isinstance(value, Mapping):
        value = {name: item for name, item in value.items() if name not in _LEFT_OUT}
    text = value if isinstance(value, str) else exact_json.readable(value)
    return value if len(text) <= MOST_SAID else f"{redactor.text(text)[:MOST_SAID]}… (cut)"


def _problems(entry: Mapping[str, Any], types: Types, names: set[str]) -> Iterator[Problem]:
    name, node = entry.get("name"), entry.get("node")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield INVALID, ".name", "must be 1 to 64 letters, digits, _ or -"
    elif name in names:
        yield INVALID, ".name", "is the name of another tool too"
    else:
        names.add(name)
    if node is None and name != CLOCK:
        yield MISSING, ".node", "is required: the type of node that does the work"
    elif node is not None and (not isinstance(node, str) or node not in types):
        yield INVALID, ".node", f"must be one of {', '.join(types)}"
    if not isinstance(entry.get("params", {}), Mapping):
        yield INVALID, ".params", "must be a map"
        return
    outer, inner, kind = _parts(entry, types)
    for path, text in placeholders.texts({**outer, "params": _open(inner, kind)}):
        if found := _unclosed(text):
            yield INVALID, f".{path}", found
    for code, path, reason in [] if kind is None else kind.check(inner):
        yield code, f".params.{path}", reason


def _codes(value: Json) -> Iterator[tuple[str, str]]:
    """The code of all placeholders and where it stands; what is not closed `check` tells."""
    for path, text in placeholders.texts(value):
        if _unclosed(text) is None:
            yield from ((path, code) for code in placeholders.codes(text))


def _unclosed(text: str) -> str | None:
    try:
        placeholders.codes(text)
    except ScriptError as error:
        return error.message
    return None


def _parts(
    entry: Mapping[str, Any], types: Types
) -> tuple[dict[str, Json], Mapping[str, Json], FlowNodeType | None]:
    """What the model is told, the params, and the type."""
    node, params = entry.get("node"), entry.get("params")
    kind = types.get(node) if isinstance(node, str) else None
    outer = {name: entry[name] for name in ("description", "parameters") if name in entry}
    return outer, params if isinstance(params, Mapping) else {}, kind


def _open(params: Mapping[str, Json], kind: FlowNodeType | None) -> Mapping[str, Json]:
    """Those in which `${}` means something."""
    return {name: value for name, value in params.items() if kind is None or name not in kind.raw}

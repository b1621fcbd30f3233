"""Reference paths and payload templates, compiled once and evaluated often.

The subset: `$`, `$.a.b`, `$.a[0].b`, `$['a-b']`, and the same after `$$` for the context object. No wildcards, no filters,
no intrinsic functions. Values are treated as immutable: what a path finds is shared, never copied.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from flowker.model.exact_json import Json
from flowker_local.engine.failure import (
    PARAMETER_PATH_FAILURE,
    RESULT_PATH_MATCH_FAILURE,
    RUNTIME,
    TaskError,
)

ContextSource = Callable[[], Json]
"""Builds the context object; called only by what reads it."""

MISSING: Final[Any] = object()
"""What `find` answers when nothing is there."""

_STEP = re.compile(r"\.(?P<name>[^\W\d]\w*)|\[(?P<index>\d{1,9})\]|\['(?P<quoted>[^'\\]+)'\]")

_CONTEXT: Mapping[str, Any] = {
    "Execution": {"Id": None, "Name": None, "Input": ..., "StartTime": None},
    "StateMachine": {"Id": None, "Name": None},
    "State": {"Name": None, "EnteredTime": None, "RetryCount": None},
    "Task": {"Token": None},
    "Map": {"Item": {"Index": None, "Value": ...}},
}
"""The fields of the context object; `...` marks a JSON value that a path may descend into."""

Step = str | int


class Reader(Protocol):
    def find(self, data: Json, context: ContextSource) -> Json:
        """The value, or `MISSING`."""
        ...


class Constant:
    """A value that does not depend on the input."""

    __slots__ = ("value",)

    def __init__(self, value: Json) -> None:
        self.value = value

    def find(self, data: Json, context: ContextSource) -> Json:
        return self.value

    get = find


class Path:
    """A reference path that is read. Raises `ValueError` for text that is not one of the subset."""

    __slots__ = ("_in_context", "_steps", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._in_context = text.startswith("$$")
        self._steps = _parse(text, text[2:] if self._in_context else text[1:])
        if self._in_context:
            _check_context(text, self._steps)

    def find(self, data: Json, context: ContextSource) -> Json:
        value = context() if self._in_context else data
        for step in self._steps:
            if isinstance(step, str):
                value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
            else:
                value = value[step] if isinstance(value, list) and step < len(value) else MISSING
            if value is MISSING:
                return MISSING
        return value

    def get(self, data: Json, context: ContextSource) -> Json:
        """The value. Raises `TaskError` States.Runtime where there is none."""
        value = self.find(data, context)
        if value is MISSING:
            raise TaskError(RUNTIME, f"Invalid path '{self.text}': there is nothing there")
        return value


def _parse(text: str, rest: str) -> tuple[Step, ...]:
    if not text.startswith("$"):
        raise ValueError(f"'{text}' is not a path: it must start with $")
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise ValueError(
                f"'{text}' is not supported from '{rest[position:]}' on: only .name, [0] and ['name'] are"
            )
        index = match["index"]
        steps.append(int(index) if index is not None else match["name"] or match["quoted"])
        position = match.end()
    return tuple(steps)


def _check_context(text: str, steps: tuple[Step, ...]) -> None:
    known: Any = _CONTEXT
    for step in steps:
        if known is ...:
            return
        if known is None or step not in known:
            raise ValueError(f"'{text}' is not a supported field of the context object")
        known = known[step]


class ResultPath:
    """Where a state's result goes: `None` discards it, `$` lets it replace the input, else it is put into the input.

    Raises `ValueError` for text that is not a path into the input.
    """

    __slots__ = ("_steps", "text")

    def __init__(self, text: str | None = "$") -> None:
        self.text = text
        self._steps: tuple[Step, ...] = ()
        if text is not None:
            if text.startswith("$$"):
                raise ValueError(f"'{text}' is not supported: a result cannot go into the context object")
            self._steps = _parse(text, text[1:])

    def put(self, data: Json, result: Json) -> Json:
        """The input with the result in it. Raises `TaskError` States.ResultPathMatchFailure where it does not fit."""
        if self.text is None:
            return data
        return self._placed(data, self._steps, result) if self._steps else result

    def _placed(self, data: Json, steps: tuple[Step, ...], result: Json) -> Json:
        """Copies only the containers along the path; missing objects are created, missing array elements are not."""
        if not steps:
            return result
        step, rest = steps[0], steps[1:]
        if isinstance(step, str) and isinstance(data, dict):
            return {**data, step: self._placed(data.get(step, {}), rest, result)}
        if isinstance(step, int) and isinstance(data, list) and step < len(data):
            return [*data[:step], self._placed(data[step], rest, result), *data[step + 1 :]]
        raise TaskError(RESULT_PATH_MATCH_FAILURE, f"Unable to apply ResultPath '{self.text}' to the input")


class _Field:
    """A template field whose name ends in `.$`."""

    __slots__ = ("name", "path")

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    def find(self, data: Json, context: ContextSource) -> Json:
        value = self.path.find(data, context)
        if value is MISSING:
            raise TaskError(
                PARAMETER_PATH_FAILURE,
                f"The path '{self.path.text}' given for the field '{self.name}' finds nothing in the input",
            )
        return value


class _Object:
    __slots__ = ("fields",)

    def __init__(self, fields: list[tuple[str, Reader]]) -> None:
        self.fields = fields

    def find(self, data: Json, context: ContextSource) -> Json:
        return {name: reader.find(data, context) for name, reader in self.fields}


class _Array:
    __slots__ = ("items",)

    def __init__(self, items: list[Reader]) -> None:
        self.items = items

    def find(self, data: Json, context: ContextSource) -> Json:
        return [reader.find(data, context) for reader in self.items]


def template(source: Json, report: Callable[[str, str], None], at: str = "") -> Reader:
    """Compile a payload template (`Parameters`, `ItemSelector`, `ResultSelector`).

    `report` is told of every offence: its JSON pointer under the template, and what is wrong. Evaluating the template
    raises `TaskError` States.ParameterPathFailure where a path finds nothing.
    """
    compiled: list[Reader]
    if isinstance(source, Mapping):
        fields = [
            (name, _template_field(name, value, report, f"{at}/{escaped(name)}"))
            for name, value in source.items()
        ]
        for name in source:
            if f"{name}.$" in source:
                report(f"{at}/{escaped(name)}", f"is given twice: as '{name}' and as '{name}.$'")
        compiled = [reader for _, reader in fields]
        result: Reader = _Object([(name.removesuffix(".$"), reader) for name, reader in fields])
    elif isinstance(source, list):
        compiled = [template(item, report, f"{at}/{index}") for index, item in enumerate(source)]
        result = _Array(compiled)
    else:
        return Constant(source)
    return Constant(source) if all(isinstance(reader, Constant) for reader in compiled) else result


def _template_field(name: str, value: Json, report: Callable[[str, str], None], at: str) -> Reader:
    if not name.endswith(".$"):
        return template(value, report, at)
    if isinstance(value, str) and value.startswith("States."):
        report(at, f"intrinsic functions are not supported: {value}")
    elif not isinstance(value, str):
        report(at, "must be a path, because its name ends in '.$'")
    else:
        try:
            return _Field(name, Path(value))
        except ValueError as error:
            report(at, str(error))
    return Constant(None)


def escaped(name: str) -> str:
    """A name as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")

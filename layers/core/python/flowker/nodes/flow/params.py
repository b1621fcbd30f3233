"""The params of node types as data: what they may be before evaluation (spec c.8) and what they are after it (spec d).

The same table checks literals when a flow is saved, reads values when the node runs, and prints the reference.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from flowker.expressions.problems import ExpressionSyntaxError
from flowker.model.durations import LONGEST
from flowker.model.durations import seconds as seconds_of
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import FlowFailure
from flowker.nodes.flow.selectors import selector

MISSING, INVALID, DURATION, UNSUPPORTED = "missing_param", "invalid_param", "invalid_duration", "unsupported"
"""The codes of spec c.8 that are about params."""

Problem = tuple[str, str, str]
"""Code, path below params, reason."""


class Kind(StrEnum):
    """What a value must be; the texts are those of the reference."""

    TEXT = "text"
    TEXTS = "text or list of texts"
    VERB = "HTTP method"
    NUMBER = "number"
    COUNT = "integer"
    BOOLEAN = "boolean"
    MAP = "map"
    MAPS = "list of maps"
    LIST = "list"
    ANY = "any"
    DURATION = "duration"
    SECONDS = "duration or seconds"
    MILLISECONDS = "duration or milliseconds"
    TIME = "RFC 3339 time"
    SCRIPT = "script"
    EXPRESSION = "expression"
    SELECTORS = "map of selectors"


RAW = frozenset({Kind.SCRIPT, Kind.EXPRESSION, Kind.SELECTORS})
_DURATIONS = frozenset({Kind.DURATION, Kind.SECONDS, Kind.MILLISECONDS})
MODES = {Kind.SCRIPT: "body", Kind.EXPRESSION: "expression"}


@dataclass(frozen=True, slots=True)
class Param:
    """One param. `aliases` are other spellings of its name; `least` and `most` bound numbers, durations (in seconds) and the
    length of texts and lists; `raw` params are not evaluated."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    default: Json = None
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    raw: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)

    def problem(self, value: Json, name: str) -> Problem | None:
        """What is wrong with a value that is there."""
        found = _CHECKS[self.kind](value)
        if found is None:
            found = self._bounded(value)
        code = DURATION if self.kind in _DURATIONS and isinstance(value, str) else INVALID
        return (code, name, found) if found else None

    def _bounded(self, value: Json) -> str | None:
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        size = self.converted(value)
        if isinstance(size, str | list | Mapping):
            if self.least and not size:
                return "must not be empty"
            return f"must not be longer than {self.most:g}" if self.most and len(size) > self.most else None
        if is_number(size) and self.least is not None and size < self.least:
            return f"must be at least {self.least:g}"
        if is_number(size) and self.most is not None and size > self.most:
            return f"must be at most {self.most:g}"
        return None

    def converted(self, value: Json) -> Any:
        """A duration as seconds, a time as datetime, anything else as it is."""
        if self.kind in _DURATIONS:
            units = 1000 if self.kind is Kind.MILLISECONDS else 1
            return seconds_of(value) if isinstance(value, str) else float(value) / units
        if self.kind is Kind.TIME:
            return _time(value)
        return value.upper() if self.kind is Kind.VERB else value


def check(table: Sequence[Param], params: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with literal params. A text with `${` in it may become anything."""
    for param in table:
        name = _spelling(param, params)
        if name is None:
            if param.required:
                yield MISSING, param.name, "is required"
            continue
        value = params[name]
        if value is None and param.kind is not Kind.ANY:
            if param.required:
                yield MISSING, name, "is required"
        elif (param.raw or param.kind in RAW or not open_(value)) and (found := param.problem(value, name)):
            yield found


def read(table: Sequence[Param], params: Mapping[str, Json]) -> dict[str, Any]:
    """The params after evaluation by their first names, converted, with defaults. One of kind ANY that is not there is left
    out. Raises `FlowFailure`, which names the param and repeats no value: it may be a secret."""
    values: dict[str, Any] = {}
    for param in table:
        name = _spelling(param, params)
        value = None if name is None else params[name]
        if param.kind is Kind.ANY and name is not None:
            values[param.name] = value
        elif value is not None and name is not None:
            if found := param.problem(value, name):
                raise wrong(found[1], found[2])
            values[param.name] = param.converted(value)
        elif param.required:
            raise wrong(param.name, "is required")
        elif param.kind is not Kind.ANY:
            values[param.name] = None if param.default is None else param.converted(param.default)
    return values


def wrong(name: str, reason: str) -> FlowFailure:
    """The failure of a param that became something it must not be; trying again would not help."""
    return FlowFailure(f'param "{name}" {reason}', retryable=False)


def open_(value: Any) -> bool:
    """Whether it is a text that evaluation will replace or fill."""
    return isinstance(value, str) and "${" in value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _spelling(param: Param, params: Mapping[str, Any]) -> str | None:
    return next((name for name in param.names if name in params), None)


def _is(types: type | tuple[type, ...], words: str) -> Callable[[Any], str | None]:
    return lambda value: None if isinstance(value, types) else f"must be {words}"


def _text(value: Any) -> str | None:
    """JSON can write half characters, but no key, URL or name can hold them."""
    if not isinstance(value, str):
        return "must be a text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must be Unicode text"
    return None


def _number(value: Any) -> str | None:
    return None if is_number(value) else "must be a number"


def _count(value: Any) -> str | None:
    whole = is_number(value) and Decimal(value) == Decimal(value).to_integral_value()
    return None if whole else "must be an integer"


def _verb(value: Any) -> str | None:
    letters = isinstance(value, str) and value.isascii() and value.replace("-", "").isalpha()
    return None if letters and value.upper() != "CONNECT" else "must be an HTTP method"


def _maps(value: Any) -> str | None:
    maps = isinstance(value, list) and all(isinstance(entry, Mapping) for entry in value)
    return None if maps else "must be a list of maps"


def _texts(value: Any) -> str | None:
    each = value if isinstance(value, list) else [value]
    return None if all(isinstance(text, str) for text in each) else "must be a text or a list of texts"


def _duration(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a duration such as 250ms, 1.5s or 1h30m"
    try:
        seconds_of(value)
    except ValueError as error:
        return str(error)
    return None


def _seconds(value: Any) -> str | None:
    if not is_number(value):
        return _duration(value)
    if value > 1000 * LONGEST:  # whatever the unit, and before a float that cannot hold it
        return "must not be longer than a year"
    return None if value > 0 else "must be more than 0 seconds"


def _moment(value: Any) -> str | None:
    try:
        if isinstance(value, str) and _time(value):
            return None
    except ValueError:
        pass  # said below
    return "must be a time such as 2026-01-31T12:00:00Z"


def _time(text: str) -> datetime:
    """Raises `ValueError`, also for a time without an offset."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or "T" not in text.upper():
        raise ValueError(text)
    return time


def _selectors(value: Any) -> str | None:
    if not isinstance(value, Mapping) or not value:
        return "must be a map of names to selectors"
    for name, text in value.items():
        try:
            selector(text)
        except ExpressionSyntaxError as error:
            return f"has no valid selector for {name}: {error}"
    return None


_CHECKS: Mapping[Kind, Callable[[Any], str | None]] = {
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.VERB: _verb,
    Kind.NUMBER: _number,
    Kind.COUNT: _count,
    Kind.BOOLEAN: _is(bool, "true or false"),
    Kind.MAP: _is(Mapping, "a map"),
    Kind.MAPS: _maps,
    Kind.LIST: _is(list, "a list"),
    Kind.ANY: lambda value: None,
    Kind.DURATION: _duration,
    Kind.SECONDS: _seconds,
    Kind.MILLISECONDS: _seconds,
    Kind.TIME: _moment,
    Kind.SCRIPT: _text,
    Kind.EXPRESSION: _text,
    Kind.SELECTORS: _selectors,
}

"""Selectors of `transform.mapping`: simple JSONPath into the node's input, such as `$.items[0].id` (spec d.3)."""

from dataclasses import replace
from typing import Any

from flowker.expressions.paths import MISSING, Path
from flowker.expressions.problems import ExpressionSyntaxError
from flowker.model.exact_json import Json

_ROOT = "input"


def selector(text: Any) -> Path:
    """`$` is the whole input; a leading `$.` may be left out; `[*]` collects. Raises `ExpressionSyntaxError`."""
    if not isinstance(text, str) or not text:
        raise ExpressionSyntaxError("a selector is a text such as $.items[0].id", 0)
    below = text.removeprefix("$") if text[0] == "$" else f".{text}"
    if below and below[0] not in ".[":
        raise ExpressionSyntaxError("after $ comes a dot or [index]", 1)
    return replace(Path.parse(_ROOT + below, at=len(text) - len(below) - len(_ROOT)), shorthand=False)


def select(text: str, value: Json) -> Json:
    """What the selector finds, None where there is nothing."""
    found = selector(text).find({_ROOT: value}, gap=None)
    return None if found is MISSING else found

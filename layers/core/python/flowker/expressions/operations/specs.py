"""Reading what users wrote as an operation's spec. All of it raises `MappingError` with the path of the culprit."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from flowker.expressions.paths import Path, Target
from flowker.expressions.problems import ExpressionSyntaxError, MappingError

WHOLE: Final = "$"
"""The source that is the whole document, and among `roots` the need for all of it."""

Spec = Mapping[str, object]


def text(spec: Spec, key: str) -> str:
    """A text that is required and holds more than nothing."""
    value = spec.get(key)
    if not isinstance(value, str) or not value:
        raise MappingError("expected a text that is not empty", key)
    return value


def entries(value: object, *at: str | int) -> list[object]:
    """A list."""
    if not isinstance(value, list):
        raise MappingError("expected a list", *at)
    return value


def fields(value: object, *at: str | int) -> Spec:
    """An object."""
    if not isinstance(value, Mapping):
        raise MappingError("expected an object", *at)
    return value


def source(value: object, *at: str | int) -> Path:
    """Where a value comes from: a part of the document."""
    path = _path(value, *at)
    if path.root == WHOLE:
        raise MappingError("$ is the whole document, stands alone and is for sources of shift only", *at)
    return path


def place(value: object, *at: str | int) -> Path:
    """Where a value is changed; what is changed is the document's own, not what an answer's body lends it."""
    return replace(source(value, *at), shorthand=False)


def single_place(value: object, *at: str | int) -> Path:
    """A place that is one, without `[*]`."""
    found = place(value, *at)
    if found.collects:
        raise MappingError("[*] is not supported here", *at)
    return found


def target(value: object, *at: str | int) -> Target:
    """Where a new value goes."""
    try:
        found = Target.parse(_text_of_path(value, *at))
    except ExpressionSyntaxError as error:
        raise MappingError(str(error), *at) from None
    if found.steps[0] == WHOLE:
        raise MappingError("$ is for sources only", *at)
    return found


def _path(value: object, *at: str | int) -> Path:
    try:
        return Path.parse(_text_of_path(value, *at))
    except ExpressionSyntaxError as error:
        raise MappingError(str(error), *at) from None


def _text_of_path(value: object, *at: str | int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise MappingError("expected a path", *at)
    return value

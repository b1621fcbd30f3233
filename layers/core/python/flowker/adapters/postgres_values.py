"""Values between JSON and the texts of PostgreSQL's protocol, exactly (FlowRunner spec d.10).

Numbers stay digit by digit; json becomes what it says, bytea base64, times ISO 8601 with `T` (and `Z` where they have a zone,
because the session is in UTC), arrays lists, and everything else the text that PostgreSQL writes.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed

BYTES, TEXT = 17, 25
_JSON = frozenset({114, 3802})
_MOMENT = re.compile(r"(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(\+00)?")
_MOST_LEVELS = 6
"""Of arrays inside each other; PostgreSQL has no more."""
_FAR = 1000
"""Digits from the point beyond which a number is written with an exponent."""


def value_of(text: str, kind: int) -> Json:
    """From a column of this type (its OID in pg_type). Raises `ValueError` for what no server writes, `CallFailed`
    for JSON that is nested too deeply."""
    if kind in _ELEMENTS:
        from pg8000.converters import string_array_in

        # Arrays that do not begin at 1 say so in front.
        elements = string_array_in(text[text.index("{") :])
        return _each(elements, lambda element: value_of(element, _ELEMENTS[kind]))
    read = _READERS.get(kind)
    return text if read is None else read(text)


def text_of(value: Json, kind: int) -> str | None:
    """For an argument of this type. A text goes as it is, for bytea as base64 or `\\x…`. Raises `CallFailed`."""
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return _hexadecimal(value) if kind == BYTES else value
        case Decimal():
            return f"{value:f}" if abs(value.adjusted()) < _FAR else str(value)
        case list() if kind not in _JSON:
            return _array(value, _ELEMENTS.get(kind, TEXT))
        case list() | Mapping():
            return exact_json.dumps(value)
        case _:
            return str(value)


def _each(elements: Any, read: Callable[[str], Json], levels: int = 1) -> Json:
    if levels > _MOST_LEVELS:
        raise ValueError("not an array")
    return [
        None
        if element is None
        else _each(element, read, levels + 1)
        if isinstance(element, list)
        else read(element)
        for element in elements
    ]


def _array(values: list[Json], kind: int) -> str:
    return "{" + ",".join(_element(value, kind) for value in values) + "}"


def _element(value: Json, kind: int) -> str:
    if isinstance(value, list) and kind not in _JSON:
        return _array(value, kind)
    text = text_of(value, kind)
    return "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _json(text: str) -> Json:
    value = exact_json.loads(text)
    if exact_json.levels(value) > exact_json.MOST_LEVELS:
        raise CallFailed("a value of the result is nested too deeply")
    return value


def _number(text: str) -> Json:
    number = Decimal(text)
    return number if number.is_finite() else text


def _bytes(text: str) -> str:
    return b64encode(bytes.fromhex(text.removeprefix("\\x"))).decode()


def _hexadecimal(text: str) -> str:
    if text.startswith("\\x"):
        return text
    try:
        return "\\x" + b64decode(text, validate=True).hex()
    except ValueError:
        raise CallFailed("an argument of type bytea is not base64") from None


def _moment(text: str) -> str:
    found = _MOMENT.fullmatch(text)
    return f"{found[1]}T{found[2]}{'Z' if found[3] else ''}" if found else text


_READERS: Mapping[int, Callable[[str], Json]] = {
    16: lambda text: text == "t",
    BYTES: _bytes,
    **dict.fromkeys((20, 21, 23, 26, 28), int),
    **dict.fromkeys((700, 701, 1700), _number),
    **dict.fromkeys(_JSON, _json),
    **dict.fromkeys((1114, 1184), _moment),
}
_ELEMENTS: Mapping[int, int] = {
    1000: 16, 1001: BYTES, 1005: 21, 1007: 23, 1016: 20, 1021: 700, 1022: 701, 1231: 1700, 199: 114, 3807: 3802,
    1115: 1114, 1185: 1184, **dict.fromkeys((1003, 1009, 1014, 1015, 1182, 1183, 2951), TEXT),
}  # fmt: skip
"""Types of arrays and those of their elements."""

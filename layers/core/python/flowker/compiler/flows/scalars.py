"""What a plain word in YAML means, in terms of JSON (FlowRunner spec c.1).

As YAML 1.1 has it: `yes`, `no`, `on`, `off` are booleans too, `012` is octal. But nothing becomes what JSON does not know:
dates, times and sexagesimal numbers such as `12:30` stay texts; infinities and binary data are refused.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from flowker.model.exact_json import Json

MOST_DIGITS = 100
"""Of a number; nobody counts so far, and converting longer ones takes long."""
_MOST_EXPONENT = 5
"""Characters of an exponent; what has more and is in range is nothing."""

_CORE = "tag:yaml.org,2002:"
MAP, SEQ = f"{_CORE}map", f"{_CORE}seq"
_BOOLEANS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_NULLS = ("", "~", "null", "Null", "NULL")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)", re.ASCII)
_BASED = re.compile(
    r"([-+]?)0(b(?=_*[01])[01_]+|x(?=_*[0-9a-fA-F])[0-9a-fA-F_]+|o?(?=_*[0-7])[0-7_]+)", re.ASCII
)
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))(?:[eE][-+]?[0-9]+)?", re.ASCII
)
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)


def plain(text: str) -> Json:
    """What an unquoted scalar without a tag means. Raises `ValueError` for what JSON cannot express."""
    if text in _NULLS:
        return None
    if text.lower() in _BOOLEANS and text in (text.lower(), text.upper(), text.capitalize()):
        return _BOOLEANS[text.lower()]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text) or _NO_NUMBER.fullmatch(text):
        return _float(text)
    return text


def tagged(tag: str, text: str) -> Json:
    """What a scalar with one of YAML's own tags means. Raises `ValueError` for every other tag, and where the text does not
    fit."""
    read = _TAGGED.get(tag.removeprefix(_CORE)) if tag.startswith(_CORE) else None
    if read is None:
        raise ValueError(f"the tag {shown(tag)} is not allowed")
    return read(text)


def shown(tag: str) -> str:
    """A tag as users write it."""
    return f"!!{tag.removeprefix(_CORE)}" if tag.startswith(_CORE) else tag


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number has at most {MOST_DIGITS} digits")
    based = _BASED.fullmatch(text)
    digits = text.replace("_", "")
    if not based:
        return int(digits)
    octal = based[2][0] not in "bxo"
    return int(f"{based[1]}0o{digits.lstrip('+-')}" if octal else digits, 0)


def _float(text: str) -> Decimal:
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"{text} is not a number in JSON")
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number has at most {MOST_DIGITS} digits")
    digits = text.replace("_", "")
    if math.isinf(float(digits)):
        raise ValueError(f"{text} is out of range")
    exponent = digits.lower().partition("e")[2]
    return Decimal(digits) if len(exponent) <= _MOST_EXPONENT else Decimal("0.0")


def _exactly(kind: type[Any], word: str) -> Callable[[str], Json]:
    def read(text: str) -> Json:
        value = plain(text)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(f"{text!r} is not {word}")
        return value

    return read


def _number(text: str) -> Json:
    value = plain(text)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(f"{value}.0")
    return _exactly(Decimal, "a number")(text)


_TAGGED: Mapping[str, Callable[[str], Json]] = {
    "str": str,
    "null": _exactly(type(None), "null"),
    "bool": _exactly(bool, "a boolean"),
    "int": _exactly(int, "an integer"),
    "float": _number,
}

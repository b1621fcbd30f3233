"""JSON that keeps money exact: integers of any size and decimals survive reading and writing digit by digit.

Numbers with a fraction or an exponent are read as `decimal.Decimal` (Flowker spec d.2, d.6).
"""

import hashlib
from decimal import InvalidOperation
from typing import Any

import simplejson

Json = Any
"""A JSON value: dict, list, str, int, Decimal, bool or None."""

MOST_LEVELS = 200
"""Of what comes from outside."""

_OPTIONS: dict[str, Any] = {"use_decimal": True, "separators": (",", ":"), "allow_nan": False}
_COMPACT = simplejson.JSONEncoder(**_OPTIONS)
_READABLE = simplejson.JSONEncoder(**_OPTIONS, ensure_ascii=False)
_CANONICAL = simplejson.JSONEncoder(**_OPTIONS, sort_keys=True)


class _Refused(ValueError):
    """Of a constant that only Python takes for JSON."""


def _refuse(constant: str) -> Json:
    raise _Refused(f"{constant} is not JSON")


def loads(text: str | bytes) -> Json:
    """Parse JSON text. Raises `ValueError` for anything that is not JSON: NaN, infinities and absurd nesting included."""
    try:
        return simplejson.loads(text, use_decimal=True, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (simplejson.JSONDecodeError, _Refused, UnicodeDecodeError):
        raise
    except (InvalidOperation, ValueError):  # its exponent, or more digits than Python reads
        raise ValueError("a number is out of range") from None


def received(text: str | bytes) -> Json:
    """Parse JSON text that somebody else wrote: what is built around it must be walked, stored and read again. Raises
    `ValueError`, also for more than `MOST_LEVELS`."""
    value = loads(text)
    if levels(value) > MOST_LEVELS:
        raise ValueError("nested too deeply")
    return value


def levels(value: Json) -> int:
    """How many arrays and objects are inside each other, counted level by level."""
    count, level = 0, [value]
    while level := [item for item in level if isinstance(item, dict | list)]:
        level = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]
        count += 1
    return count


def dumps(value: Json) -> str:
    """Write compact ASCII JSON, keys in their own order. Raises `ValueError` for NaN and infinities."""
    return _COMPACT.encode(value)


def readable(value: Json) -> str:
    """Write compact JSON with every character as itself."""
    return _READABLE.encode(value)


def canonical(value: Json) -> str:
    """Write compact ASCII JSON with sorted keys, so that equal values have equal texts."""
    return _CANONICAL.encode(value)


def embedded_length(text: str) -> int:
    """How long a JSON text of `dumps` is as a string inside other JSON, which is how a function's answer travels."""
    return len(text) + text.count('"') + text.count("\\")


def digest(value: Json) -> str:
    """SHA-256 of the canonical text, lower-case hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()

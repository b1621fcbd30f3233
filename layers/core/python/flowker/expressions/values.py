"""What JSON values mean to conditions: which are numbers, which are true, and how they print (Flowker spec e.1, e.2).

Users wrote their conditions for an engine in Go, so numerals have Go's syntax and printed forms are Go's. Unlike there,
numbers are exact.
"""

import re
from decimal import Decimal, InvalidOperation

from flowker.expressions.problems import EvaluationError
from flowker.model.exact_json import Json

Number = int | Decimal

_DIGITS = "[0-9](?:_?[0-9])*"
_HEX = "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEXADECIMAL = re.compile(
    rf"(?P<sign>[+-]?)0[xX](?=\.?_?[0-9a-fA-F])(?P<whole>(?:_?{_HEX})?)(?:\.(?P<part>(?:{_HEX})?))?"
    rf"[pP](?P<exponent>[+-]?{_DIGITS})"
)
_NOT_FINITE = re.compile(r"(?P<infinite>[+-]?inf(?:inity)?)|nan", re.IGNORECASE)
_LONGEST_HEXADECIMAL = 256
_LARGEST_BINARY_EXPONENT = 1100


def numeral(text: str) -> Decimal | None:
    """The number a text writes in Go's floating-point syntax, digit by digit; None if it writes none."""
    if _DECIMAL.fullmatch(text):
        try:
            return Decimal(text)
        except InvalidOperation:  # an exponent of 19 digits
            return None
    if match := _HEXADECIMAL.fullmatch(text):
        return _hexadecimal(match)
    return Decimal(text) if _NOT_FINITE.fullmatch(text) else None


def _hexadecimal(match: re.Match[str]) -> Decimal | None:
    sign, whole, part, exponent = (match[name] or "" for name in ("sign", "whole", "part", "exponent"))
    digits, places = (whole + part).replace("_", ""), len(part.replace("_", ""))
    if len(digits) > _LONGEST_HEXADECIMAL or len(exponent) > 8:
        return None
    if abs(int(exponent)) > _LARGEST_BINARY_EXPONENT:
        return None
    mantissa, shift = int(digits, 16), int(exponent) - 4 * places
    if shift >= 0:
        return Decimal(f"{sign}{mantissa << shift}")
    return Decimal(f"{sign}{mantissa * 5**-shift}E{shift}")  # m * 2^-n is m * 5^n * 10^-n


def number(value: Json) -> Number | None:
    """The value as a number, if it is one or a text that writes one. Booleans are not numbers."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return value
    if isinstance(value, str):
        return numeral(value)
    return Decimal(repr(value)) if isinstance(value, float) else None


def is_true(value: Json) -> bool:
    """False are: false, null, 0, the empty text and `false` in any letter case. Lists and objects are true."""
    if isinstance(value, str):
        return value != "" and value.lower() != "false"
    if isinstance(value, list | dict):
        return True
    return bool(value)


def printed(value: Json) -> str:
    """The value as Go prints it: `<nil>`, `true`, `[a b]`, `map[k:v]`. Raises `EvaluationError` on absurd nesting."""
    try:
        return _printed(value)
    except RecursionError:
        raise EvaluationError("a value is nested too deeply to be compared") from None


def _printed(value: Json) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(_printed(element) for element in value)}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_printed(value[key])}' for key in sorted(value))}]"
    return _printed_number(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


def _printed_number(value: Decimal) -> str:
    """All digits, without a fraction's trailing zeros; exponent form below 1e-4 and from 1e+06 on."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return {"F": "-Inf" if sign else "+Inf"}.get(exponent, "NaN")
    text = "".join(map(str, digits)).lstrip("0")
    point = len(text) + exponent
    text = text.rstrip("0") or "0"
    minus = "-" if sign else ""
    if text == "0":
        return f"{minus}0"
    power = point - 1
    if power < -4 or power >= 6:
        fraction = f".{text[1:]}" if text[1:] else ""
        return f"{minus}{text[0]}{fraction}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    whole, fraction = text[:point].ljust(point, "0"), text[point:]
    return f"{minus}{whole}.{fraction}" if fraction else f"{minus}{whole}"

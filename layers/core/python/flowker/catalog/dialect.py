"""JSON Schema, draft 2020-12, as the catalog uses it: exact numbers, asserted formats, discreet messages.

Slow to import, because jsonschema is: `schemas.py` imports this module when there is something to validate.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker, TypeChecker
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend

from flowker.catalog.entries import Schema
from flowker.model.exact_json import Json


def validator(schema: Schema, *, formats: bool) -> Validator:
    """A validator whose errors point at the field they are about, missing and superfluous fields included.

    Made in microseconds: a schema is walked anew with every instance, so there is nothing to keep.
    """
    found: Validator = _DIALECT(schema, format_checker=_FORMATS if formats else None)
    return found


def message(error: ValidationError) -> str:
    """Completes "<field> …". Speaks of the rule, never of the value: a value may be a secret."""
    sentence = _SENTENCES.get(str(error.validator))
    return sentence(error.validator_value) if sentence else "is not valid"


# --- formats (Flowker spec a.7) -----------------------------------------------------------------------------

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.IGNORECASE | re.ASCII,
)
_URI = re.compile(
    r"[a-z][a-z0-9+.-]*:([a-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9a-f]{2})+", re.IGNORECASE | re.ASCII
)


def is_uuid(text: str) -> bool:
    """RFC 4122, in any letter case."""
    return _UUID.fullmatch(text) is not None


def is_date_time(text: str) -> bool:
    """RFC 3339 with a zone; leap seconds are not accepted."""
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def is_uri(text: str) -> bool:
    """RFC 3986 with a scheme, so no relative reference; http and https need a host."""
    if not _URI.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname) if parts.scheme in ("http", "https") else True


def _format_checker(formats: Mapping[str, Callable[[str], bool]]) -> FormatChecker:
    checker = FormatChecker(formats=())
    for name, holds in formats.items():
        checker.checks(name)(_on_text(holds))
    return checker


def _on_text(holds: Callable[[str], bool]) -> Callable[[object], bool]:
    return lambda value: not isinstance(value, str) or holds(value)


_FORMATS = _format_checker({"uuid": is_uuid, "date-time": is_date_time, "uri": is_uri})


# --- keywords -----------------------------------------------------------------------------------------------


def _violated(*at: str) -> ValidationError:
    """An error of this instance, or of its field `at`; `message` words it."""
    return ValidationError("", path=at)


def _required(_: Any, names: Sequence[str], instance: Json, schema: Schema) -> Iterator[ValidationError]:
    if isinstance(instance, dict):
        yield from (_violated(name) for name in names if name not in instance)


def _additional_properties(
    validator: Any, others: Any, instance: Json, schema: Schema
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for name in (name for name in instance if name not in schema.get("properties", {})):
        if others is False:
            yield _violated(name)
        else:
            yield from validator.descend(instance[name], others, path=name)


def _property_names(
    validator: Any, rule: Schema, instance: Json, schema: Schema
) -> Iterator[ValidationError]:
    for name in instance if isinstance(instance, dict) else ():
        if not validator.evolve(schema=rule).is_valid(name):
            yield _violated(name)


def _pattern(_: Any, pattern: str, instance: Json, schema: Schema) -> Iterator[ValidationError]:
    """JSON Schema's `$` is the end of the text; Python's would let a line break follow."""
    exact = pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern
    if isinstance(instance, str) and not re.search(exact, instance):
        yield _violated()


def _multiple_of(_: Any, step: int | Decimal, instance: Json, schema: Schema) -> Iterator[ValidationError]:
    if _is_number(instance) and not _divides(Fraction(step), Decimal(instance)):
        yield _violated()


def _divides(step: Fraction, value: Decimal) -> bool:
    """Exact, and quick for exponents of any size."""
    _, digits, exponent = value.as_tuple()
    scaled = int("".join(map(str, digits))) * step.denominator
    if not isinstance(exponent, int):
        return False
    if exponent >= 0:
        return scaled * pow(10, exponent, step.numerator) % step.numerator == 0
    if -exponent > len(str(scaled)):
        return scaled == 0
    return bool(scaled % (step.numerator * 10**-exponent) == 0)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _is_integer(_: TypeChecker, value: object) -> bool:
    """1.0 is one, as JSON Schema has it."""
    if isinstance(value, Decimal):
        return bool(value == value.to_integral_value())
    return isinstance(value, int) and not isinstance(value, bool)


_DIALECT: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "required": _required,
        "additionalProperties": _additional_properties,
        "propertyNames": _property_names,
        "pattern": _pattern,
        "multipleOf": _multiple_of,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


# --- messages -----------------------------------------------------------------------------------------------

_TYPES = {
    "array": "an array",
    "boolean": "a boolean",
    "integer": "an integer",
    "null": "null",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}

_FORMAT_NAMES = {"uuid": "a UUID", "date-time": "an RFC 3339 date-time with a zone", "uri": "an absolute URI"}


def _type(types: str | Sequence[str]) -> str:
    listed = [types] if isinstance(types, str) else types
    return f"must be {' or '.join(_TYPES[each] for each in listed)}"


def _count(least_or_most: str, unit: str, plural: str) -> Callable[[int], str]:
    return lambda count: f"must have {least_or_most} {count} {unit if count == 1 else plural}"


_SENTENCES: Mapping[str, Callable[[Any], str]] = {
    "required": lambda _: "is required",
    "additionalProperties": lambda _: "is not allowed",
    "propertyNames": lambda rule: f"is not allowed: its name {_SENTENCES['maxLength'](rule['maxLength'])}",
    "type": _type,
    "enum": lambda values: f"must be one of {', '.join(map(str, values))}",
    "const": lambda value: f"must be {value}",
    "format": lambda name: f"must be {_FORMAT_NAMES.get(name, name)}",
    "pattern": lambda pattern: f"must match {pattern}",
    "minLength": _count("at least", "character", "characters"),
    "maxLength": _count("at most", "character", "characters"),
    "minimum": lambda bound: f"must be at least {bound}",
    "maximum": lambda bound: f"must be at most {bound}",
    "multipleOf": lambda step: f"must be a multiple of {step}",
    "minItems": _count("at least", "item", "items"),
    "maxItems": _count("at most", "item", "items"),
    "minProperties": _count("at least", "field", "fields"),
    "maxProperties": _count("at most", "field", "fields"),
}

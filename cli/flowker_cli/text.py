"""Texts of others at a terminal: what they hold must not be taken for a command to it."""

import re
import unicodedata
from typing import Any

import simplejson

_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOT_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_BEYOND_ASCII = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def harmless(text: str, *, lines: bool = False) -> str:
    """With control characters, also those that turn the direction of writing, as `\\u…`; with `lines`, line feeds stay."""
    return (_NOT_LINES if lines else _HARMFUL).sub(_escaped, text)


def json_text(value: Any, *, compact: bool = False) -> str:
    """JSON as it is shown: numbers exact, control characters escaped, members in their own order."""
    written = simplejson.dumps(
        value,
        use_decimal=True,
        ensure_ascii=False,
        indent=None if compact else 2,
        separators=(",", ":") if compact else None,
    )
    return _BEYOND_ASCII.sub(_escaped, written)


def width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"

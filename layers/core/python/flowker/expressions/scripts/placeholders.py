"""`${…}` in texts: where one begins and ends (FlowRunner spec e.3). `$${` is a literal `${`.

The scanner skips strings, template strings, comments and regular expressions in the code and counts braces, so that
`${ {a: "}"}.a }` is one placeholder. It knows no more of JavaScript than that; the engine judges the rest.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from flowker.expressions.scripts.errors import ScriptError
from flowker.model.exact_json import Json


@dataclass(frozen=True, slots=True)
class Placeholder:
    """The code between `${` and `}`."""

    code: str


Part = str | Placeholder

_START = re.compile(r"\$\$\{|\$\{")
# Each alternative also matches what is not closed, up to its natural end: so no text is scanned twice.
_IN_CODE = re.compile(
    r""" "(?:[^"\\\n]|\\.)*"? | '(?:[^'\\\n]|\\.)*'? | //[^\n]* | /\*.*?(?:\*/|\Z) | [`{}/] """,
    re.VERBOSE | re.DOTALL,
)
_IN_TEMPLATE = re.compile(r"\\.|\$\{|`", re.DOTALL)
_REGULAR_EXPRESSION = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\]){1,2000}/")
_OPERAND_ENDS = re.compile(r"""[\w$)\]}"'`]\s*\Z""")
_OPERATOR_WORD = re.compile(r"(?<![\w$.])(?:return|typeof|case|in|of|instanceof|void|delete|new)\s*\Z")
_LOOK_BACK = 64


@lru_cache(maxsize=1024)
def split(text: str) -> tuple[Part, ...]:
    """Literal texts and placeholders in order; a text around nothing but one placeholder is just that, without the blanks.

    Raises `ScriptError` for a placeholder that is not closed.
    """
    parts: list[Part] = []
    literal, position = "", 0
    while start := _START.search(text, position):
        literal += text[position : start.start()]
        position = start.end()
        if start[0] == "$${":
            literal += "${"
            continue
        end = _closing_brace(text, position)
        parts += [literal] if literal else []
        parts.append(Placeholder(text[position:end]))
        literal, position = "", end + 1
    literal += text[position:]
    parts += [literal] if literal else []
    placeholders = [part for part in parts if isinstance(part, Placeholder)]
    alone = len(placeholders) == 1 and all(
        isinstance(part, Placeholder) or not part.strip() for part in parts
    )
    return tuple(placeholders) if alone else tuple(parts)


def _closing_brace(text: str, position: int) -> int:
    """The index of the brace that closes the placeholder whose code begins at `position`."""
    start, opened = position, ["{"]
    while opened:
        pattern = _IN_TEMPLATE if opened[-1] == "`" else _IN_CODE
        found = pattern.search(text, position)
        if found is None:
            raise ScriptError(f"a placeholder is not closed: ${{{text[start : start + 40]}")
        position = found.end()
        match found[0]:
            case "{" | "${":
                opened.append("{")
            case "`" if opened[-1] != "`":
                opened.append("`")
            case "`" | "}":
                opened.pop()
            case "/":
                position = _after_slash(text, found.start())
    return position - 1


def _after_slash(text: str, slash: int) -> int:
    """Behind a regular expression, or behind the sign of a division."""
    before = text[max(0, slash - _LOOK_BACK) : slash]
    divides = _OPERAND_ENDS.search(before) and not _OPERATOR_WORD.search(before)
    expression = None if divides else _REGULAR_EXPRESSION.match(text, slash)
    return expression.end() if expression else slash + 1


def texts(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a structure that hold a `${`, and where they are: `headers.Authorization`, `items.0`. A key that is such
    a text is where its value is."""
    if isinstance(value, str):
        if "${" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            below = f"{path}.{key}" if path else str(key)
            yield from texts(key, below)
            yield from texts(item, below)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}.{index}" if path else str(index))


def codes(text: str) -> list[str]:
    """The code of all placeholders in a text. Raises `ScriptError` for one that is not closed."""
    return [part.code for part in split(text) if isinstance(part, Placeholder)]

"""The text of a condition, cut into tokens (Flowker spec e.1, e.4)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from flowker.expressions.problems import ExpressionSyntaxError
from flowker.expressions.values import numeral


class Token(NamedTuple):
    kind: str
    text: str
    position: int


_CHUNK = r"""[^\s()"'<>=!&|] (?: [^\s()"'<>=!&|] | !(?!=) | &(?!&) | \|(?!\|) )*"""
# Text has no escapes. A quote ends it only where an operator, a bracket, AND, OR or the end follows: 'it's' is a text.
_TOKEN = re.compile(
    rf"""
      (?P<TEXT> (?P<quote>["']) .*? (?P=quote) (?=\s*(?:[()<>=!&|]|\Z|(?i:and|or)(?![^\s()"'<>=!&|]))) )
    | (?P<COMPARE> [<>=!]= | [<>] )
    | (?P<AND> && ) | (?P<OR> \|\| ) | (?P<NOT> ! ) | (?P<OPEN> \( ) | (?P<CLOSE> \) )
    | (?P<WORD> {_CHUNK} )
    """,
    re.VERBOSE | re.DOTALL,
)
_CONTINUATION = re.compile(rf"[ ]+ (?P<chunk> {_CHUNK} )", re.VERBOSE)
_BLANKS = re.compile(r"\s*")
_KEYWORDS = {"and": "AND", "or": "OR", "not": "NOT"}


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a condition; the last is of kind END."""
    end = _end_of_blanks(text, 0)
    while end < len(text):
        match = _TOKEN.match(text, end)
        if match is None:
            raise ExpressionSyntaxError(_misfit(text[end]), end)
        start, end, kind = end, match.end(), match.lastgroup or ""
        if kind == "WORD":
            kind = _KEYWORDS.get(match[0].lower(), kind)
            if "." in match[0] and numeral(match[0]) is None:
                end = _end_of_path(text, end)
        yield Token(kind, text[start:end], start)
        end = _end_of_blanks(text, end)
    yield Token("END", "", end)


def _end_of_blanks(text: str, start: int) -> int:
    blanks = _BLANKS.match(text, start)
    return blanks.end() if blanks else start


def _end_of_path(text: str, end: int) -> int:
    """Keys of objects may hold blanks, so what follows a dotted path and is no keyword belongs to it."""
    while (more := _CONTINUATION.match(text, end)) and more["chunk"].lower() not in _KEYWORDS:
        end = more.end()
    return end


def _misfit(character: str) -> str:
    if character == "=":
        return "a comparison for equality is written =="
    if character in "\"'":
        return "the text has no closing quote"
    return f"unexpected {character}"

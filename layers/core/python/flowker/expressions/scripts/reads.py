"""What texts refer to, so that only that need be loaded and handed to the engine (FlowRunner spec e.4).

An approximation from above: a name in a string or a comment counts too. Names that are computed, and ways of writing that
this does not follow, mean all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.placeholders import codes, texts
from flowker.expressions.scripts.scope import NAMES
from flowker.model.exact_json import Json

# Not a member of something else (`input.results`), but perhaps spread (`...results`).
_NAME = re.compile(rf"(?:(?<![\w$.])|(?<=\.\.\.))({'|'.join(NAMES)})(?![\w$])")
_MEMBER = re.compile(
    r"""\s*(?: (?:\?\.|\.)\s*([A-Za-z_$][\w$]*)(?!\\) | (?:\?\.)?\s*\[\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)')\s*\] )""",
    re.VERBOSE,
)
_ESCAPED_LETTER = re.compile(r"\\u(?:00[4-7][0-9a-fA-F]|\{0*[4-7][0-9a-fA-F]\})")
"""A name can be written with escapes: `s\\u0065crets`."""


@dataclass(frozen=True, slots=True)
class Reads:
    """`names` are the names of the scope; `results` and `secrets` the members that are read of these, None for all.

    What the map `input` may inherit (`scope.INHERITED`) is not in `names`: it is asked for only when a property is missing.
    """

    results: frozenset[str] | None
    secrets: frozenset[str] | None
    names: frozenset[str]


def reads(value: Json, scripts: Iterable[str] = ()) -> Reads:
    """What the placeholders in a structure and these scripts refer to. Never raises: broken code is read as it stands."""
    return reads_of([*(code for _, text in texts(value) for code in _codes(text)), *scripts])


def _codes(text: str) -> list[str]:
    try:
        return codes(text)
    except ScriptError:
        return [text]


def reads_of(scripts: Iterable[str]) -> Reads:
    """As `reads`, of code alone."""
    names: set[str] = set()
    members: dict[str, set[str] | None] = {"results": set(), "secrets": set()}
    for code in scripts:
        if _ESCAPED_LETTER.search(code):
            return Reads(None, None, frozenset(NAMES))
        for found in _NAME.finditer(code):
            name = found[1]
            names.add(name)
            if name in members:
                _note(members, name, _MEMBER.match(code, found.end()))
    return Reads(_frozen(members["results"]), _frozen(members["secrets"]), frozenset(names))


def _note(members: dict[str, set[str] | None], name: str, found: re.Match[str] | None) -> None:
    known = members[name]
    if found is None:
        members[name] = None
    elif known is not None:
        known.add(next(group for group in found.groups() if group is not None))


def _frozen(names: set[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)

"""Member paths such as `input.a[0].b` and `secrets["k-x.y@z"]`, read without the script engine (FlowRunner spec e.4).

They mean exactly what they mean in JavaScript: what is not there is undefined, and undefined has no properties. The few
that need more than that, such as `input.name.trim` or `[-1]`, are left to the engine. In one respect this reader is the
better one: numbers keep their digits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.scope import INHERITED, NAMES, OBJECT_PROPERTIES
from flowker.model.exact_json import Json


class Special(Enum):
    """What is not JSON."""

    UNDEFINED = "undefined"
    ASK = "ask the engine"


UNDEFINED: Final = Special.UNDEFINED
ASK: Final = Special.ASK


@dataclass(frozen=True, slots=True)
class Path:
    """A name of the scope and the names of the members below it; an index is a name too, as in JavaScript."""

    root: str
    members: tuple[str, ...]


_ROOT = re.compile(rf"\s*({'|'.join(NAMES)})(?![\w$])")
_MEMBER = re.compile(
    r"""\s*(?: \.\s*([A-Za-z_$][A-Za-z0-9_$]*) | \[\s*(?:(0|[1-9][0-9]{0,14})|"([^"\\\n]*)"|'([^'\\\n]*)')\s*\] )""",
    re.VERBOSE | re.ASCII,
)
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


@lru_cache(maxsize=4096)
def parse(code: str) -> Path | None:
    """None for everything that is not a pure path."""
    found = _ROOT.match(code)
    if found is None:
        return None
    root, position, members = found[1], found.end(), []
    while found := _MEMBER.match(code, position):
        members.append(next(group for group in found.groups() if group is not None))
        position = found.end()
    return Path(root, tuple(members)) if not code[position:].strip() else None


def read(path: Path, scope: Mapping[str, Json]) -> Json | Special:
    """The value, `UNDEFINED` or `ASK`. Raises `ScriptError` as the engine would."""
    if path.root not in scope:
        raise ScriptError(f"ReferenceError: {path.root} is not defined")
    value: Json | Special = scope[path.root]
    for position, name in enumerate(path.members):
        found = _member(value, name)
        if found is UNDEFINED and position == 0:
            found = _inherited(path.root, value, name, scope)
        if found is ASK:
            return ASK
        value = found
    return value


def _member(value: Json | Special, name: str) -> Json | Special:
    if value is None or value is UNDEFINED:
        kind = "null" if value is None else "undefined"
        raise ScriptError(f"TypeError: cannot read property '{name}' of {kind}")
    if isinstance(value, Mapping):
        if name in value:
            return value[name]
        return ASK if name in OBJECT_PROPERTIES else UNDEFINED
    if isinstance(value, str) and name == "length":
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, list):
        if name == "length":
            return len(value)
        if _INDEX.fullmatch(name):
            return value[int(name)] if int(name) < len(value) else UNDEFINED
    return ASK


def _inherited(root: str, value: Json | Special, name: str, scope: Mapping[str, Json]) -> Json | Special:
    """What a missing property of a name is: of `secrets` null, of a map `input` perhaps that of somebody else."""
    if root == "secrets":
        return None
    if root != "input" or not isinstance(value, Mapping):
        return UNDEFINED
    maps = (scope[other] for other in INHERITED if other in scope)
    return next((found[name] for found in maps if isinstance(found, Mapping) and name in found), UNDEFINED)

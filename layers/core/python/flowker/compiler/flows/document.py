"""YAML text to a tree that knows where each of its values was written (FlowRunner spec c.1).

Safe against whatever is sent: nothing is constructed but JSON values, nesting and size are bounded, and what aliases stand
for is counted before anything is repeated. Everything found is reported with line and column; parsing goes on where the
text still makes sense.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from flowker.compiler.flows import scalars
from flowker.errors import Diagnostic
from flowker.model.exact_json import Json

MOST_BYTES = 256 * 1024
"""Of the text, in UTF-8."""
MOST_DEPTH = 32
"""Maps and lists inside each other."""
MOST_VALUES = 20_000
"""Scalars, maps and lists in the text: nobody writes more, and reading them takes a while."""
MOST_REPEATED = 256 * 1024
"""Characters that all aliases together may add, with `_VALUE` for each value that they repeat."""
_VALUE = 16

WHOLE = "definition"
"""What problems of no part are about."""
SYNTAX, LIMIT = "yaml_syntax", "limit_exceeded"

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C is twenty times as fast; both report the same."""


Path = tuple[str, ...]
"""The way to a value: keys, and positions in lists."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A value of a document. `line` and `column` count from 1 and are those of its key, if it has one. `text` is what was
    written, None for maps and lists; `entries` are what is in it, by key or by position."""

    value: Json
    line: int
    column: int
    text: str | None = None
    entries: Mapping[str, "Tree"] = field(default_factory=dict)
    depth: int = 0
    weight: int = _VALUE

    def get(self, name: str) -> "Tree | None":
        """The entry, None also where it is null."""
        found = self.entries.get(name)
        return None if found is None or found.value is None else found

    @property
    def is_map(self) -> bool:
        return isinstance(self.value, dict)

    def at(self, path: Path) -> "Tree":
        """What stands there, or the last thing on the way that is there."""
        tree = self
        for name in path:
            if name not in tree.entries:
                break
            tree = tree.entries[name]
        return tree


@dataclass(slots=True)
class Findings:
    """Problems and warnings about a document, each where it was found."""

    root: Tree
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def problem(self, code: str, path: Path, reason: str) -> None:
        self.problems.append(self._located(code, path, reason))

    def warning(self, code: str, path: Path, reason: str) -> None:
        self.warnings.append(self._located(code, path, reason))

    def _located(self, code: str, path: Path, reason: str) -> Diagnostic:
        place = self.root.at(path)
        return Diagnostic(code, reason, ".".join(path) or WHOLE, place.line, place.column)


def parse(text: str) -> tuple[Tree | None, list[Diagnostic]]:
    """The document, None where it cannot be read to its end, and what is wrong with the YAML."""
    if len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        return None, [Diagnostic(LIMIT, f"the definition has more than {MOST_BYTES} bytes", WHOLE, 1, 1)]
    odd = _FORBIDDEN.search(text)
    if odd is not None:
        before = text[: odd.start()]
        line, column = before.count("\n") + 1, odd.start() - before.rfind("\n")
        reason = f"the character U+{ord(odd[0]):04X} is not allowed in YAML"
        return None, [Diagnostic(SYNTAX, reason, WHOLE, line, column)]
    composer = _Composer(yaml.parse(text, Loader=_LOADER))
    try:
        return composer.document(), composer.problems
    except _Unreadable as end:
        return None, [*composer.problems, end.problem]
    except yaml.YAMLError as error:
        return None, [*composer.problems, _syntax(error, text)]


def _syntax(error: yaml.YAMLError, text: str) -> Diagnostic:
    """What the parser says. What is missing at the end is missed behind the last character."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    reason = ": ".join(part for part in parts if part) or "the text is not YAML"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.splitlines() or [""]
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    return Diagnostic(SYNTAX, reason, WHOLE, line, column)


class _Unreadable(Exception):
    """There is no use in going on."""

    def __init__(self, problem: Diagnostic) -> None:
        super().__init__(problem.message)
        self.problem = problem


class _Composer:
    """Makes a tree of YAML events. Its calls nest no deeper than what it accepts."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Tree] = {}
        self._repeated = 0
        self._values = 0
        self.problems: list[Diagnostic] = []

    def document(self) -> Tree:
        """The only document of the text; an empty text is null."""
        next(self._events)  # the start of the stream
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return Tree(None, 1, 1, "")
        root = self._value(next(self._events), (), 0)
        next(self._events)  # the end of the document
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._unreadable(SYNTAX, "there is more than one document", (), following)
        return root

    def _value(self, event: Any, path: Path, depth: int) -> Tree:
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._unreadable(LIMIT, f"there are more than {MOST_VALUES} values", path, event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if isinstance(event, yaml.ScalarEvent):
            tree = self._scalar(event, path)
        elif depth >= MOST_DEPTH:
            raise self._unreadable(LIMIT, f"it is nested more than {MOST_DEPTH} levels deep", path, event)
        elif isinstance(event, yaml.MappingStartEvent):
            tree = self._map(event, path, depth)
        else:
            tree = self._list(event, path, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = tree
        return tree

    def _alias(self, event: Any, path: Path, depth: int) -> Tree:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise self._unreadable(SYNTAX, f"nothing before it is called &{event.anchor}", path, event)
        if depth + found.depth > MOST_DEPTH:
            raise self._unreadable(LIMIT, f"it is nested more than {MOST_DEPTH} levels deep", path, event)
        self._repeated += found.weight
        if self._repeated > MOST_REPEATED:
            raise self._unreadable(LIMIT, "the aliases stand for too much", path, event)
        return replace(found, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def _scalar(self, event: Any, path: Path) -> Tree:
        text: str = event.value
        value: Json = text
        try:
            if event.tag is not None:
                value = scalars.tagged(event.tag, text)
            elif event.implicit[0]:
                value = scalars.plain(text)
        except ValueError as error:
            self._problem(SYNTAX, str(error), path, event)
        return Tree(value, *_place(event), text=text, weight=_VALUE + len(text))

    def _list(self, event: Any, path: Path, depth: int) -> Tree:
        self._untagged(event, scalars.SEQ, path)
        items: list[Tree] = []
        while not isinstance(following := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(following, (*path, str(len(items))), depth + 1))
        entries = {str(number): item for number, item in enumerate(items)}
        return _collection([item.value for item in items], event, entries)

    def _map(self, event: Any, path: Path, depth: int) -> Tree:
        self._untagged(event, scalars.MAP, path)
        entries: dict[str, Tree] = {}
        merged: Mapping[str, Tree] | None = None
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            name = self._key(key, path)
            tree = self._value(next(self._events), (*path, name), depth + 1)
            if name == _MERGE and isinstance(key, yaml.ScalarEvent) and key.implicit[0]:
                if merged is not None:
                    self._problem(SYNTAX, "<< stands here twice; give it a list of maps", (*path, name), key)
                merged = merged or self._merging(tree, path, key)
            elif name in entries:
                reason = f"the key {name!r} stands here twice, first in line {entries[name].line}"
                self._problem(SYNTAX, reason, (*path, name), key)
            else:
                line, column = _place(key)
                entries[name] = replace(tree, line=line, column=column)
        entries = {**(merged or {}), **entries}
        return _collection({name: tree.value for name, tree in entries.items()}, event, entries)

    def _key(self, event: Any, path: Path) -> str:
        """A key as it was written: `yes`, `1` and `null` are ordinary names."""
        if isinstance(event, yaml.AliasEvent):
            found = self._alias(event, path, 0)
            if found.text is not None:
                return found.text
        if not isinstance(event, yaml.ScalarEvent):
            raise self._unreadable(SYNTAX, "a key must be a plain or quoted text", path, event)
        if event.tag is not None:
            self._problem(SYNTAX, f"the tag {scalars.shown(event.tag)} is not allowed", path, event)
        name: str = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = Tree(name, *_place(event), text=name, weight=_VALUE + len(name))
        return name

    def _merging(self, tree: Tree, path: Path, event: Any) -> Mapping[str, Tree]:
        """What `<<` brings in: a map, or several, of which the first ones win."""
        sources: Sequence[Tree] = [tree] if tree.is_map else list(tree.entries.values())
        if not sources or not all(source.is_map for source in sources):
            self._problem(SYNTAX, "<< must stand before a map or a list of maps", path, event)
            return {}
        return {name: entry for source in reversed(sources) for name, entry in source.entries.items()}

    def _untagged(self, event: Any, own: str, path: Path) -> None:
        if event.tag not in (None, own):
            self._problem(SYNTAX, f"the tag {scalars.shown(event.tag)} is not allowed", path, event)

    def _problem(self, code: str, reason: str, path: Path, event: Any) -> None:
        self.problems.append(Diagnostic(code, reason, ".".join(path) or WHOLE, *_place(event)))

    def _unreadable(self, code: str, reason: str, path: Path, event: Any) -> _Unreadable:
        return _Unreadable(Diagnostic(code, reason, ".".join(path) or WHOLE, *_place(event)))


def _collection(value: Json, event: Any, entries: Mapping[str, Tree]) -> Tree:
    depth = 1 + max((entry.depth for entry in entries.values()), default=0)
    weight = _VALUE + sum(entry.weight + len(name) for name, entry in entries.items())
    return Tree(value, *_place(event), entries=entries, depth=depth, weight=weight)


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1

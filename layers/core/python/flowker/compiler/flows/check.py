"""Everything that can be wrong with a flow, all of it at once, each with its place in the text (FlowRunner spec c.8)."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.compiler.flows.document import LIMIT, SYNTAX, Findings, Path, Tree, parse
from flowker.compiler.flows.node import MOST_SCRIPT, Script, Types, read_node, scripts, texts, warn_unknown
from flowker.compiler.flows.routing import END
from flowker.compiler.flows.structure import check_structure
from flowker.errors import Diagnostic
from flowker.expressions.scripts.errors import ScriptError
from flowker.expressions.scripts.placeholders import codes
from flowker.expressions.scripts.reads import reads_of
from flowker.nodes.flow.base import FlowNodeType

MOST_NODES = 200
MOST_NAME, MOST_DESCRIPTION, MOST_VERSION = 255, 2000, 100
START = "__start"
"""The node of the graph that stands before the first one."""
MOST_SCRIPTS = 5000
"""Scripts and placeholders of a flow."""
MOST_REPORTED = 500
"""Problems in one answer, and warnings."""
_MOST_SHOWN = 300
"""Characters of a path or a reason."""

_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")

Syntax = Callable[[Sequence[tuple[str, str, str]]], Sequence[tuple[str, str]]]
"""What is wrong with scripts: (name, code, mode) in, (name, message) out."""


@dataclass(frozen=True, slots=True)
class FlowDocument:
    """A flow without a problem. `nodes` are the `data` of each node (see `nodes.flow.base`), in the order of the text."""

    name: str
    description: str | None
    version: str | None
    start: str
    nodes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Checked:
    """The document, None if there are problems. The path of a finding is `definition` where it is about the whole."""

    document: FlowDocument | None
    problems: Sequence[Diagnostic]
    warnings: Sequence[Diagnostic]
    root: Tree | None = None

    def located(self, code: str, path: Path, reason: str) -> Diagnostic:
        """A problem that shows later, such as when the flow is compiled, at its place in the text."""
        place = Tree(None, 1, 1) if self.root is None else self.root.at(path)
        return Diagnostic(code, _short(reason), _short(".".join(path)), place.line, place.column)


def check(text: str, types: Types, syntax: Syntax, secrets: Collection[str] | None = None) -> Checked:
    """Read a flow's YAML. `secrets` are the names of those that exist: others are warned about, if it is given."""
    tree, problems = parse(text)
    if tree is None:
        return Checked(None, _reported(problems), ())
    findings = Findings(tree, problems)
    document = None
    if tree.value is None or tree.is_map:
        document = _flow(tree, types, syntax, secrets, findings)
    else:
        findings.problem(SYNTAX, (), "a flow is a map with metadata and nodes")
    found = None if findings.problems else document
    return Checked(found, _reported(findings.problems), _reported(findings.warnings), tree)


def _flow(
    tree: Tree, types: Types, syntax: Syntax, secrets: Collection[str] | None, findings: Findings
) -> FlowDocument | None:
    warn_unknown(tree, (), ("metadata", "nodes", "start"), findings)
    name, description, version = _metadata(tree, findings)
    nodes = _nodes(tree, types, syntax, secrets, findings)
    if not nodes:
        return None
    given = tree.get("start")
    named = None if given is None else given.text or ""
    start = check_structure({node: data["next"] for node, data in nodes.items()}, named, findings)
    return None if start is None else FlowDocument(name, description, version, start, nodes)


def _metadata(tree: Tree, findings: Findings) -> tuple[str, str | None, str | None]:
    given = tree.get("metadata")
    if given is None or not given.is_map:
        findings.problem("name_required", ("metadata", "name"), "a flow needs a name")
        return "", None, None
    warn_unknown(given, ("metadata",), ("name", "description", "version"), findings)
    name = _text(given, "name", MOST_NAME, findings)
    if given.get("name") is None or (name is not None and not name.strip()):
        findings.problem("name_required", ("metadata", "name"), "a flow needs a name")
    description = _text(given, "description", MOST_DESCRIPTION, findings)
    return name or "", description, _text(given, "version", MOST_VERSION, findings) or None


def _text(tree: Tree, name: str, most: int, findings: Findings) -> str | None:
    """A text as it was written, so that version 1.10 keeps its zero."""
    given = tree.get(name)
    if given is None:
        return None
    if given.text is None:
        findings.problem("invalid_metadata", ("metadata", name), "must be a text")
        return None
    if len(given.text) > most:
        findings.problem(LIMIT, ("metadata", name), f"has more than {most} characters")
    return given.text


def _nodes(
    tree: Tree, types: Types, syntax: Syntax, secrets: Collection[str] | None, findings: Findings
) -> Mapping[str, Mapping[str, Any]]:
    given = tree.get("nodes")
    if given is None or not given.is_map or not given.entries:
        findings.problem("nodes_required", ("nodes",), "a flow needs at least one node")
        return {}
    if len(given.entries) > MOST_NODES:
        findings.problem(LIMIT, ("nodes",), f"a flow has at most {MOST_NODES} nodes")
        return {}
    nodes, code = {}, _Code(syntax, secrets, findings)
    for node, entry in given.entries.items():
        path = ("nodes", node)
        if not _ID.fullmatch(node) or node in (START, END):
            reason = "an id has at most 64 letters, digits or any of _ . - and begins with a letter or _"
            taken = f"{node} has a meaning of its own" if node in (START, END) else reason
            findings.problem("invalid_node_id", path, taken)
        nodes[node] = read_node(entry, path, types, findings)
        kind = types.get(nodes[node]["type"])
        if kind is not None:
            code.add(nodes[node], path, kind)
    code.check()
    return nodes


class _Code:
    """All scripts of a flow, checked together, since calling the engine costs more than checking."""

    def __init__(self, syntax: Syntax, secrets: Collection[str] | None, findings: Findings) -> None:
        self._syntax = syntax
        self._secrets = secrets
        self._findings = findings
        self._found: list[Script] = []

    def add(self, data: Mapping[str, Any], path: Path, kind: FlowNodeType) -> None:
        for place, script, mode in scripts(data, path, kind):
            if len(script) > MOST_SCRIPT:
                self._findings.problem(
                    "script_syntax", place, f"a script has at most {MOST_SCRIPT} characters"
                )
            else:
                self._found.append((place, script, mode))
                self._warn(place, script)
        for place, text in texts(data, path, kind):
            try:
                expressions = codes(text)
            except ScriptError as error:
                self._findings.problem("script_syntax", place, error.message)
                continue
            for expression in expressions:
                self._found.append((place, expression, "expression"))
                self._warn(place, expression)

    def check(self) -> None:
        if len(self._found) > MOST_SCRIPTS:
            reason = f"there are more than {MOST_SCRIPTS} scripts and placeholders"
            self._findings.problem(LIMIT, ("nodes",), reason)
            return
        named = [(str(number), code, mode) for number, (_, code, mode) in enumerate(self._found)]
        for number, message in self._syntax(named) if named else ():
            self._findings.problem("script_syntax", self._found[int(number)][0], message)

    def _warn(self, place: Path, code: str) -> None:
        named = reads_of([code]).secrets
        if self._secrets is None or named is None:
            return
        for name in sorted(named - set(self._secrets)):
            self._findings.warning("unknown_secret", place, f"there is no secret {name} yet")


def _reported(findings: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    """As many as an answer has room for, none of them longer than anybody reads."""
    return [
        Diagnostic(each.code, _short(each.message), _short(each.pointer), each.line, each.column)
        for each in findings[:MOST_REPORTED]
    ]


def _short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"

"""Draw examples of statemachines/ into the documents: `python -m docs.diagrams`; with `--check`, only tell what is stale.

What stands between `<!-- diagram: graph NAME -->` and `<!-- /diagram -->` is the workflow as the user drew it, in Mermaid;
with `machine` instead of `graph` it is the state machine compiled from it. Error handling is left out. Between
`<!-- cost -->` and `<!-- /cost -->` stands what a million payment validations cost.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.cost import sample_table
from flowker.compiler.compile import compile_graph
from flowker.compiler.topology import entries
from flowker.compiler.units import Units
from flowker.model.graph import Graph, NodeKind
from statemachines.golden import HERE, graph_of, in_reading_order

ROOT = HERE.parent
MARKED = re.compile(r"(<!-- diagram: (graph|machine) ([\w-]+) -->\n).*?(<!-- /diagram -->)", re.DOTALL)

COST = re.compile(r"(<!-- cost -->\n).*?(<!-- /cost -->)", re.DOTALL)

SHAPES = {
    NodeKind.TRIGGER: '(["{}"])',
    NodeKind.EXECUTOR: '[["{}"]]',
    NodeKind.CONDITIONAL: '{{"{}"}}',
    NodeKind.ACTION: '["{}"]',
    "Task": '["{}"]',
    "Choice": '{{"{}"}}',
    "Pass": '["{}"]',
    "Succeed": '(["{}"])',
}


class Canvas:
    """Mermaid lines. A box is described where it is first mentioned."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._boxes: dict[str, str] = {}
        self._groups = 0

    def arrow(self, source: str, target: str, label: str | None = None) -> None:
        """From one box to another; both are what `box` gives."""
        named = f'-- "{_quoted(label)}" ' if label else ""
        self._lines.append(f"{source} {named}--> {target}")

    def box(self, key: str, shape: str, label: str) -> str:
        """How to mention the box: with its shape and label the first time."""
        if key in self._boxes:
            return self._boxes[key]
        self._boxes[key] = f"n{len(self._boxes)}"
        return self._boxes[key] + shape.format(_quoted(label))

    def group(self) -> None:
        """What follows, up to `end`, belongs together."""
        self._groups += 1
        self._lines.append(f'subgraph g{self._groups}[" "]')

    def end(self) -> None:
        self._lines.append("end")

    @property
    def text(self) -> str:
        lines = "".join(f"  {line}\n" for line in self._lines)
        return f"```mermaid\nflowchart LR\n{lines}```\n"


def _quoted(label: str) -> str:
    return label.replace('"', "#quot;")


def draw_graph(graph: Graph) -> str:
    """The workflow as drawn by its user: one arrow for each edge."""
    canvas = Canvas()
    kinds = {node.id: node.type for node in graph.nodes}
    for edge in graph.edges:
        source, target = (canvas.box(end, SHAPES[kinds[end]], end) for end in (edge.source, edge.target))
        canvas.arrow(source, target, edge.source_handle or edge.expression)
    return canvas.text


def draw_machine(graph: Graph) -> str:
    """The state machine of the first trigger. A task is labelled with all nodes that it runs, a choice's arrows with the
    edges of the graph that it asks for."""
    machine = compile_graph(graph, entries(graph)[0])
    canvas = Canvas()
    _Machine(canvas, graph, machine.units).draw(machine.definition, "start", "end")
    return canvas.text


class _Machine:
    def __init__(self, canvas: Canvas, graph: Graph, units: Units) -> None:
        self._canvas = canvas
        self._units = units
        self._edges = {f"e{number}": edge.id for number, edge in enumerate(graph.edges)}

    def draw(self, machine: Mapping[str, Any], before: str, after: str) -> None:
        """All states of a machine or branch; `before` and `after` name the dots at its ends."""
        states = in_reading_order(machine)
        self._arrow(states, before, machine["StartAt"])
        for name, state in states.items():
            if name in ("execution.abandon", "execution.failed"):
                continue
            if state["Type"] == "Parallel":
                self._parallel(name, state)
            for label, target in self._ways(state):
                self._arrow(states, name, target, label)
            if state.get("End") or state["Type"] == "Succeed":
                self._arrow(states, name, after)

    def _parallel(self, name: str, state: Mapping[str, Any]) -> None:
        self._canvas.group()
        for branch in state["Branches"]:
            self.draw(branch, f"{name} fork", f"{name} join")
        self._canvas.end()

    def _ways(self, state: Mapping[str, Any]) -> Iterator[tuple[str | None, str]]:
        for choice in state.get("Choices", ()):
            asked = [test["Variable"].rpartition(".")[2] for test in choice.get("Or", [choice])]
            yield " or ".join(self._edges[key] for key in asked), choice["Next"]
        if "Default" in state:
            yield "none", state["Default"]
        if "Next" in state:
            yield None, state["Next"]

    def _arrow(self, states: Mapping[str, Any], source: str, target: str, label: str | None = None) -> None:
        self._canvas.arrow(self._mention(states, source, leaving=True), self._mention(states, target), label)

    def _mention(self, states: Mapping[str, Any], name: str, *, leaving: bool = False) -> str:
        if name not in states:
            return self._canvas.box(name, '(("{}"))', name if name in ("start", "end") else " ")
        kind = states[name]["Type"]
        if kind == "Parallel":
            return self._mention({}, f"{name} {'join' if leaving else 'fork'}")
        unit = self._units.by_head.get(name)
        return self._canvas.box(name, SHAPES[kind], " + ".join(unit.members) if unit else name)


def drawn(text: str) -> str:
    """A document with its diagrams and its table of costs as they should be."""

    def redraw(found: re.Match[str]) -> str:
        draw = draw_graph if found[2] == "graph" else draw_machine
        return found[1] + draw(graph_of(HERE / found[3])) + found[4]

    return COST.sub(lambda found: found[1] + sample_table() + found[2], MARKED.sub(redraw, text))


def documents() -> list[Path]:
    """Every document that may hold diagrams."""
    return [ROOT / "README.md", HERE / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main(arguments: list[str]) -> int:
    """Exit code 1 if `--check` finds something."""
    stale = {path: text for path in documents() if (text := drawn(path.read_text())) != path.read_text()}
    for path, text in stale.items():
        print(
            f"{path.relative_to(ROOT)}: {'out of date, run `make docs`' if '--check' in arguments else 'drawn'}"
        )
        if "--check" not in arguments:
            path.write_text(text)
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

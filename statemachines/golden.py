"""Rewrite the goldens from the graphs: `python -m statemachines.golden`; with `--check`, only tell which are out of date.

An example is a folder with `workflow.json`, a graph as a user would post it, or with `flow.yaml`. Its golden is
`definition.asl.json`, compiled from the first trigger; each further trigger has a `definition.<trigger>.asl.json`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowker.compiler.compile import compile_graph
from flowker.compiler.flows.check import check
from flowker.compiler.flows.compile import compile_flow
from flowker.compiler.flows.graph import graph_of as graph_of_flow
from flowker.compiler.topology import entries
from flowker.model import exact_json
from flowker.model.graph import Graph, Node
from flowker.nodes.flow.base import Shape
from flowker.nodes.flow.registry import FLOW_NODE_TYPES
from flowker.usecases.activation import without_tokens
from flowker.usecases.drafts import draft

HERE = Path(__file__).parent
WIDTH = 110
LONGEST = 86_400
"""Seconds that a run of an example may take."""


def examples() -> list[Path]:
    """The folders of all examples, in alphabetical order."""
    return sorted(path.parent for path in HERE.glob("*/workflow.json"))


def flow_examples() -> list[Path]:
    """The folders of all examples that are flows."""
    return sorted(path.parent for path in HERE.glob("*/flow.yaml"))


def flow_definition(example: Path) -> dict[str, Any]:
    """What storing the example would publish. Scripts are not looked at: no state machine depends on them."""
    checked = check((example / "flow.yaml").read_text(), FLOW_NODE_TYPES, lambda scripts: ())
    if checked.document is None:
        raise ValueError(f"{example.name}: {checked.problems}")
    graph = graph_of_flow(checked.document, checked.document.version or "")
    return compile_flow(graph, LONGEST, _shape).definition


def _shape(node: Node) -> Shape:
    return FLOW_NODE_TYPES[node.settings["type"]].shape(node.settings["params"])


def graph_of(example: Path) -> Graph:
    """The snapshot that activating the example would run."""
    document = exact_json.loads((example / "workflow.json").read_text())
    return without_tokens(draft(document).graph)


def golden_name(graph: Graph, entry: str) -> str:
    """The file that holds the definition for a trigger."""
    return "definition.asl.json" if entry == entries(graph)[0] else f"definition.{entry}.asl.json"


def definitions(example: Path) -> dict[Path, str]:
    """What the goldens of an example should say, by file."""
    if (example / "flow.yaml").exists():
        return {example / "definition.asl.json": text_of(flow_definition(example))}
    graph = graph_of(example)
    return {
        example / golden_name(graph, entry): text_of(compile_graph(graph, entry).definition)
        for entry in entries(graph)
    }


def text_of(definition: Mapping[str, Any]) -> str:
    """A definition for people: states in the order in which a reader meets them."""
    return laid_out({**definition, "States": in_reading_order(definition)}) + "\n"


def in_reading_order(machine: Mapping[str, Any]) -> dict[str, Any]:
    """The states from the first one on, each followed by those that it names, error handling last."""
    states: Mapping[str, Any] = machine["States"]
    found: dict[str, Any] = {}
    waiting = [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in found and name in states:
            found[name] = _branches_in_reading_order(states[name])
            waiting += reversed(list(followers(states[name])))
    return found | {name: state for name, state in states.items() if name not in found}


def followers(state: Mapping[str, Any]) -> Iterator[str]:
    """The states that may be next when nothing fails."""
    yield from (choice["Next"] for choice in state.get("Choices", ()))
    yield from (state[field] for field in ("Default", "Next") if field in state)


def _branches_in_reading_order(state: Mapping[str, Any]) -> Mapping[str, Any]:
    if state["Type"] == "Map":
        processor = state["ItemProcessor"]
        return {**state, "ItemProcessor": {**processor, "States": in_reading_order(processor)}}
    if state["Type"] != "Parallel":
        return state
    branches = [{**branch, "States": in_reading_order(branch)} for branch in state["Branches"]]
    return {**state, "Branches": branches}


def laid_out(value: Any, indent: int = 0, used: int = 0) -> str:
    """JSON on one line where it fits, else one line per entry. `used` is what stands before it on its line."""
    line = json.dumps(value, ensure_ascii=False)
    structured = isinstance(value, dict | list) and len(value) > 0
    if not structured or (indent and indent + used + len(line) < WIDTH):
        return line
    inner = indent + 2
    if isinstance(value, dict):
        starts = {name: f"{json.dumps(name)}: " for name in value}
        parts = [start + laid_out(value[name], inner, len(start)) for name, start in starts.items()]
    else:
        parts = [laid_out(item, inner) for item in value]
    body = "".join(f"\n{' ' * inner}{part}," for part in parts).removesuffix(",")
    return f"{line[0]}{body}\n{' ' * indent}{line[-1]}"


def outdated() -> dict[Path, str | None]:
    """The goldens that differ from what they should say, with that text; None for files that should not be there."""
    wanted = {
        path: text
        for example in [*examples(), *flow_examples()]
        for path, text in definitions(example).items()
    }
    stale: dict[Path, str | None] = {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }
    return stale | {path: None for path in HERE.glob("*/definition*.asl.json") if path not in wanted}


def main(arguments: list[str]) -> int:
    """Exit code 1 if `--check` finds something."""
    stale = outdated()
    checking = "--check" in arguments
    for path, text in stale.items():
        print(f"{path.relative_to(HERE.parent)}: {'out of date' if checking else 'written'}")
        if text is None and not checking:
            path.unlink()
        elif text is not None and not checking:
            path.write_text(text)
    if stale and checking:
        print("run `make golden` and review the difference")
    return int(bool(stale) and checking)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Rewrite the goldens from the graphs: `python -m statemachines.golden`; with `--check`, only tell which are out of date.

An example is a folder with `workflow.json`, a graph as a user would post it. Its golden is `definition.asl.json`, compiled
from the first trigger; each further trigger has a `definition.<trigger>.asl.json`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flowker.compiler.compile import compile_graph
from flowker.compiler.topology import entries
from flowker.model import exact_json
from flowker.model.graph import Graph
from flowker.usecases.activation import without_tokens
from flowker.usecases.drafts import draft

HERE = Path(__file__).parent
WIDTH = 110


def examples() -> list[Path]:
    """The folders of all examples, in alphabetical order."""
    return sorted(path.parent for path in HERE.glob("*/workflow.json"))


def graph_of(example: Path) -> Graph:
    """The snapshot that activating the example would run."""
    document = exact_json.loads((example / "workflow.json").read_text())
    return without_tokens(draft(document).graph)


def golden_name(graph: Graph, entry: str) -> str:
    """The file that holds the definition for a trigger."""
    return "definition.asl.json" if entry == entries(graph)[0] else f"definition.{entry}.asl.json"


def definitions(example: Path) -> dict[Path, str]:
    """What the goldens of an example should say, by file."""
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
    wanted = {path: text for example in examples() for path, text in definitions(example).items()}
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

"""The reference of state machines shows what the goldens hold, and names what the emitters emit."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowker.model import exact_json
from statemachines.golden import HERE

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "state-machines.md").read_text()
LINK_OR_BLOCK = re.compile(
    r"\]\(\.\./\.\./statemachines/([\w-]+)/|^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


def excerpts() -> Iterator[tuple[str, Any]]:
    """Each excerpt, with the example that was mentioned last before it."""
    example = ""
    for found in LINK_OR_BLOCK.finditer(PAGE):
        example = found[1] or example
        if found[2]:
            yield example, exact_json.loads(found[2])


def states(machine: Any) -> dict[str, Any]:
    """All of them, those in branches and batches too."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        for inner in state.get("Branches", [state["ItemProcessor"]] if "ItemProcessor" in state else []):
            found |= states(inner)
    return found


def holds(whole: Any, part: Any) -> bool:
    """Whether an excerpt is true; objects may leave out entries."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and holds(whole[name], part[name]) for name in part
        )
    return bool(whole == part)


def golden(example: str) -> dict[str, Any]:
    return states(exact_json.loads((HERE / example / "definition.asl.json").read_text()))


@pytest.mark.parametrize(("example", "excerpt"), [*excerpts()])
def test_an_excerpt_is_cut_from_its_golden(example: str, excerpt: dict[str, Any]) -> None:
    whole = golden(example)
    assert [name for name in excerpt if not holds(whole.get(name), excerpt[name])] == []


def test_every_kind_of_state_and_every_parameter_is_explained() -> None:
    documented = set(re.findall(r"`(?:<node>|<block>|…)?(\.[a-z]+)", PAGE)) | {".parallel"}
    words = set(re.findall(r"`([\w]+)`", PAGE))
    for path in HERE.glob("*/definition*.asl.json"):
        found = states(exact_json.loads(path.read_text()))
        nodes = {
            state["Parameters"]["node"] for state in found.values() if "node" in state.get("Parameters", {})
        }
        suffixes = {name[len(node) :] for name in found for node in nodes if name.startswith(f"{node}.")}
        assert {re.sub(r"\d", "", suffix).rstrip(".") for suffix in suffixes} - {
            ".parallel..none", ".lanes..end", ".item.next",
        } <= documented, path  # fmt: skip
        told = {name.removesuffix(".$") for state in found.values() for name in state.get("Parameters", {})}
        told -= {"FunctionName", "Payload", "at", "live", "branches"}
        assert told <= words, path

"""What runs side by side in a flow, and what cannot (FlowRunner spec k.3).

A branch of a split is what can be reached from its first node until a node without a way on, or until the target of the
split's `default`, where all branches meet. A node that several branches reach runs once in each. What would leave its branch
otherwise, or come back to the split from within it, has no shape that a state machine could take.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from flowker.compiler.flows.routing import DEFAULT, END, lanes, ways
from flowker.compiler.flows.times import pause_seconds
from flowker.errors import DefinitionTooLarge
from flowker.model.graph import Graph, Node
from flowker.nodes.flow.base import Shape

Shapes = Callable[[Node], Shape]
"""How a node lowers to states: what its type says of its params."""

MOST_PLACED = 2_500
"""Nodes in all regions together, each counted wherever it runs. One takes at least 400 bytes of a definition of 1 MB."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A shape that no state machine can take. `path` is where the document says so."""

    path: tuple[str, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Region:
    """One sequence: the whole flow, or one branch of a split. `nodes` are those that run in it, in the order in which they are
    met; what their splits run side by side is in `branches`, by the split's id. `until` is where it ends but does not run."""

    entry: str
    until: str | None
    nodes: tuple[str, ...]
    branches: Mapping[str, tuple["Region", ...]]


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a region is. `splits` are those it is in, `forbidden` what leads back to one of them, by node, `ends` where the
    branches around its own one end."""

    until: str | None = None
    forbidden: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)


def regions(graph: Graph, entry: str, shapes: Shapes) -> tuple[Region, list[Problem]]:
    """The whole flow, and all its problems: with any, the region leaves out what causes them. Raises `DefinitionTooLarge`."""
    finder = _Finder(graph, shapes)
    region = finder.region(entry, _Around())
    return region, list(dict.fromkeys(finder.problems))


def onward(node: Node, shape: Shape) -> Iterator[tuple[str, str]]:
    """The entries of `next` that go on in the same region, (action, target), in order: not the branches of a split."""
    beside = lanes(node) if shape is Shape.SPLIT else {}
    for action, target in ways(node).items():
        if target != END and action not in beside:
            yield action, target


def after_loops(region: Region, nodes: Mapping[str, Node], shapes: Shapes) -> list[str]:
    """The nodes of a region that can come after any number of steps: those in loops, those that may ask again and again
    whether to wait, and what follows these, batches, or splits with any of them in a branch."""
    inside = set(region.nodes)
    following = {
        name: {target for _, target in onward(nodes[name], shapes(nodes[name])) if target in inside}
        | ({name} if asks_again(nodes[name], shapes) else set())
        for name in region.nodes
    }
    found: set[str] = set()
    for name in region.nodes:
        if name not in found:
            reached = _reached(following[name], following)
            found |= reached if name in reached or _holds_many(region, nodes, shapes, name) else set()
    return [name for name in region.nodes if name in found]


def _holds_many(region: Region, nodes: Mapping[str, Node], shapes: Shapes, name: str) -> bool:
    """Whether the steps inside a node, of its items or its branches, may be any number."""
    branches = region.branches.get(name, ())
    return bool(nodes[name].settings.get("batch")) or any(
        after_loops(branch, nodes, shapes) for branch in branches
    )


def asks_again(node: Node, shapes: Shapes) -> bool:
    """Whether nothing but the run tells how often a node waits."""
    return shapes(node) is Shape.WAITING and pause_seconds(node) is None and not node.settings.get("batch")


class _Finder:
    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.problems: list[Problem] = []
        self._nodes = {node.id: node for node in graph.nodes}
        self._shapes = shapes
        self._placed = 0

    def region(self, entry: str, around: _Around) -> Region:
        found: dict[str, None] = {}
        before: dict[str, set[str]] = {}
        waiting = [entry]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            self._place(name)
            found[name] = None
            node = self._nodes[name]
            ahead = onward(node, self._shapes(node))
            targets = [target for action, target in ahead if self._stays(name, action, target, around)]
            waiting += reversed(targets)
            for target in targets:
                before.setdefault(target, set()).add(name)
        splits = [name for name in found if self._shapes(self._nodes[name]) is Shape.SPLIT]
        branches = {name: self._branches(self._nodes[name], around, before) for name in splits}
        return Region(entry, around.until, tuple(found), branches)

    def _branches(self, split: Node, around: _Around, before: Mapping[str, set[str]]) -> tuple[Region, ...]:
        """`before` are the edges around the split, backwards: what it can be reached from cannot be in its branches."""
        until = ways(split).get(DEFAULT)
        until = None if until == END else until
        ends = dict(around.ends)
        if around.until is not None:
            ends[around.until] = split.id
        if until is not None:
            ends.pop(until, None)
        back = set() if until == split.id else _reached({split.id}, before, without=until)
        inner = _Around(until, {**around.forbidden, **dict.fromkeys(back, split.id)}, ends)
        found = []
        for action, target in lanes(split).items():
            if target == until:
                message = f"the branch {action} has nothing to run before {until}, where the branches meet"
                self._report(split.id, action, message)
            elif self._stays(split.id, action, target, inner):
                found.append(self.region(target, inner))
        return tuple(found)

    def _stays(self, name: str, action: str, target: str, around: _Around) -> bool:
        """Whether an entry of `next` goes on in the region."""
        if target == around.until:
            return False
        if target in around.forbidden:
            split = around.forbidden[target]
            self._report(name, action, f"{target} leads back to {split} from within a branch of {split}")
            return False
        if target in around.ends:
            split = around.ends[target]
            self._report(
                name, action, f"{target} is behind the split around {split}, whose branches meet first"
            )
            return False
        return True

    def _report(self, name: str, action: str, message: str) -> None:
        self.problems.append(Problem(("nodes", name, "next", action), message))

    def _place(self, name: str) -> None:
        self._placed += 1
        if self._placed > MOST_PLACED:
            raise DefinitionTooLarge(
                "the compiled state machine exceeds 1 MB: too many branches run the same"
            )
        node = self._nodes[name]
        shape = self._shapes(node)
        if node.settings.get("batch") and shape in (Shape.SPLIT, Shape.SIGNAL):
            message = f"a {node.settings.get('type')} of this kind cannot run once per item"
            self.problems.append(Problem(("nodes", name, "batch"), message))


def _reached(start: set[str], following: Mapping[str, set[str]], without: str | None = None) -> set[str]:
    """What can be reached from there, itself included, without coming through one node."""
    found = set(start)
    waiting = list(start)
    while waiting:
        fresh = following.get(waiting.pop(), set()) - found - {without}
        found |= fresh
        waiting += fresh
    return found

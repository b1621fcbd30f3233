"""What a flow means, in the plainest words: the arbiter of compiler and engine (FlowRunner spec c.2, c.3, c.6, d.5, d.12).

One node after the other, each taking one way; a split runs each of its branches to its end and goes on behind them; a batch
does its node's work once per item; a node may wait and go on. A step is named by its path: "1", "2", … in order, "7.0.1" is
the first one in branch or item 0 of step "7". What nodes do is somebody else's decision: `Script`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from flowker.model.graph import Graph, Node

FAILED = "failed"
MOST_STEPS = 12
"""In one sequence; the next node fails, and with it the sequence."""


@dataclass(frozen=True)
class Outcome:
    """How a node ends: with an action, or by failure with or without a handle."""

    action: str | None = None
    handle: str | None = None


class Script:
    """Decides by the node and its path, always the same, whatever happens elsewhere."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def outcome(self, node: Node, path: str) -> Outcome:
        random = self._random("outcome", node, path)
        if random.random() < 0.2:
            return Outcome(handle=random.choice([None, "client_error", "timeout"]))
        entries = [*node.settings["next"]]
        return Outcome(action=random.choice([*entries, *entries, "default", "success", "unheard"]))

    def begins(self, node: Node, path: str) -> bool:
        """Whether a split, a batch or a wait for a signal gets going at all; otherwise its outcome comes at once."""
        return self._random("begins", node, path).random() < 0.8

    def pauses(self, node: Node, path: str) -> int:
        return self._random("pauses", node, path).choice([0, 1, 1, 2])

    def items(self, node: Node, path: str) -> int:
        return self._random("items", node, path).choice([0, 1, 2, 3])

    def item_fails(self, node: Node, path: str) -> bool:
        return self._random("item", node, path).random() < 0.15

    def signalled(self, node: Node, path: str) -> bool:
        return self._random("signal", node, path).random() < 0.7

    def failing_attempts(self, node: Node, path: str) -> int:
        most = (node.settings.get("retry") or {}).get("max_retries", 0)
        return self._random("retry", node, path).randint(0, most)

    def _random(self, about: str, node: Node, path: str) -> Random:
        return Random(f"{self._seed}/{about}/{node.id}/{path}")


@dataclass
class Story:
    """What happened: the node and the phase of each step, by its path, and how it all ended."""

    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    failed: bool = False


def interpret(graph: Graph, script: Script) -> Story:
    """Run the flow from its start."""
    walk = _Walk(graph, script)
    walk.story.failed = walk.sequence(graph.edges[0].target, "1", None)
    return walk.story


class _Walk:
    def __init__(self, graph: Graph, script: Script) -> None:
        self.story = Story()
        self._nodes = {node.id: node for node in graph.nodes}
        self._script = script

    def sequence(self, node_id: str, path: str, until: str | None) -> bool:
        """Go on until there is no way on, or the next node would be `until`. True if it ended by failure."""
        while True:
            node = self._nodes[node_id]
            self._note(node, "", path)
            if _number(path) > MOST_STEPS:
                return True
            outcome, path = self._visit(node, path)
            ways = _applicable(node, outcome)
            if not ways:
                return outcome.action is None
            target = node.settings["next"][ways[0]]
            if target in ("END", until):
                return False
            node_id, path = target, following(path)

    def _visit(self, node: Node, path: str) -> tuple[Outcome, str]:
        """What comes of it, and its last step."""
        if node.settings.get("batch"):
            return self._batch(node, path)
        match node.settings["type"]:
            case "delay" | "flow":
                return self._script.outcome(node, path), self._pauses(node, path)
            case "split":
                return self._split(node, path)
            case "wait":
                return self._signal(node, path)
        return self._script.outcome(node, path), path

    def _pauses(self, node: Node, path: str) -> str:
        for _ in range(self._script.pauses(node, path)):
            path = following(path)
            self._note(node, "resume", path)
        return path

    def _batch(self, node: Node, path: str) -> tuple[Outcome, str]:
        if not self._script.begins(node, path):
            return Outcome(), path
        fails = False
        for number in range(self._script.items(node, path)):
            inside = f"{path}.{number}.1"
            self._note(node, "item", inside)
            if node.settings["type"] == "delay":
                self._pauses(node, inside)
            fails |= self._script.item_fails(node, inside)
        path = following(path)
        self._note(node, "collect", path)
        return Outcome() if fails else Outcome(action="default"), path

    def _split(self, node: Node, path: str) -> tuple[Outcome, str]:
        if not self._script.begins(node, path):
            return Outcome(), path
        ways = node.settings["next"]
        first = [target for action, target in ways.items() if action not in ("default", "error")]
        starts = [target for target in first if target != "END"]
        ends = [
            self.sequence(target, f"{path}.{number}.1", ways.get("default"))
            for number, target in enumerate(starts)
        ]
        path = following(path)
        self._note(node, "join", path)
        return Outcome() if any(ends) else Outcome(action="default"), path

    def _signal(self, node: Node, path: str) -> tuple[Outcome, str]:
        if not self._script.begins(node, path):
            return self._script.outcome(node, path), path
        came = self._script.signalled(node, path)
        following_path = following(path)
        self._note(node, "resume" if came else "timeout", following_path)
        outcome = self._script.outcome(node, path) if came else Outcome(handle="timeout")
        return outcome, following_path

    def _note(self, node: Node, phase: str, path: str) -> None:
        self.story.steps[path] = (node.id, phase)


def _applicable(node: Node, outcome: Outcome) -> Sequence[str]:
    """The entries of `next` that apply, the first one first."""
    wanted: list[str | None]
    if outcome.action is None:
        wanted = [outcome.handle, "error"]
    elif node.settings["type"] == "split":
        wanted = ["default"]
    elif outcome.action == "default":
        wanted = ["default", "success"]
    else:
        wanted = [outcome.action, "default"]
    return [entry for entry in wanted if entry is not None and entry in node.settings["next"]]


def following(path: str) -> str:
    """The path of the next step."""
    before, _, number = path.rpartition(".")
    return f"{before}{'.' if before else ''}{int(number) + 1}"


def _number(path: str) -> int:
    return int(path.rpartition(".")[2])

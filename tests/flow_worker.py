"""A worker for flows that does what a `Script` says and remembers every step: all that a state machine can see of the real
one. Its answers are those of the contract between the two (decision 22)."""

from collections.abc import Callable, Container, Mapping
from typing import Any

from flowker.compiler.flows.regions import Shapes
from flowker.compiler.flows.routing import Route, edge_keys, failure, joined, lanes, success
from flowker.errors import NodeFailed, NodeRetry
from flowker.model.graph import Graph, Node
from flowker.nodes.flow.base import Shape
from tests.flow_reference import MOST_STEPS, Outcome, Script, following

Answer = dict[str, Any]


def shape_of(node: Node) -> Shape:
    """Of the types that occur in these tests."""
    return _SHAPES.get(node.settings["type"], Shape.PLAIN)


_SHAPES = {
    "transform": Shape.QUICK,
    "delay": Shape.WAITING,
    "flow": Shape.WAITING,
    "split": Shape.SPLIT,
    "wait": Shape.SIGNAL,
}
SHAPES: Shapes = shape_of


class ScriptedWorker:
    """Call it as the function behind `${RunNode}`. `signal(token, output)` is told to answer a token."""

    def __init__(
        self,
        graph: Graph,
        script: Script,
        signal: Callable[[str, Answer], object] | None = None,
        relay_after: int = 0,
        relays: Container[str] = (),
    ) -> None:
        self.steps: dict[str, tuple[str, str]] = {}
        self.tasks: list[Mapping[str, Any]] = []
        self.relayed: list[Answer] = []
        """Where each later leg begins."""
        self._nodes = {node.id: node for node in graph.nodes}
        self._targets = {edge.id: edge.target for edge in graph.edges}
        self._keys = edge_keys(graph)
        self._script = script
        self._signal = signal
        self._relay_after = relay_after
        self._relays = relays
        self._first: dict[str, str] = {}
        """The first step of each node's visit, by its latest one."""

    def __call__(self, task: Mapping[str, Any]) -> Answer:
        self.tasks.append(task)
        answer = self._one(task)
        about = {name: task[name] for name in ("quick", "leaves") if name in task}
        while (node := self._onward(answer)) in task.get("quick", ()):
            answer = self._one({**about, "node": node, "at": answer, "attempt": 0})
        return answer

    def _onward(self, answer: Answer) -> str | None:
        """Where the answer leads."""
        edges = {key: self._targets[edge] for edge, key in self._keys.items()}
        return next((edges[key] for key in answer if key in edges), None)

    def _one(self, task: Mapping[str, Any]) -> Answer:
        node, phase, at = self._nodes[task["node"]], task.get("phase", ""), task["at"]["step"]
        if phase == "listen":
            return self._listen(node, at, task["token"])
        path = self._path(task, phase, at)
        visit = self._first.get(at, path) if phase in ("resume", "join", "collect", "timeout") else path
        if task["attempt"] < self._script.failing_attempts(node, path):
            raise NodeRetry("again")
        self._first[path] = visit
        assert self.steps.get(path, (node.id, _noted(phase))) == (node.id, _noted(phase)), path
        self.steps[path] = (node.id, _noted(phase))
        return {"step": path, **self._does(node, phase, path, visit, task)}

    def _path(self, task: Mapping[str, Any], phase: str, at: str) -> str:
        if phase == "item":
            return f"{at}.{task['item']}.1"
        return f"{at}.{task['lane']}.1" if "lane" in task else following(at)

    def _does(self, node: Node, phase: str, path: str, visit: str, task: Mapping[str, Any]) -> Answer:
        first = phase in ("", "expand")
        if first and int(path.rpartition(".")[2]) > MOST_STEPS:
            return self._fails(path)
        if phase == "item" or (phase == "resume" and "item" in task):
            return self._item(node, path, visit)
        shape = shape_of(node)
        if first and (phase == "expand" or shape is Shape.SPLIT):
            if not self._script.begins(node, path):
                return self._goes(node, Outcome(), path, task)
            if phase == "expand":
                return {"items": list(range(self._script.items(node, path)))}
            return {"lanes": len(lanes(node))}
        if phase in ("join", "collect"):
            failed = any(branch.get("failed") for branch in task.get("branches", ()))
            outcome = Outcome() if failed else Outcome(action="default")
            return self._goes(node, outcome, path, task)
        if shape is Shape.SIGNAL and first and self._script.begins(node, path):
            return {"signal": True}
        if phase == "timeout":
            return self._goes(node, Outcome(handle="timeout"), path, task)
        if shape is Shape.WAITING and self._pauses(node, path, visit):
            return self._relayed({"step": path, "to": node.id, "seconds": 1}) or {"seconds": 1}
        return self._goes(node, self._script.outcome(node, visit), path, task)

    def _pauses(self, node: Node, path: str, visit: str) -> bool:
        done = int(path.rpartition(".")[2]) - int(visit.rpartition(".")[2])
        return done < self._script.pauses(node, visit)

    def _item(self, node: Node, path: str, visit: str) -> Answer:
        if shape_of(node) is Shape.WAITING and self._pauses(node, path, visit):
            return {"seconds": 1}
        return {"failed": True} if self._script.item_fails(node, visit) else {}

    def _goes(self, node: Node, outcome: Outcome, path: str, task: Mapping[str, Any]) -> Answer:
        route = self._route(node, outcome)
        if not route.matched and outcome.action is None:
            return self._fails(path)
        if route.edge is None:
            return {}
        key = self._keys[route.edge]
        if key in task.get("leaves", ()):
            assert "." in path, "only branches are left"
            return {}
        target = self._targets[route.edge]
        relayed = None if target in task.get("quick", ()) else self._relayed({"step": path, "to": target})
        return relayed or {key: True}

    def _relayed(self, at: Answer) -> Answer | None:
        """The answer that hands over to a fresh run, if it is time and the run can begin there."""
        path = at["step"]
        if (
            not self._relay_after
            or "." in path
            or int(path) % self._relay_after
            or at["to"] not in self._relays
        ):
            return None
        self.relayed.append(at)
        return {"relay": True}

    def _route(self, node: Node, outcome: Outcome) -> Route:
        if outcome.action is None:
            return failure(node, outcome.handle)
        return joined(node) if shape_of(node) is Shape.SPLIT else success(node, outcome.action)

    def _fails(self, path: str) -> Answer:
        if "." in path:
            return {"failed": True}
        raise NodeFailed(path)

    def _listen(self, node: Node, at: str, token: str) -> Answer:
        if self._script.signalled(node, at):
            assert self._signal is not None
            self._signal(token, {"step": at})
        return {}


def _noted(phase: str) -> str:
    return "" if phase == "expand" else phase

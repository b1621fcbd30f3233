"""Flows to Amazon States Language, in the subset that Step Functions, moto and the embedded engine all run.

The worker decides, the state machine routes. A task is one node and the quick ones behind it, see `segments`. State data holds
ids and the last answers only:

    {executionId, revision, at: {step, …}, branches?: [the last `at` of each branch or item], item?}

Every task is told `at` and puts the worker's answer in its place; the `Choice` behind it, `<node>.next`, asks what the answer
says: `e<k>` to follow that edge; `seconds`, `lanes`, `items` or `signal` for what the node's shape adds. An answer that says
nothing ends the sequence: a branch, or the run, whose end the worker has recorded itself.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowker.compiler.flows import tasks
from flowker.compiler.flows.legs import ENTRY, entry
from flowker.compiler.flows.names import Names
from flowker.compiler.flows.regions import Region, Shapes, after_loops, onward
from flowker.compiler.flows.routing import DEFAULT, END, edge_id, edge_keys, ways
from flowker.compiler.flows.segments import MOST_NODES, Segments, segments
from flowker.compiler.flows.tasks import IDS, State
from flowker.compiler.policy import CATCH, DONE, failing
from flowker.model.graph import Graph, Node
from flowker.nodes.flow.base import Shape

States = dict[str, State]

_AT_ONCE = {"serial": 1, "async": 1, "parallel": 0}
"""Items of a batch, by its strategy; 0 is as many as Step Functions runs at all: 40. A pool says itself."""


@dataclass(frozen=True)
class _Machine:
    """What all sequences share."""

    nodes: Mapping[str, Node]
    keys: Mapping[str, str]
    shapes: Shapes
    longest: int
    loops: Container[str]
    """The nodes that a later leg of a run may begin with."""
    names: Names = field(default_factory=Names)


@dataclass(frozen=True)
class _Sequence:
    """The whole flow (`lane` None), or one branch. `segments` are its tasks, `heads` names the first state of each, `start` the
    one that the sequence begins with, `end` what ends it behind a `Choice`; its last task does that itself."""

    region: Region
    lane: int | None
    segments: Segments
    heads: Mapping[str, str]
    start: str
    end: str
    states: States = field(default_factory=dict)

    @property
    def last(self) -> State:
        """Of a branch, all that its split needs is where it ended."""
        return {"End": True} if self.lane is None else {"End": True, "OutputPath": "$.at"}

    def ending(self) -> States:
        """The state `end`, if something leads there."""
        if not any(state.get("Default") == self.end for state in self.states.values()):
            return {}
        return {
            self.end: {"Type": "Succeed"} if self.lane is None else {"Type": "Succeed", "OutputPath": "$.at"}
        }


def emit(graph: Graph, region: Region, shapes: Shapes, longest: int) -> State:
    """The state machine's definition. `longest` is how many seconds a run may take."""
    nodes = {node.id: node for node in graph.nodes}
    loops = after_loops(region, nodes, shapes)
    machine = _Machine(nodes, edge_keys(graph), shapes, longest, frozenset(loops))
    for name in (ENTRY, DONE, *failing()):
        machine.names.take(name)
    sequence = _sequence(machine, region, None, DONE)
    start, states = sequence.start, sequence.states
    if loops:
        heads = {node: sequence.heads[node] for node in loops if node in sequence.heads}
        start, states = ENTRY, {ENTRY: entry(start, heads, states), **states}
    return {"StartAt": start, "TimeoutSeconds": longest, "States": states | failing()}


def _sequence(machine: _Machine, region: Region, lane: int | None, end: str) -> _Sequence:
    found = segments(region, machine.nodes, machine.shapes)
    heads = {node: machine.names.head(node) for node in region.nodes if node in found}
    start = heads[region.entry]
    if lane is not None and _comes_back(machine, region):
        start = machine.names.take(f"{start}.first")
    sequence = _Sequence(region, lane, found, heads, start, end)
    for name in heads:
        _Emitter(machine, sequence, machine.nodes[name]).emit()
    sequence.states.update(sequence.ending())
    return sequence


def _comes_back(machine: _Machine, region: Region) -> bool:
    """Whether a loop leads to the first node: only the task that a branch begins with may open the branch."""
    return any(
        target == region.entry
        for name in region.nodes
        for _, target in onward(machine.nodes[name], machine.shapes(machine.nodes[name]))
    )


class _Emitter:
    """The states of one segment in one sequence: the first task, what the shape of its head adds, and the `Choice` behind
    them."""

    def __init__(self, machine: _Machine, sequence: _Sequence, node: Node) -> None:
        self._machine = machine
        self._sequence = sequence
        self._states = sequence.states
        self._node = node
        self._shape = machine.shapes(node)
        self._head = sequence.heads[node.id]
        self._batch: Mapping[str, Any] | None = node.settings.get("batch")
        self._quick = [machine.nodes[name] for name in sequence.segments[node.id]]
        self._ahead: list[tuple[str, str]] = []
        self._leaves: list[str] = []
        for each in (node, *self._quick):
            for action, target in onward(each, machine.shapes(each)):
                key = machine.keys[edge_id(each.id, action)]
                if target == sequence.region.until:
                    self._leaves.append(key)
                elif target in sequence.heads:
                    self._ahead.append((key, sequence.heads[target]))

    def emit(self) -> None:
        plain = self._batch is None and self._shape in (Shape.PLAIN, Shape.QUICK)
        if plain and not self._ahead:
            self._first(self._sequence.last)
            return
        if plain and self._certain:
            self._first({"Next": self._ahead[0][1]})
            return
        following = self._name("next")
        self._first({"Next": following})
        rules = [] if plain else [self._added(following)]
        rules += [_present(key, head) for key, head in self._ahead]
        self._states[following] = {"Type": "Choice", "Choices": rules, "Default": self._sequence.end}

    @property
    def _certain(self) -> bool:
        """Whether there is nothing to ask, since every answer leads to one node: a failure without a way on raises an error,
        but not in a branch, and only where no loop is behind it no other leg takes over."""
        members = (self._node, *self._quick)
        targets = {target for each in members for target in ways(each).values()}
        outside = targets - {each.id for each in self._quick}
        return (
            self._sequence.lane is None
            and all(DEFAULT in ways(each) for each in members)
            and len(outside) == 1
            and END not in outside
            and not any(target in self._machine.loops for target in outside)
        )

    def _first(self, follow: State) -> None:
        more = {} if self._batch is None else {"phase": "expand"}
        if self._node.id == self._sequence.region.entry and self._sequence.lane is not None:
            opening = {**more, "lane": self._sequence.lane}
            self._states[self._sequence.start] = self._task(follow, opening)
        if self._head not in self._states:
            self._states[self._head] = self._task(follow, more)

    def _added(self, following: str) -> State:
        """The states of the shape, and the rule that leads to them."""
        if self._batch is not None:
            return self._items(self._batch, following)
        match self._shape:
            case Shape.WAITING:
                return self._wait(self._head, following, self._states, {})
            case Shape.SPLIT:
                return self._lanes(following)
            case _:
                return self._signal(following)

    def _wait(self, head: str, following: str, states: States, more: State) -> State:
        waiting, resuming = self._name("wait", head), self._name("resume", head)
        states[waiting] = {"Type": "Wait", "SecondsPath": "$.at.seconds", "Next": resuming}
        told = {"phase": "resume", **more}
        states[resuming] = self._task({"Next": following}, told, inside=states is not self._states)
        return _present("seconds", waiting)

    def _lanes(self, following: str) -> State:
        """A split without branches goes straight to its join."""
        joining = self._name("join")
        regions = self._sequence.region.branches[self._node.id]
        if not regions:
            self._states[joining] = self._task({"Next": following}, {"phase": "join"})
            return _present("lanes", joining)
        beside = self._name("lanes")
        branches = []
        for number, region in enumerate(regions):
            end = self._machine.names.take(f"{beside}.{number}.end")
            branch = _sequence(self._machine, region, number, end)
            branches.append({"StartAt": branch.start, "States": branch.states})
        self._states[beside] = self._caught(
            {"Type": "Parallel", "Branches": branches, "ResultPath": "$.branches", "Next": joining}
        )
        more = {"phase": "join", "branches.$": "$.branches"}
        self._states[joining] = self._task({"Next": following}, more)
        return _present("lanes", beside)

    def _signal(self, following: str) -> State:
        """The task that listens waits for its token, which the worker keeps; whoever sends it says how to go on."""
        listening, expired = self._name("listen"), self._name("timeout")
        resuming = self._name("resume")
        state = tasks.listening(self._node, self._told({"phase": "listen"}), self._machine.longest)
        state["Next"] = resuming
        in_time = {"ErrorEquals": ["States.Timeout"], "ResultPath": None, "Next": expired}
        state["Catch"] = [in_time, *(CATCH if self._sequence.lane is None else ())]
        self._states[listening] = state
        self._states[resuming] = self._task({"Next": following}, {"phase": "resume"})
        self._states[expired] = self._task({"Next": following}, {"phase": "timeout"})
        return _present("signal", listening)

    def _items(self, batch: Mapping[str, Any], following: str) -> State:
        mapping, collecting = self._name("items"), self._name("collect")
        start, states = self._processor()
        strategy = batch.get("strategy", "serial")
        at_once = _AT_ONCE[strategy] if strategy in _AT_ONCE else batch["max_parallel"]
        self._states[mapping] = self._caught(
            {
                "Type": "Map",
                "ItemsPath": "$.at.items",
                "ItemSelector": {**IDS, "at": {"step.$": "$.at.step"}, "item.$": "$$.Map.Item.Value"},
                "MaxConcurrency": at_once,
                "ItemProcessor": {
                    "ProcessorConfig": {"Mode": "INLINE"},
                    "StartAt": start,
                    "States": states,
                },
                "ResultPath": "$.branches",
                "Next": collecting,
            }
        )
        more = {"phase": "collect", "branches.$": "$.branches"}
        self._states[collecting] = self._task({"Next": following}, more)
        return _present("items", mapping)

    def _processor(self) -> tuple[str, States]:
        """What runs for one item."""
        states: States = {}
        start = self._name("item")
        item = {"item.$": "$.item"}
        last = {"End": True, "OutputPath": "$.at"}
        if self._shape is not Shape.WAITING:
            states[start] = self._task(last, {"phase": "item", **item}, inside=True)
            return start, states
        following, end = self._name("next", start), self._name("end", start)
        states[start] = self._task({"Next": following}, {"phase": "item", **item}, inside=True)
        rule = self._wait(start, following, states, item)
        states[following] = {"Type": "Choice", "Choices": [rule], "Default": end}
        states[end] = {"Type": "Succeed", "OutputPath": "$.at"}
        return start, states

    def _task(self, follow: State, more: State, *, inside: bool = False) -> State:
        """One call of the worker; `inside` an item, where errors end the whole batch."""
        told = more if inside else self._told(more)
        quick = 0 if inside else min(len(self._quick), MOST_NODES - 1)
        state = tasks.calling(self._node, told, self._machine.longest, quick)
        return (state if inside else self._caught(state)) | follow

    def _told(self, more: State) -> State:
        lists = {"quick": [node.id for node in self._quick], "leaves": self._leaves}
        return {**more, **{name: found for name, found in lists.items() if found}}

    def _caught(self, state: State) -> State:
        """What fails in a branch fails the states around it."""
        return {**state, "Catch": CATCH} if self._sequence.lane is None else state

    def _name(self, part: str, head: str | None = None) -> str:
        return self._machine.names.take(f"{head or self._head}.{part}")


def _present(key: str, target: str) -> State:
    return {"Variable": f"$.at.{key}", "IsPresent": True, "Next": target}

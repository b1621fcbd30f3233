"""Blocks to Amazon States Language, in the subset that Step Functions, moto and the embedded engine all run.

The worker decides, the state machine routes: a task answers with the live edges that leave its unit, as
`{"e<edge number>": true}`, and a `Choice` asks whether an edge is present. State data holds ids and those answers only:

    {executionId, revision, entry, live: {u<unit>: {e<edge>: true}, p<block>: [live of each branch]}, outer?: {live, outer?}}

`live` belongs to the sequence that runs; a branch starts with an empty one and may look at its parent's as `outer`. What no
later guard asks for is never kept. Completing is the last task's own work where it can tell that it is the last
(`finishUnless`: these edges would go on); otherwise a task of its own completes the execution.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flowker.compiler.blocks import Block, Blocks, Parallel, entering, members
from flowker.compiler.policy import (
    CALL_RETRY,
    CATCH,
    DONE,
    EXECUTION_SECONDS,
    FINISH,
    RECORD,
    RETRY,
    RUN_NODE,
    SLACK_SECONDS,
    failing,
)
from flowker.compiler.topology import Knowledge
from flowker.compiler.units import Unit, Units
from flowker.model.graph import Edge, NodeKind
from flowker.nodes.runners.settings import declared_timeout

_IDS = {"executionId.$": "$.executionId", "revision.$": "$.revision", "entry.$": "$.entry"}
"""What every task is told, and every branch starts with."""

State = dict[str, Any]
States = dict[str, State]
Lane = tuple[str, int]
"""A branch: the name of the parallel block it belongs to, and its number."""


@dataclass(frozen=True)
class _Sequence:
    """Blocks that follow one another: the whole graph, or one branch of a parallel block."""

    blocks: Blocks
    lanes: tuple[Lane, ...] = ()

    @property
    def top(self) -> bool:
        return not self.lanes


@dataclass
class _Needs:
    """What guards ask for; collected while emitting once, honoured while emitting again."""

    answers: set[str] = field(default_factory=set)
    results: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)


def emit(units: Units, blocks: Blocks, edges: Sequence[Edge]) -> dict[str, Any]:
    """The state machine's definition. `edges` are all edges of the graph: their numbers name them in state data."""
    needs = _Needs()
    _Emitter(units, edges, needs).definition(blocks)
    return _Emitter(units, edges, needs).definition(blocks)


class _Emitter:
    def __init__(self, units: Units, edges: Sequence[Edge], needs: _Needs) -> None:
        self._units = units
        self._topology = units.topology
        self._edge_key = {edge.id: f"e{number}" for number, edge in enumerate(edges)}
        self._unit_key = {unit.head: number for number, unit in enumerate(units.order)}
        self._needs = needs
        self._block_key: dict[str, str] = {}
        self._lanes: dict[str, tuple[Lane, ...]] = {}
        self._used: set[str] = set()

    def definition(self, blocks: Blocks) -> dict[str, Any]:
        top = _Sequence(blocks)
        self._place(top)
        states: States = {}
        start, _ = self._follow(
            top, 0, Knowledge(frozenset({self._topology.entry})), "execution", None, states
        )
        self._emit(top, states)
        return {
            "StartAt": start.get("Next", FINISH),
            "TimeoutSeconds": EXECUTION_SECONDS,
            "States": states | self._endings(states),
        }

    def _place(self, sequence: _Sequence) -> None:
        """Note in which lanes each unit's answer is kept."""
        for block in sequence.blocks:
            if isinstance(block, Parallel):
                self._block_key[block.name] = f"p{len(self._block_key)}"
                for number, branch in enumerate(block.branches):
                    self._place(_Sequence(branch, (*sequence.lanes, (block.name, number))))
            else:
                self._lanes[block.head] = sequence.lanes

    def _emit(self, sequence: _Sequence, states: States) -> None:
        for position, block in enumerate(sequence.blocks):
            if isinstance(block, Parallel):
                states[_name(block)] = self._parallel(block, sequence, position, states)
            else:
                states[block.head] = self._task(block, sequence, position, states)

    def _task(self, unit: Unit, sequence: _Sequence, position: int, states: States) -> State:
        known = self._topology.known[unit.head]
        follow, finish = self._follow(sequence, position + 1, known, f"{unit.head}.next", unit, states)
        parameters: dict[str, Any] = {
            **_IDS,
            "node": unit.head,
            "attempt.$": "$$.State.RetryCount",
            "members": list(unit.members[1:]),
        }
        if finish is not None:
            parameters["finishUnless"] = finish
        kept = unit.head in self._needs.answers
        calls = self._topology.nodes[unit.head].type is NodeKind.EXECUTOR
        state: State = {
            "Type": "Task",
            "Resource": RUN_NODE,
            "Parameters": parameters,
            "ResultPath": f"$.live.u{self._unit_key[unit.head]}" if kept else None,
            "TimeoutSeconds": self._seconds(unit),
            "Retry": CALL_RETRY if calls else RETRY,
        }
        return self._closing(state, follow, sequence)

    def _seconds(self, unit: Unit) -> int:
        """A provider's own timeout may change after this, so a call without one of the node's is bounded by the whole."""
        node = self._topology.nodes[unit.head]
        if node.type is not NodeKind.EXECUTOR:
            return SLACK_SECONDS
        declared = math.ceil(declared_timeout(node.settings)) or EXECUTION_SECONDS
        return min(declared + SLACK_SECONDS, EXECUTION_SECONDS)

    def _parallel(self, block: Parallel, sequence: _Sequence, position: int, states: States) -> State:
        known = self._topology.known_at(entering(block.units, self._units))
        follow, _ = self._follow(sequence, position + 1, known, f"{block.name}.next", None, states)
        branches = []
        for number, branch in enumerate(block.branches):
            inner: States = {}
            lane = _Sequence(branch, (*sequence.lanes, (block.name, number)))
            name = f"{block.name}.{number}"
            start, _ = self._follow(lane, 0, known, name, None, inner)
            self._emit(lane, inner)
            branches.append({"StartAt": start["Next"], "States": inner})
        kept = block.name in self._needs.results
        state: State = {"Type": "Parallel", "Branches": branches}
        if kept or block.name in self._needs.outer:
            state["Parameters"] = self._branch_input(block, sequence)
        state["ResultPath"] = f"$.live.{self._block_key[block.name]}" if kept else None
        return self._closing(state, follow, sequence)

    def _branch_input(self, block: Parallel, sequence: _Sequence) -> dict[str, Any]:
        data: dict[str, Any] = {**_IDS, "live": {}}
        if block.name in self._needs.outer:
            data["outer"] = {"live.$": "$.live"}
            if sequence.lanes and sequence.lanes[-1][0] in self._needs.outer:
                data["outer"]["outer.$"] = "$.outer"
        return data

    def _closing(self, state: State, follow: State, sequence: _Sequence) -> State:
        """Add where to go next, and what happens to errors; an error in a branch fails the whole parallel state."""
        if sequence.top:
            state["Catch"] = CATCH
        if follow.get("End") and self._exports(sequence):
            state["OutputPath"] = "$.live"
        return state | follow

    def _exports(self, sequence: _Sequence) -> bool:
        return bool(sequence.lanes) and sequence.lanes[-1][0] in self._needs.results

    def _follow(
        self,
        sequence: _Sequence,
        position: int,
        known: Knowledge,
        name: str,
        ran: Unit | None,
        states: States,
    ) -> tuple[State, list[str] | None]:
        """What comes at this position for who knows this: `Next` or `End`, through a `Choice` where it is open.

        The second value is `finishUnless` for the unit that just ran, where that unit can tell whether it is the last.
        """
        rules, default = self._candidates(sequence, position, known)
        asked = [edge for edges, _ in rules for edge in edges]
        finish: list[str] | None = None
        if default is None and sequence.top:
            if ran is not None and all(self._units.head_of[edge.source] == ran.head for edge in asked):
                finish = [self._edge_key[edge.id] for edge in asked]
                default = DONE
            else:
                default = FINISH
        if not rules:
            return ({"End": True} if default in (None, DONE) else {"Next": default}), finish
        if default is None:
            default = f"{name}.none"
            states[default] = self._closing({"Type": "Pass"}, {"End": True}, sequence)
        self._used.add(default)
        choices = [{**self._asks(edges, sequence), "Next": target} for edges, target in rules]
        states[name] = {"Type": "Choice", "Choices": choices, "Default": default}
        return {"Next": name}, finish

    def _candidates(
        self, sequence: _Sequence, position: int, known: Knowledge
    ) -> tuple[list[tuple[list[Edge], str]], str | None]:
        """The blocks that may be next, each with the edges that decide, and the one that is next if none of them is.

        A block that was passed over did not run, so its edges are dead for those after it.
        """
        settled = self._topology.settle(known)
        passed: set[str] = set()
        rules: list[tuple[list[Edge], str]] = []
        for block in sequence.blocks[position:]:
            inside = members(block)
            edges = [
                edge
                for edge in entering(inside, self._units)
                if settled[edge.id] is not False and self._units.head_of[edge.source] not in passed
            ]
            is_entry = any(unit.head == self._topology.entry for unit in inside)
            if is_entry or any(settled[edge.id] for edge in edges):
                return rules, _name(block)
            if edges:
                rules.append((edges, _name(block)))
            passed.update(unit.head for unit in inside)
        return rules, None

    def _asks(self, edges: Sequence[Edge], sequence: _Sequence) -> State:
        tests = [{"Variable": self._answer(edge, sequence), "IsPresent": True} for edge in edges]
        return tests[0] if len(tests) == 1 else {"Or": tests}

    def _answer(self, edge: Edge, sequence: _Sequence) -> str:
        """The path of an edge's answer as seen from this sequence."""
        head = self._units.head_of[edge.source]
        kept, here = self._lanes[head], sequence.lanes
        shared = 0
        while shared < min(len(kept), len(here)) and kept[shared] == here[shared]:
            shared += 1
        self._needs.answers.add(head)
        self._needs.outer.update(block for block, _ in here[shared:])
        self._needs.results.update(block for block, _ in kept[shared:])
        inner = "".join(f".{self._block_key[block]}[{number}]" for block, number in kept[shared:])
        outer = ".outer" * (len(here) - shared)
        return f"${outer}.live{inner}.u{self._unit_key[head]}.{self._edge_key[edge.id]}"

    def _endings(self, states: States) -> States:
        """The states that end an execution, as far as they are used."""
        execution = {"executionId.$": "$.executionId"}
        targets = {state.get("Next") for state in states.values()} | self._used
        endings: States = {}
        if DONE in self._used:
            endings[DONE] = {"Type": "Succeed"}
        if FINISH in targets or not states:
            endings[FINISH] = {**RECORD, "Parameters": execution, "TimeoutSeconds": 60, "End": True}
        return endings | failing() if states else endings


def _name(block: Block) -> str:
    return block.name if isinstance(block, Parallel) else block.head

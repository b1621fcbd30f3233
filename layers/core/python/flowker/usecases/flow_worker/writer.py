"""From the outcome of a task to what is to be recorded of it, and to what the state machine is told (FlowRunner spec c.3)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from flowker.compiler.flows.routing import Route
from flowker.compiler.policy import RELAY_STEPS
from flowker.errors import NODE_FAILED
from flowker.model.exact_json import Json
from flowker.model.execution import ExecutionStatus, Outcome
from flowker.model.graph import Node
from flowker.model.instant import instant
from flowker.model.run import EntryChange, FlowStep, Known, RunEvent, ending, in_branch
from flowker.nodes.flow.base import Line
from flowker.ports.runs import Recording, RunState, Signal
from flowker.usecases import engine_events, flow_events
from flowker.usecases.flow_plans import FlowPlan, type_name
from flowker.usecases.flow_worker.scope import FlowScope
from flowker.usecases.flow_worker.task import FlowTask
from flowker.usecases.flow_worker.tools import FlowTools


class Writer:
    """Fill in what the task leaves, then call one of `follow`, `pause`, `end` and `record`. The values given are redacted
    already; `lines` are here."""

    recording: Recording

    def __init__(
        self, tools: FlowTools, plan: FlowPlan, task: FlowTask, state: RunState, scope: FlowScope
    ) -> None:
        self._tools = tools
        self._plan = plan
        self._task = task
        self._state = state
        self._scope = scope
        self._node = plan.nodes[task.node]
        self._started = instant(tools.clock.now())
        self.lines: list[Line] = []
        self.shared: Mapping[str, Json] | None = None
        """The map, if the task has changed it."""
        self.changes: Sequence[EntryChange] = ()
        self.heard: Signal | None = None

    def follow(self, route: Route, known: Known, *, done: bool = False, **kept: Json) -> None:
        """Go where the route leads; `kept` may hold the step's value. `done` tells that the node has succeeded."""
        if route.target is None and not in_branch(self._task.path):
            self.end(known, None, done=done, **kept)
            return
        key = self._plan.edge_keys[route.edge] if route.edge is not None else None
        if route.target is None or key is None or key in self._task.leaves:
            self.record({}, known, done=done, **kept)
            return
        target = self._plan.nodes[route.target]
        following = self._entering(target)
        if self._relays(target):
            self._relay(target, {}, known, done=done, following=following, **kept)
        else:
            node = self._at(target)
            self.record({key: True}, known, done=done, following=following, node=node, **kept)

    def pause(self, seconds: int, kept: Mapping[str, Json], known: Known) -> None:
        """Come back to the node after a while, which then finds what is kept."""
        if self._relays(self._node):
            self._relay(self._node, {**kept, "seconds": seconds}, known)
        else:
            self.record({"seconds": seconds}, known, state=kept)

    def split(self, lanes: Sequence[Node], known: Known) -> None:
        """Begin all branches."""
        following = [event for lane in lanes for event in self._entering(lane)]
        self.record({"lanes": len(lanes)}, known, following=following)

    def end(self, known: Known, error: Json, *, done: bool = False, **kept: Json) -> None:
        """The run has ended, with an error object if it failed."""
        outcome = Outcome(at=self._ended)
        answer = {}
        if error is not None:
            told = {"error_message": error["message"], "failed_node_id": error["node_id"]}
            outcome = outcome.model_copy(update={**told, "error_code": NODE_FAILED})
            answer = {"ended": ExecutionStatus.FAILED.value}
        self.record(answer, known, done=done, outcome=outcome, **kept)

    def record(
        self,
        answer: Mapping[str, Json],
        known: Known,
        *,
        done: bool = False,
        following: Sequence[RunEvent] = (),
        node: tuple[str, str] | None = None,
        outcome: Outcome | None = None,
        leg: int | None = None,
        awaits: str | None = None,
        **kept: Json,
    ) -> None:
        """`kept` are the step's `value` and `state`; `following` is told of the nodes that are next."""
        lines = self._scope.redacted_lines(self.lines)
        told = [*self._opening(), *flow_events.logged(self._node, self._ended, lines)]
        if done:
            told.append(flow_events.completed(self._node, self._ended, known.input))
        told += following
        audit = []
        if outcome is not None:
            told += ending(outcome, self._node.id, type_name(self._node), known.input)
            audit.append(engine_events.ended(self._state.execution, outcome, self._now))
        self.recording = Recording(
            steps=[self._step(answer, known, kept)],
            events=told,
            outcome=outcome,
            result_of=known.input if outcome is not None else None,
            node=node or ((self._node.id, type_name(self._node)) if self._opens else None),
            changes=self.changes,
            audit=audit,
            leg=leg,
            awaits=awaits,
            heard=self.heard,
        )

    @property
    def _opens(self) -> bool:
        """Whether this task tells of its own node that it runs."""
        return self._task.first and self._plan.listens(self._node)

    def _opening(self) -> Sequence[RunEvent]:
        return flow_events.started(self._node, self._started) if self._opens else ()

    def _entering(self, target: Node) -> Sequence[RunEvent]:
        """What is told of a node that is next: nothing yet if it listens."""
        return [] if self._plan.listens(target) else flow_events.started(target, self._ended)

    def _at(self, target: Node) -> tuple[str, str] | None:
        """Where the run is when it is told to be there."""
        return None if self._plan.listens(target) else (target.id, type_name(target))

    def _step(self, answer: Mapping[str, Json], known: Known, kept: Mapping[str, Json]) -> FlowStep:
        path = self._task.path
        return FlowStep(
            path=path,
            node_id=self._node.id,
            answer={"step": path, **answer},
            known=known,
            value=kept.get("value"),
            has_value="value" in kept,
            shared=self.shared,
            state=kept.get("state"),
            started_at=self._started,
            ended_at=self._ended,
        )

    def _relays(self, target: Node) -> bool:
        """Whether a fresh run of the orchestrator goes on there: only where it can begin, see `after_loops`, and a task does.
        Steps of branches and items count as well, for they fill the same history."""
        if target.id in self._task.quick:
            return False
        execution = self._state.execution
        due = execution.recorded + 1 >= RELAY_STEPS * (execution.leg + 1)
        return due and not in_branch(self._task.path) and target.id in self._plan.after_loops

    def _relay(self, target: Node, state: Mapping[str, Json], known: Known, **more: Any) -> None:
        """Let another run of the orchestrator go on, see `FlowSteps`."""
        leg = self._state.execution.leg + 1
        kept = {**state, "to": target.id, "leg": leg}
        node = self._at(target)
        self.record({"relay": True}, known, state=kept, node=node, leg=leg, **more)

    @cached_property
    def _now(self) -> datetime:
        """One moment for all that is told, when the work is done."""
        return self._tools.clock.now()

    @property
    def _ended(self) -> str:
        return instant(self._now)

"""Run one task of an execution: read once, do the node's work, decide what follows, write once (architecture §5).

A task may be delivered more than once. Its step is recorded at most once; a redelivery answers with the recorded route
and repeats nothing. Between the call and the write a crash may repeat the call, under the same `Idempotency-Key`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from flowker.compiler.policy import ATTEMPTS, before_next_attempt
from flowker.compiler.units import Unit
from flowker.errors import NodeFailed, ProviderUnavailable
from flowker.expressions.conditions import parse
from flowker.expressions.problems import EvaluationError, ExpressionSyntaxError
from flowker.model import telemetry
from flowker.model.audit import AuditEvent
from flowker.model.execution import Execution, ExecutionStatus, Outcome, Step, StepStatus
from flowker.model.graph import Edge, Node, NodeKind
from flowker.model.instant import instant
from flowker.model.retry_after import seconds_to_wait
from flowker.nodes.base import CallFailure, Failure, Result, Run
from flowker.nodes.registry import context_of, type_of
from flowker.ports import (
    AlreadyRecorded,
    Clock,
    ExecutionEnded,
    Http,
    NodeInputs,
    NodeRunStore,
    WorkflowStore,
)
from flowker.usecases import engine_events
from flowker.usecases.circuit import Circuit
from flowker.usecases.endpoints import endpoint_of
from flowker.usecases.engine_events import Call
from flowker.usecases.plans import Plan, plan

Route = dict[str, bool]
"""The live edges that leave a unit, as `{"e<number>": true}`: all that a state machine learns."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a state machine asks for. `attempt` counts from 0. `members` are the nodes that share the task of `node`. With
    `finish_unless`, the execution is complete after this task unless one of these edges is live."""

    execution_id: str
    revision: str
    entry: str
    node: str
    attempt: int = 0
    finish_unless: Sequence[str] | None = None
    members: Sequence[str] | None = None


class _Stop(Exception):
    """A member of the unit failed; the steps so far are recorded with it."""

    def __init__(self, failure: Failure, node: Node, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.node = node
        self.message = message


class NodeRuns:
    """The worker's one verb. Instances cache plans by revision: snapshots never change."""

    def __init__(self, store: NodeRunStore, workflows: WorkflowStore, http: Http, clock: Clock) -> None:
        self._store = store
        self._http = http
        self._clock = clock
        self._circuit = Circuit(store, clock)
        self._plan = lru_cache(maxsize=256)(lambda revision, entry: plan(workflows.revision(revision), entry))

    def run(self, task: Task) -> Route:
        """Raises `ProviderUnavailable` for another attempt, `NodeFailed` when the execution has failed."""
        revision: Plan = self._plan(task.revision, task.entry)
        unit = revision.unit(task.node, task.members)
        inputs = self._store.load(
            task.execution_id,
            revision.reads(unit),
            revision.configuration(unit),
            revision.executor_configuration(unit),
        )
        telemetry.about(correlation_id=inputs.history.execution.correlation_id)
        recorded = inputs.history.steps.get(unit.head)
        if recorded is not None or inputs.history.execution.status.terminal:
            return _replay(recorded, inputs.history.execution)
        attempt = _Attempt(self._http, self._clock, self._circuit, task, revision, unit, inputs)
        try:
            steps, outcome = attempt.perform()
        except ProviderUnavailable:
            self._store.announce(task.execution_id, attempt.calls)
            raise
        counted = sum(revision.topology.nodes[step.node_id].type is not NodeKind.TRIGGER for step in steps)
        execution = inputs.history.execution
        end = [engine_events.ended(execution, outcome, self._clock.now())] if outcome else []
        try:
            self._store.record(execution, steps, counted, outcome, [*attempt.calls, *end])
        except AlreadyRecorded:
            self._store.announce(task.execution_id, attempt.calls)  # what was called was called
            again = self._store.load(task.execution_id, [unit.head], None).history
            return _replay(again.steps.get(unit.head), again.execution)
        except ExecutionEnded:
            self._store.announce(task.execution_id, attempt.calls)
            raise NodeFailed("the execution has ended") from None
        if outcome is not None and outcome.error_message is not None:
            raise NodeFailed(outcome.error_message)
        return dict.fromkeys(steps[0].route, True)


def _replay(step: Step | None, execution: Execution) -> Route:
    """What the first delivery answered."""
    if execution.status is ExecutionStatus.FAILED or step is None:
        raise NodeFailed("the execution has ended")
    return dict.fromkeys(step.route, True)


class _Attempt:
    """One attempt at one unit: its members run in order as far as they are live."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        circuit: Circuit,
        task: Task,
        revision: Plan,
        unit: Unit,
        inputs: NodeInputs,
    ) -> None:
        self._http = http
        self._clock = clock
        self._circuit = circuit
        self._task = task
        self._plan = revision
        self._unit = unit
        self._inputs = inputs
        self._steps: list[Step] = []
        self._live: set[str] = set()
        self.calls: list[AuditEvent] = []
        """The calls of providers, for the audit trail."""

    def perform(self) -> tuple[list[Step], Outcome | None]:
        """The steps to record, the first with the unit's route, and how the execution ended if it did."""
        try:
            for member in self._unit.members:
                if member == self._unit.head or self._live & {
                    edge.id for edge in self._plan.topology.into[member]
                }:
                    self._member(self._plan.topology.nodes[member])
        except _Stop as stop:
            return self._steps, self._failed(stop)
        keys = self._plan.edge_keys
        route = tuple(keys[edge.id] for edge in self._unit.leaving if edge.id in self._live)
        self._steps[0] = self._steps[0].model_copy(update={"route": route})
        last = self._task.finish_unless is not None and not set(self._task.finish_unless) & set(route)
        return self._steps, Outcome(at=instant(self._clock.now())) if last else None

    def _context(self, node: Node) -> dict[str, Any]:
        """What the node sees: the input, and what its ancestors have contributed (decision 11)."""
        history = self._inputs.history
        steps = {**history.steps, **{step.node_id: step for step in self._steps}}
        return context_of(history.input, self._plan.ordered(self._plan.topology.ancestors[node.id]), steps)

    def _member(self, node: Node) -> None:
        started, context = self._clock.now(), self._context(node)
        try:
            result = self._run(node, context)
        except Failure as failure:
            attempts = self._task.attempt + 1
            if isinstance(failure, CallFailure):
                call = Call(self._task.execution_id, node, attempts, started)
                self.calls += call.failed(self._clock.now(), failure)
            if failure.transient and attempts < ATTEMPTS:
                asked = seconds_to_wait(failure.retry_after, self._clock.now())
                raise before_next_attempt(self._task.attempt, asked)(failure.detail) from failure
            self._steps.append(self._step(node, started, None, failure))
            reason = failure.reason
            if isinstance(failure, CallFailure):
                reason = f"executor call failed after {attempts} attempts: {reason}"
            raise _Stop(failure, node, f'node "{node.id}": {reason}') from failure
        if node.type is NodeKind.EXECUTOR:
            call = Call(self._task.execution_id, node, self._task.attempt + 1, started)
            self.calls += call.completed(self._clock.now(), result.status_code)
        self._steps.append(self._step(node, started, result, None))
        type_of(node).contribute(node, result.output, context)
        edges = self._plan.topology.out[node.id]
        self._live |= {edge.id for edge in edges if self._alive(edge, node, result, context)}

    def _run(self, node: Node, context: dict[str, Any]) -> Result:
        key = str(uuid5(NAMESPACE_OID, f"{self._task.execution_id}/{node.id}"))
        guard = partial(self._circuit.guarding, self._inputs)
        now = self._clock.now()
        endpoint = endpoint_of(node, self._inputs.executor) if node.type is NodeKind.EXECUTOR else None
        run = Run(context, self._inputs.provider, key, self._http.send, guard, endpoint, now)
        return type_of(node).run(node, run)

    def _alive(self, edge: Edge, node: Node, result: Result, context: dict[str, Any]) -> bool:
        handle = self._plan.topology.handle(edge)
        if handle is not None and handle != result.output["branchTaken"]:
            return False
        if edge.expression is None:
            return True
        try:
            return parse(edge.expression).evaluate(context)
        except (ExpressionSyntaxError, EvaluationError) as error:
            message = f'edge "{edge.id}": condition evaluation failed: {error}'
            raise _Stop(Failure(message), node, message) from error

    def _step(self, node: Node, started: datetime, result: Result | None, failure: Failure | None) -> Step:
        values: dict[str, Any] = {"status": StepStatus.COMPLETED}
        if failure is not None:
            values = {
                "status": StepStatus.FAILED,
                "error_message": failure.detail,
                "status_code": failure.status_code,
            }
        elif result is not None:
            values |= {"output": result.output, "status_code": result.status_code}
        return Step(
            node_id=node.id,
            name=node.step_name,
            executed_at=instant(started),
            duration_ms=round((self._clock.now() - started).total_seconds() * 1000),
            # What the head needed again and again, those that share its task needed once.
            attempts=self._task.attempt + 1 if node.id == self._unit.head else 1,
            **values,
        )

    def _failed(self, stop: _Stop) -> Outcome:
        code = stop.failure.code
        message = stop.message if code in stop.message else f"{stop.message} ({code})"
        now = instant(self._clock.now())
        return Outcome(at=now, error_message=message, error_code=code, failed_node_id=stop.node.id)

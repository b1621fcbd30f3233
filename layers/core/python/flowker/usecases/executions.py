"""Start executions and follow them (Flowker spec a.4, d.1, d.9, d.10)."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flowker.compiler.policy import EXECUTION_SECONDS
from flowker.errors import (
    EXECUTION_CANCELLED,
    EXECUTION_TIMED_OUT,
    NODE_FAILED,
    ExecutionAlreadyEnded,
    ExecutionNotFinished,
    IdempotencyKeyReused,
    NotFound,
    Unavailable,
    WorkflowNotActive,
)
from flowker.model import exact_json
from flowker.model.audit import AuditEvent, EventType, actor, happened
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome, Step
from flowker.model.graph import NodeKind
from flowker.model.instant import instant
from flowker.model.page import Page, PageQuery
from flowker.model.workflow import Launch
from flowker.nodes.registry import context_of
from flowker.ports import (
    Clock,
    Completions,
    ExecutionStore,
    History,
    IdempotencyKeyTaken,
    Ids,
    StateMachines,
    WorkflowStore,
)
from flowker.usecases.engine_events import about, ended
from flowker.usecases.plans import Plan, plan

logger = logging.getLogger(__name__)

UNSTARTED_AFTER = timedelta(seconds=30)
"""An execution that is still pending after this long is started again."""
OVERDUE_AFTER = timedelta(seconds=EXECUTION_SECONDS + 60)
"""No workflow runs for longer: the state machine has ended, and whoever had to report it had a minute for it."""


@dataclass(frozen=True, slots=True)
class Started:
    """`replayed` tells that the idempotency key had started this execution before."""

    execution: Execution
    replayed: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Steps in the order of their numbers, which are ranks in the topological order; final output once completed."""

    execution: Execution
    steps: list[Step]
    final_output: Json


@dataclass(frozen=True, slots=True)
class Executions:
    executions: ExecutionStore
    workflows: WorkflowStore
    machines: StateMachines
    completions: Completions
    clock: Clock
    ids: Ids

    def start(self, workflow_id: str, data: Mapping[str, Any], key: str) -> Started:
        """Start an active workflow by API. Raises `WorkflowNotFound`, `WorkflowNotActive`, `IdempotencyKeyReused`."""
        fingerprint = fingerprint_of(workflow_id, data)
        try:
            launch = self.workflows.head(workflow_id).launch
            if launch is None:
                raise WorkflowNotActive("the workflow is not active")
        except (NotFound, WorkflowNotActive):
            # A repeated request is answered as before, whatever has become of the workflow since.
            claim = self.executions.claim(key)
            if claim is None:
                raise
            return self._replay(claim, fingerprint)
        return self.launch(launch, data, key, fingerprint)

    def launch(self, launch: Launch, data: Mapping[str, Any], key: str | None, fingerprint: str) -> Started:
        """Accept an execution, then hand it to the orchestrator. Accepted means that it will run: if the hand-over fails,
        a repetition of the request or `start_pending` makes up for it."""
        execution = Execution(
            id=self.ids.new(),
            launch=launch,
            status=ExecutionStatus.PENDING,
            started_at=instant(self.clock.now()),
            correlation_id=actor().request_id or None,
        )
        claim = Claim(key=key, fingerprint=fingerprint, execution_id=execution.id) if key else None
        try:
            self.executions.add(execution, data, claim, [self._started(execution)])
        except IdempotencyKeyTaken as taken:
            return self._replay(taken.claim, fingerprint)
        logger.debug("execution accepted", extra=_ids(execution))
        self._hand_over(execution)
        return Started(execution, replayed=False)

    def _started(self, execution: Execution) -> AuditEvent:
        metadata = about(execution.launch)
        event_id, at = self.ids.new(), self.clock.now()
        return happened(EventType.EXECUTION_STARTED, execution.id, id=event_id, at=at, metadata=metadata)

    def _replay(self, claim: Claim, fingerprint: str) -> Started:
        if claim.fingerprint != fingerprint:
            message = "this idempotency key was used for another request"
            raise IdempotencyKeyReused(message, fields={"Idempotency-Key": "used before"})
        execution = self.executions.get(claim.execution_id)
        if execution.status is ExecutionStatus.PENDING and execution.handed_over is None:
            self._hand_over(execution)
        return Started(execution, replayed=True)

    def _hand_over(self, execution: Execution) -> None:
        try:
            if self.machines.start(execution):
                self.executions.hand_over(execution.id, instant(self.clock.now()))
        except Unavailable as error:
            logger.warning("execution accepted but not yet started: %s", error, extra=_ids(execution))

    def start_pending(self) -> int:
        """Start what was accepted but, as far as is known, never started; returns how many."""
        late = self._accepted([ExecutionStatus.PENDING], self.clock.now() - UNSTARTED_AFTER)
        return self._start_again(execution for execution in late if execution.handed_over is None)

    def start_unfinished(self) -> int:
        """Start whatever has not ended, for an orchestrator that may have lost runs; those it knows are left alone, and
        recorded steps are not repeated. Returns how many."""
        return self._start_again(self.unfinished(self.clock.now()))

    def _start_again(self, executions: Iterable[Execution]) -> int:
        started = 0
        for execution in executions:
            self._hand_over(execution)
            started += 1
        return started

    def end_overdue(self) -> int:
        """Fail what has been running for longer than its state machine may: nobody reported how it ended (spec d.11).
        Returns how many."""
        now = self.clock.now()
        count = 0
        for execution in self.unfinished(now - OVERDUE_AFTER):
            limit = instant(now - longest(execution.launch))
            if execution.started_at > limit:
                continue
            began = self._began(execution)
            if began is not None and began <= limit:
                count += self._finish(execution, timed_out(instant(now)))
        return count

    def _began(self, execution: Execution) -> str | None:
        """When it began to run, if that is known. Accepted long ago does not mean started long ago; the first step tells, or
        who has taken it."""
        if execution.status is ExecutionStatus.PENDING:
            return execution.handed_over
        return self.executions.began(execution.id)

    def _accepted(self, statuses: Sequence[ExecutionStatus], until: datetime) -> Iterator[Execution]:
        """Executions in these states that were accepted until then, oldest first."""
        where = {"status": [status.value for status in statuses]}
        query = PageQuery(100, "startedAt", ascending=True, where=where)
        while True:
            page = self.executions.list(query)
            for execution in page.items:
                if execution.started_at > instant(until):
                    return
                yield execution
            if page.next_cursor is None:
                return
            query = replace(query, cursor=page.next_cursor)

    def unfinished(self, until: datetime) -> Iterator[Execution]:
        """What was accepted until then and has not ended, oldest first."""
        return self._accepted([status for status in ExecutionStatus if not status.terminal], until)

    def settled(self, execution: Execution, seconds: float) -> Execution:
        """The execution as it is once it is terminal or the time is up."""
        if execution.status.terminal or seconds <= 0:
            return execution
        self.completions.wait(execution.id, seconds)
        return self.executions.get(execution.id)

    def get(self, execution_id: str) -> Execution:
        """Raises `ExecutionNotFound`."""
        return self.executions.get(execution_id)

    def list(self, query: PageQuery) -> Page[Execution]:
        return self.executions.list(query)

    def results(self, execution_id: str) -> Results:
        """Raises `ExecutionNotFound`, and `ExecutionNotFinished` before a terminal state."""
        history = self.executions.history(execution_id)
        execution = history.execution
        if not execution.status.terminal:
            raise ExecutionNotFinished(
                f"the execution is {execution.status}; results exist when it has ended"
            )
        revision = plan(self.workflows.revision(execution.launch.revision), execution.launch.entry)
        steps = [
            history.steps[node.id]
            for node in revision.ordered(history.steps)
            if node.type is not NodeKind.TRIGGER
        ]
        completed = execution.status is ExecutionStatus.COMPLETED
        return Results(execution, steps, _final_output(history, revision) if completed else None)

    def cancel(self, execution_id: str) -> Execution:
        """End what has not ended: recorded first, so that exactly one of this and the last step wins, and the result of a
        node under way is discarded. Then the orchestrator is told; if it does not hear, the worker refuses what follows.

        Raises `ExecutionNotFound`, `ExecutionAlreadyEnded`.
        """
        now = self.clock.now()
        message = f"execution cancelled ({EXECUTION_CANCELLED})"
        outcome = Outcome(at=instant(now), error_message=message, error_code=EXECUTION_CANCELLED)
        execution = self.executions.get(execution_id)
        kind, event_id = EventType.EXECUTION_CANCELLED, self.ids.new()
        event = happened(kind, execution_id, id=event_id, at=now, metadata=about(execution.launch))
        if not self._finish(execution, outcome, event):
            raise ExecutionAlreadyEnded("the execution has already ended")
        execution = self.executions.get(execution_id)
        try:
            self.machines.stop(execution)
        except Unavailable as error:
            logger.warning("execution cancelled but its run not stopped: %s", error, extra=_ids(execution))
        return execution

    def finish(self, execution_id: str, outcome: Outcome) -> bool:
        """Record the end as the orchestrator saw it, unless the worker did before. True if this call recorded it."""
        return self._finish(self.executions.get(execution_id), outcome)

    def _finish(self, execution: Execution, outcome: Outcome, *before: AuditEvent) -> bool:
        outcome = outcome if execution.launch.account_id is None else _as_run(outcome)
        end = ended(execution, outcome, self.clock.now())
        recorded = self.executions.finish(execution.id, outcome, [*before, end])
        logger.debug("execution ended" if recorded else "execution had ended before", extra=_ids(execution))
        return recorded


def _ids(execution: Execution) -> Mapping[str, str | None]:
    """For log lines, of which one invocation may write some about several executions."""
    return {"execution_id": execution.id, "correlation_id": execution.correlation_id}


def fingerprint_of(workflow_id: str, data: Mapping[str, Any]) -> str:
    """What makes two requests the same: workflow and input, whatever the webhook metadata (Flowker spec d.9 [R])."""
    return exact_json.digest(
        [workflow_id, {name: value for name, value in data.items() if name != "_webhook"}]
    )


def longest(launch: Launch) -> timedelta:
    """What an execution can take, and a minute for whoever has to report its end."""
    return OVERDUE_AFTER if launch.longest is None else timedelta(seconds=launch.longest + 60)


def timed_out(at: str) -> Outcome:
    """The end of an execution that took too long (Flowker spec d.7)."""
    message = f"execution timeout: not finished within its time limit ({EXECUTION_TIMED_OUT})"
    return Outcome(at=at, error_message=message, error_code=EXECUTION_TIMED_OUT)


def _as_run(outcome: Outcome) -> Outcome:
    """The outcome as runs of flows tell it: without codes, and without what a function said when it died."""
    message = outcome.error_message
    if message is not None:
        message = message.removesuffix(f" ({outcome.error_code})")
        if outcome.error_code == EXECUTION_TIMED_OUT:
            message = "execution timed out"
        elif outcome.error_code == NODE_FAILED:
            message = ": ".join(message.split(": ")[:2])
    return outcome.model_copy(update={"error_message": message})


def _final_output(history: History, revision: Plan) -> Json:
    """What `set_output` left, else the whole context (Flowker spec d.10). Derived on read: nothing it needs can change."""
    context = context_of(history.input, revision.ordered(history.steps), history.steps)
    return context["output"] if isinstance(context.get("output"), dict) else context

"""The attempts at a node's work in one delivery, and what it takes to try again (FlowRunner spec c.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from uuid import NAMESPACE_OID, uuid5

from flowker.compiler.flows.times import slept, wait_seconds
from flowker.errors import NodeFailed, NodeRetry
from flowker.model.exact_json import Json
from flowker.model.instant import instant
from flowker.model.run import EntryChange, Level, RunStatus
from flowker.nodes.flow.base import Done, FlowFailure, FlowNodeType, Line, Listen, Pause, Shape
from flowker.ports import ExecutionEnded
from flowker.ports.runs import RunState
from flowker.usecases import flow_events
from flowker.usecases.flow_plans import FlowPlan
from flowker.usecases.flow_worker.attempt import Attempt, Prepared, World
from flowker.usecases.flow_worker.children import Children
from flowker.usecases.flow_worker.entries import LiveEntries
from flowker.usecases.flow_worker.failure import Failed
from flowker.usecases.flow_worker.scope import FlowScope
from flowker.usecases.flow_worker.task import FlowTask
from flowker.usecases.flow_worker.timetable import Timetable
from flowker.usecases.flow_worker.tools import FlowTools

INLINE_SECONDS = 2.0
"""So long the worker waits itself for a run that a node has started, before the state machine does."""
_FIRST_LOOK, _LAST_LOOK = 0.02, 0.2
"""Seconds between two looks at that run."""


class Attempts:
    """`lines` are what was logged so far, redacted; `shared` is the map if it was changed."""

    def __init__(
        self, tools: FlowTools, plan: FlowPlan, task: FlowTask, state: RunState, scope: FlowScope
    ) -> None:
        self._tools = tools
        self._task = task
        self._state = state
        self._scope = scope
        self._node = node = plan.nodes[task.node]
        self._waits = plan.shape(node) is Shape.WAITING
        self._most: int = (node.settings.get("retry") or {"max_retries": 0})["max_retries"]
        self._slept = slept(node)
        self._entries: LiveEntries | None = None
        self.number = 0
        """Of the latest attempt, counted from 0."""
        self.lines: list[Line] = []
        self.shared: Mapping[str, Json] | None = None
        self.prepared: Prepared | None = None
        """By the hook prep: set it to what an earlier phase has left."""

    def run(self, kind: FlowNodeType, state: Json, tried: int = 0) -> Done | Pause | Listen:
        """`tried` attempts have failed in earlier phases of the node. Raises `Failed`, `NodeRetry`, `NodeFailed`."""
        for number in count(self._number_of_first(tried)):
            self.number = number
            # A run that has failed fails for good: to try again is to start another one.
            given = None if number > tried and _child(state) else state
            names = self._scope.names()
            attempt = Attempt(self._node, kind, self._world(number), names, given, self.prepared)
            try:
                done = self._awaited(attempt, attempt.run())
            except FlowFailure as failure:
                self._take(attempt)
                if not failure.retryable or number >= self._most:
                    raise Failed(failure, number + 1) from failure
                self._again(failure, number)
            else:
                self._take(attempt, done.shared if isinstance(done, Done) else {})
                self.prepared = attempt.prepared
                return done
        raise AssertionError("attempts are counted without end")

    def items(self, kind: FlowNodeType) -> list[Json]:
        """The list of a batch (spec c.6). Raises `Failed`."""
        batch, params = self._node.settings["batch"], self._node.settings.get("params") or {}
        names = self._scope.names()
        asked = batch.get("items", params.get("items"))
        try:
            found = names["input"]
            if asked is not None:
                attempt = Attempt(self._node, kind, self._world(0), names)
                found = attempt.evaluated(asked)
                self._take(attempt)
            elif isinstance(found, Mapping):
                found = found.get("items")
            if not isinstance(found, list):
                raise FlowFailure("batch input is not a list", retryable=False)
        except FlowFailure as failure:
            raise Failed(failure, 1) from failure
        return found

    def changes(self, done: Done) -> Sequence[EntryChange]:
        """What the node changes in the key/value store, where no secret is kept either."""
        changes = self._entries.conditions(done.changes) if self._entries is not None else done.changes
        return [
            replace(change, after=replace(change.after, value=self._scope.redacted(change.after.value)))
            if change.after
            else change
            for change in changes
        ]

    def _number_of_first(self, tried: int) -> int:
        """Attempts between which the worker sleeps share one delivery, so a later one is more than one attempt later. Where
        the last attempt's outcome was lost, that one is repeated."""
        if not self._task.attempt:
            return tried
        return min(max(self._slept, tried) + self._task.attempt, max(self._most, tried))

    def _again(self, failure: FlowFailure, number: int) -> None:
        """Wait for the next attempt, if that is short, or let the state machine wait. Raises `NodeRetry`, `NodeFailed`."""
        wait = wait_seconds(self._node, number)
        data = {"attempt": number + 1, "max_retries": self._most, "wait_seconds": wait}
        self.lines.append(Line(Level.WARN, f"Attempt {number + 1} failed: {failure.message}", data))
        if number >= self._slept:
            now = instant(self._tools.clock.now())
            told = flow_events.logged(self._node, now, self._scope.redacted_lines(self.lines))
            try:
                self._tools.store.tell(self._task.execution_id, told)
            except ExecutionEnded:
                raise NodeFailed("the run has ended") from None
            raise NodeRetry(f"attempt {number + 1} of {self._node.id} failed")
        self._tools.sleep(wait)
        if self._tools.store.get(self._task.execution_id).status.terminal:
            raise NodeFailed("the run has ended")

    def _take(self, attempt: Attempt, more: Mapping[str, Json] | None = None) -> None:
        """What an attempt leaves, whether it failed or not."""
        self.lines += attempt.lines
        shared = attempt.shared if isinstance(attempt.shared, Mapping) else {}
        after = {**shared, **(more or {})}
        self.shared = None if after == attempt.scope["shared"] else self._scope.redacted(after)

    def _awaited(self, attempt: Attempt, done: Done | Pause | Listen) -> Done | Pause | Listen:
        """Wait a moment for a run that the node has started and waits for: most are short."""
        kept = done.state if isinstance(done, Pause) else None
        child = _child(kept)
        if attempt.state is not None or child is None:
            return done
        waited, pause = 0.0, _FIRST_LOOK
        while waited < INLINE_SECONDS:
            if attempt.world.runs.outcome(child)[0] is not RunStatus.RUNNING:
                attempt.state = kept
                return attempt.run()
            self._tools.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, _LAST_LOOK)
        return done

    def _world(self, number: int) -> World:
        execution, tools = self._state.execution, self._tools
        now = tools.clock.now()
        self._entries = LiveEntries(tools.store, execution.launch.account_id or "", now.timestamp())
        return World(
            engine=tools.scripts.evaluate,
            send=tools.http.send,
            sleep=tools.sleep,
            now=now,
            idempotency_key=str(uuid5(NAMESPACE_OID, f"{execution.id}/{self._task.path}")),
            store=self._entries,
            runs=self._children(number),
            mail=tools.mail,
            schedules=self._timetable(),
            sql=tools.sql,
            account_id=execution.launch.account_id or "",
            redactor=self._scope.redactor,
        )

    def _timetable(self) -> Timetable | None:
        if self._tools.schedules is None:
            return None
        return Timetable(self._tools.schedules, self._state.execution, self._scope.redacted)

    def _children(self, number: int) -> Children:
        return Children(
            parent=self._state.execution,
            name=f"{self._task.path}/{number}",
            waited=self._waits,
            flows=self._tools.flows,
            store=self._tools.store,
            starts=self._tools.starts,
            redacted=self._scope.redacted,
        )


def _child(state: Json) -> str | None:
    """The run that a node waits for."""
    return state.get("child") if isinstance(state, Mapping) else None

"""One delivery of one task of a flow: from what is known to what is to be recorded (FlowRunner spec c.4 to c.7, d.12)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flowker.compiler.flows.routing import DEFAULT, Route, failure, joined, success
from flowker.model.exact_json import Json
from flowker.model.run import START, FlowStep, Known, Level, in_branch
from flowker.nodes.flow.base import Done, FlowFailure, Line, Listen, Pause, Shape
from flowker.ports.runs import Recording, RunState
from flowker.usecases.flow_plans import FlowPlan, type_name
from flowker.usecases.flow_worker import context
from flowker.usecases.flow_worker.attempt import Prepared
from flowker.usecases.flow_worker.attempts import Attempts
from flowker.usecases.flow_worker.failure import Failed
from flowker.usecases.flow_worker.merge import merged
from flowker.usecases.flow_worker.scope import FlowScope
from flowker.usecases.flow_worker.task import FlowTask, Phase
from flowker.usecases.flow_worker.tools import FlowTools
from flowker.usecases.flow_worker.writer import Writer

MOST_ITEMS = 1000
"""Of a batch."""
MOST_ACTION = 200
"""Characters of an action that the log repeats; a script may make one of any length."""
_TOLD = ("type", "attempts", "status_code", "index")
"""What the log says of an error object beside its message."""


class Delivery:
    """`perform`, then store `recording`."""

    def __init__(self, tools: FlowTools, plan: FlowPlan, task: FlowTask, state: RunState) -> None:
        self._tools = tools
        self._plan = plan
        self._task = task
        self._node = plan.nodes[task.node]
        self._before = state.steps.get(task.at)
        known = Known() if task.at == START else state.steps[task.at].known
        self._known = known.model_copy(update={"visits": known.visits + 1}) if task.first else known
        self._scope = FlowScope(tools, plan, task, state, self._known)
        self._writer = Writer(tools, plan, task, state, self._scope)
        self._attempts = Attempts(tools, plan, task, state, self._scope)

    @property
    def recording(self) -> Recording:
        return self._writer.recording

    def perform(self, refused: FlowFailure | None = None) -> None:
        """With `refused`, fail with that. Raises `NodeRetry`, `NodeFailed`, `StoreUnavailable`."""
        try:
            if refused is not None:
                raise Failed(refused, self._task.attempt + 1)
            self._perform()
        except Failed as failed:
            self._fail(failed)

    def _perform(self) -> None:
        if self._task.first and self._known.visits > self._tools.step_limit:
            raise Failed(FlowFailure("step limit exceeded", retryable=False), 1, final=True)
        match self._task.phase:
            case Phase.EXPAND:
                self._expand()
            case Phase.COLLECT:
                self._collect()
            case Phase.JOIN:
                self._join()
            case None if self._plan.shape(self._node) is Shape.SPLIT:
                self._writer.split(self._plan.lanes(self._node), self._known)
            case _:
                self._work()

    # --- the node's own work ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        if self._skipped():
            self._writer.record({"failed": True}, self._known)
            return
        done = self._attempted(self._phase_state())
        match done:
            case Pause():
                kept = {"node": self._scope.redacted(done.state), "tried": self._attempts.number}
                kept |= self._prepared()
                self._writer.pause(max(1, math.ceil(done.seconds)), kept, self._handing_on())
            case Listen():
                self._listen(done.key)
            case Done():
                self._writer.changes = self._attempts.changes(done)
                self._succeed(done.value, done.passes, success(self._node, done.action), done.action)

    def _listen(self, key: str) -> None:
        """A key is stored and shown as it is, since whoever sends the signal must name it: so it must not be a secret."""
        if self._scope.redacted(key) != key:
            message = "the key of the signal contains the value of a secret"
            raise Failed(FlowFailure(message, retryable=False), self._attempts.number + 1)
        kept = {"awaits": key, **self._prepared()}
        self._writer.record({"signal": True}, self._handing_on(), state=kept, awaits=key)

    def _prepared(self) -> Mapping[str, Json]:
        """What the hook prep leaves to later phases."""
        prepared = self._attempts.prepared
        return {} if prepared is None else {"prep": prepared.kept(self._scope.redacted)}

    def _phase_state(self) -> Json:
        """What the node sees of its earlier phases."""
        if self._task.phase in (None, Phase.ITEM) or self._before is None:
            return None
        kept: Mapping[str, Any] = self._before.state
        if "prep" in kept:
            self._attempts.prepared = Prepared(**kept["prep"])
        if "awaits" not in kept:
            return kept["node"]
        signal = self._tools.store.signal(self._task.execution_id, kept["awaits"])
        self._writer.heard = signal
        return {"signal": signal.body} if signal is not None and signal.came else {"timeout": True}

    def _attempted(self, state: Json) -> Done | Pause | Listen:
        """What the node's type says; its log entries and its changes of `shared` are noted, also if it fails."""
        try:
            done = self._attempts.run(self._plan.type_of(self._node), state, self._tried)
        finally:
            self._writer.lines += self._attempts.lines
            if self._attempts.shared is not None:
                self._writer.shared = self._attempts.shared
        if isinstance(done, Done):
            self._writer.lines += _success_lines(done)
        return done

    @property
    def _tried(self) -> int:
        """Attempts that have failed in earlier phases."""
        kept = self._before.state if self._before is not None and self._task.phase is Phase.RESUME else None
        return int(kept.get("tried", 0)) if isinstance(kept, Mapping) else 0

    def _skipped(self) -> bool:
        """Whether an item before this one has failed, where items come one after the other."""
        before = self._scope.item_before
        return before is not None and bool(before.answer.get("failed")) and not self._collects

    def _handing_on(self) -> Known:
        """While the node has not finished, only `shared` is new."""
        if self._writer.shared is None:
            return self._known
        return self._known.model_copy(update={"shared": self._task.path})

    def _succeed(self, value: Json, passes: bool, route: Route, action: str) -> None:
        value = self._scope.redacted(value)
        if self._task.item is not None:
            own = self._scope.item if passes else value
            self._writer.record({}, self._handing_on(), value=own)
            return
        shared = self._writer.shared is not None
        known = context.succeeded(self._known, self._node.id, self._task.path, passes=passes, shared=shared)
        if not route.matched and self._node.settings.get("next"):
            told = self._scope.redacted(action)[:MOST_ACTION]  # half a secret would not be recognized later
            line = Line(Level.WARN, f"No way on for action {told}", {"action": told})
            self._writer.lines.append(line)
        kept = {} if passes else {"value": value}
        self._writer.follow(route, known, done=True, **kept)

    def _fail(self, failed: Failed) -> None:
        path, document = self._task.path, failed.document(self._node)
        error = {**self._scope.redacted(document), "message": self._scope.said(str(document["message"]))}
        told = {name: error[name] for name in _TOLD if name in error}
        self._writer.lines.append(Line(Level.ERROR, str(error["message"]), told))
        if self._task.item is not None:
            self._writer.record({"failed": True}, self._handing_on(), value=error)
            return
        shared = self._writer.shared is not None
        known = context.failed(self._known, self._node.id, path, response=failed.has_response, shared=shared)
        route = Route() if failed.final else failure(self._node, failed.failure.handle)
        if route.matched:
            self._writer.follow(route, known, value=error)
        elif in_branch(path):
            self._writer.record({"failed": True}, known, value=error)
        else:
            self._writer.end(known, error, value=error)

    # --- splits and batches -----------------------------------------------------------------------------------------

    def _join(self) -> None:
        ends = self._ends()
        for end in ends:
            if end.answer.get("failed"):
                raise Failed.again(end.value)
        self._bring_together(ends)
        done = self._attempted([self._scope.values.value(end.known.input) for end in ends])
        if not isinstance(done, Done):
            raise TypeError(f"a {type_name(self._node)} cannot wait")
        self._succeed(done.value, False, joined(self._node), DEFAULT)

    def _expand(self) -> None:
        items = self._attempts.items(self._plan.type_of(self._node))
        self._writer.lines += self._attempts.lines
        if len(items) > MOST_ITEMS:
            message = f"a batch has at most {MOST_ITEMS} items, and this one has {len(items)}"
            raise Failed(FlowFailure(message, retryable=False), 1)
        kept = {"items": self._scope.redacted(items)}
        self._writer.record({"items": list(range(len(items)))}, self._known, state=kept)

    def _collect(self) -> None:
        ends = self._ends()
        failures = [
            (index, end.value) for index, end in enumerate(ends) if end.answer.get("failed") and end.has_value
        ]
        if failures and not self._collects:
            index, error = failures[0]
            raise Failed.again(error, index=index)
        self._bring_together(ends)
        value: Json = [end.value for end in ends if not end.answer.get("failed")]
        if self._collects:
            value = {"ok": value, "failed": [{"index": index, "error": error} for index, error in failures]}
        told = {"items": len(ends), "failed": len(failures)}
        self._writer.lines.append(Line(Level.INFO, "Node completed", told))
        self._succeed(value, False, success(self._node, DEFAULT), DEFAULT)

    @property
    def _collects(self) -> bool:
        """Whether a batch goes on when an item has failed."""
        return (self._node.settings.get("batch") or {}).get("on_item_error") == "collect"

    def _ends(self) -> Sequence[FlowStep]:
        """The last steps of branches or items, in order."""
        found = self._tools.store.steps(self._task.execution_id, self._task.branches)
        self._scope.values.steps.update(found)
        return [found[path] for path in self._task.branches]

    def _bring_together(self, ends: Sequence[FlowStep]) -> None:
        values = self._scope.values
        values.need(
            {end.known.shared for end in ends} | {end.known.input for end in ends} | {self._known.shared}
        )
        self._known, self._writer.shared = merged(self._known, ends, values)
        self._scope.know(self._known, self._writer.shared)


def _success_lines(done: Done) -> Sequence[Line]:
    """What a success is logged with; there is always something."""
    if any(line.level is Level.INFO for line in done.logs):
        return done.logs
    return [*done.logs, Line(Level.INFO, "Node completed")]

"""Runs of flows as their accounts see them (FlowRunner spec a.3 #9-#13, h). A run of another account is one that does not
exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flowker.errors import (
    ExecutionAlreadyEnded,
    ExecutionNotFound,
    FlowNotFound,
    IdempotencyKeyReused,
    InvalidBody,
    InvalidQuery,
    RunEnded,
    RunNotFound,
    SignalNotAwaited,
)
from flowker.model import exact_json
from flowker.model.audit import EventType, happened
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus
from flowker.model.instant import instant
from flowker.model.run import RUN_PREFIX, EventKind, Level, NumberedEvent, RunStatus, status_of, wrapped
from flowker.nodes.flow.wait import MOST_KEY
from flowker.ports import Clock, IdempotencyKeyTaken, Ids, StateMachines
from flowker.ports.flows import FlowStore
from flowker.ports.runs import RunStore
from flowker.usecases.executions import Executions, Started, fingerprint_of
from flowker.usecases.run_starts import RunStarts

MOST_INPUT = 256 * 1024
"""Bytes of an input, or of what a signal brings, as JSON."""
MOST_OFFSET = 10_000
LONGEST_TASK = timedelta(minutes=15)
"""So long a worker may go on with a run that has ended: Lambda's own limit. What it stores meanwhile must be found."""
_DETAILS = ("node_id", "node_type", "type", "attempts")


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with what went in and what came out. `result` is there once it has completed, `details` when a node failed."""

    execution: Execution
    input: Json
    result: Json = None
    details: Mapping[str, Json] | None = None
    node_id: str | None = None

    @property
    def progress(self) -> int:
        """Percent; until the end never all of it."""
        if self.execution.status.terminal:
            return 100
        return min(99, 100 * self.execution.recorded // max(self.execution.launch.total_steps, 1))


@dataclass(frozen=True, slots=True)
class Runs:
    """`executions` starts, ends and watches runs as it does for executions of workflows."""

    executions: Executions
    store: RunStore
    flows: FlowStore
    starts: RunStarts
    machines: StateMachines
    clock: Clock
    ids: Ids

    def start(self, account_id: str, flow_id: str, data: Any, key: str | None = None) -> Started:
        """Run the newest revision of a flow. Raises `FlowNotFound`, `InvalidBody` for an input that is no object or too large,
        `IdempotencyKeyReused`."""
        _check_size("input", data)
        fingerprint = fingerprint_of(flow_id, data)
        scoped = None if key is None else f"{account_id}\x01{key}"
        try:
            launch = self.flows.head(account_id, flow_id).launch
        except FlowNotFound:
            # A repeated request is answered as before, whatever has become of the flow since.
            claim = None if scoped is None else self.store.claim(scoped)
            if claim is None:
                raise
            return self._replay(claim, fingerprint)
        run_id = f"{RUN_PREFIX}{self.ids.new()}"
        new = Claim(key=scoped, fingerprint=fingerprint, execution_id=run_id) if scoped else None
        try:
            return Started(self.starts.accept(run_id, launch, data, new), replayed=False)
        except IdempotencyKeyTaken as taken:
            return self._replay(taken.claim, fingerprint)

    def _replay(self, claim: Claim, fingerprint: str) -> Started:
        if claim.fingerprint != fingerprint:
            message = "this idempotency key was used for another request"
            raise IdempotencyKeyReused(message, fields={"Idempotency-Key": "used before"})
        execution = self.store.get(claim.execution_id)
        if execution.status is ExecutionStatus.PENDING and execution.handed_over is None:
            self.starts.hand_over(execution)
        return Started(execution, replayed=True)

    def get(self, account_id: str, run_id: str, wait: float = 0) -> RunView:
        """The run as it is, or as it is once it has ended or so many seconds are over. Raises `RunNotFound`."""
        if wait:
            self.executions.settled(self._own(account_id, run_id), wait)
        try:
            state = self.store.load(run_id, ())
        except ExecutionNotFound:
            raise _not_found() from None
        execution = state.execution
        if execution.launch.account_id != account_id:
            raise _not_found()
        value = None
        if state.result_of is not None:
            value = self.store.values(run_id, [state.result_of])[state.result_of]
        status = status_of(execution)
        details = None
        if status is RunStatus.FAILED and isinstance(value, Mapping):
            details = {name: value.get(name) for name in _DETAILS}
        result = wrapped(value) if status is RunStatus.COMPLETED else None
        return RunView(execution, state.input, result, details, state.node_id)

    def list(
        self, account_id: str, flow_id: str | None, status: RunStatus | None, limit: int, offset: int
    ) -> tuple[Sequence[Execution], int]:
        """The newest first, and how many there are in all. Raises `InvalidQuery` for an offset that is too large."""
        _check_offset(offset)
        where: dict[str, Sequence[str]] = {}
        if flow_id is not None:
            where["flow_id"] = [flow_id]
        if status is not None:
            where["status"] = [status.value]
        return self.store.of_account(account_id, where, limit, offset)

    def logs(
        self, account_id: str, run_id: str, level: Level | None, limit: int, offset: int
    ) -> tuple[Sequence[NumberedEvent], int]:
        """Log entries, the oldest first, and how many there are of that level. Raises `RunNotFound`, `InvalidQuery`."""
        _check_offset(offset)
        self._own(account_id, run_id)
        found = [
            event
            for event in self.store.events(run_id, 0)
            if event.kind is EventKind.LOG and level in (None, event.level)
        ]
        return found[offset : offset + limit], len(found)

    def cancel(self, account_id: str, run_id: str) -> None:
        """End a run, and all that it has started. Raises `RunNotFound`, `RunEnded`."""
        self._own(account_id, run_id)
        cancelled = self._cancelled(run_id)
        if status_of(self.store.get(run_id)) is RunStatus.CANCELLED:
            self._cancel_children(run_id)  # also those that an earlier attempt has left
        if not cancelled:
            raise RunEnded("the execution has already ended")

    def cancel_all(self, account_id: str) -> None:
        """End whatever the account runs."""
        while True:
            running, _ = self.store.of_account(account_id, {"status": [RunStatus.RUNNING.value]}, 100, 0)
            cancelled = [self._cancelled(execution.id) for execution in running]
            if not any(cancelled):
                return

    def _cancel_children(self, run_id: str) -> None:
        for child in self.store.children(run_id):
            self._cancelled(child)
            self._cancel_children(child)

    def _cancelled(self, run_id: str) -> bool:
        """False if it had ended before."""
        try:
            self.executions.cancel(run_id)
        except (ExecutionAlreadyEnded, ExecutionNotFound):
            return False
        return True

    def signal(self, account_id: str, run_id: str, key: str, body: Any) -> None:
        """Give a run what it waits for; repeating it changes nothing. Raises `RunNotFound`, `InvalidBody`, `SignalNotAwaited`,
        `StoreUnavailable`."""
        _check_size("the body", body)
        run = self._own(account_id, run_id)
        about = {"flow.id": run.launch.workflow_id, "signal.key": key}  # the body may be about people
        kind, event_id = EventType.EXECUTION_SIGNALLED, self.ids.new()
        event = happened(kind, run_id, id=event_id, at=self.clock.now(), metadata=about)
        signal = self.store.hear(run_id, key, body, [event]) if len(key) <= MOST_KEY else None
        if signal is None or exact_json.canonical(signal.body) != exact_json.canonical(body):
            raise SignalNotAwaited("the execution does not wait for this signal, or has it already")
        if signal.token is not None:
            self.machines.answer(signal.token, {"step": signal.path})

    def settled(self, execution: Execution, seconds: float) -> Execution:
        """The run as it is once it has ended or the time is up."""
        return self.executions.settled(execution, seconds)

    def forget_expired(self) -> int:
        """Delete runs whose time is over; returns how many."""
        return self.store.forget(int(self.clock.now().timestamp()))

    def forget_account(self, account_id: str) -> bool:
        """Delete some of the runs of an account that is gone and runs nothing; True if nothing is left of them."""
        return self.store.forget_account(account_id, instant(self.clock.now() - LONGEST_TASK))

    def _own(self, account_id: str, run_id: str) -> Execution:
        try:
            execution = self.store.get(run_id)
        except ExecutionNotFound:
            raise _not_found() from None
        if execution.launch.account_id != account_id:
            raise _not_found()
        return execution


def _not_found() -> RunNotFound:
    return RunNotFound("there is no such execution")


def _check_size(what: str, data: Any) -> None:
    if not isinstance(data, Mapping):
        raise InvalidBody(f"{what} must be an object", fields={what: "must be an object"})
    if len(exact_json.dumps(data)) > MOST_INPUT:
        message = f"{what} is larger than {MOST_INPUT // 1024} KiB"
        raise InvalidBody(message, fields={what: f"at most {MOST_INPUT // 1024} KiB"})


def _check_offset(offset: int) -> None:
    if offset > MOST_OFFSET:
        raise InvalidQuery(
            f"offset must be at most {MOST_OFFSET}", fields={"offset": f"at most {MOST_OFFSET}"}
        )

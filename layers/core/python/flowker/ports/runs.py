"""Runs of flows as the use cases see them (FlowRunner spec h, i, k)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flowker.model.audit import AuditEvent
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, ExecutionStatus, Outcome
from flowker.model.run import Entry as Entry
from flowker.model.run import EntryChange as EntryChange
from flowker.model.run import FlowStep, NumberedEvent, RunEvent
from flowker.ports import ExecutionStore


@dataclass(frozen=True, slots=True)
class RunState:
    """A run, its input, and the steps asked for that exist, by path. `events` is how many events it has so far. Once it has
    ended, `result_of` is the path of its result, or of the error object of the node that failed; see `RunStore.values`."""

    execution: Execution
    input: Json
    events: int
    steps: Mapping[str, FlowStep]
    node_id: str | None = None
    node_type: str | None = None
    result_of: str | None = None

    def after(self, recording: "Recording") -> "RunState":
        """The run as it is once this is recorded, unless somebody else changes it meanwhile."""
        steps = {step.path: step for step in recording.steps}
        going_on = {"status": ExecutionStatus.RUNNING, "recorded": self.execution.recorded + len(steps)}
        return replace(
            self,
            execution=self.execution.model_copy(update=going_on),
            events=self.events + len(recording.events),
            steps={**self.steps, **steps},
        )


class EntryChanged(Exception):
    """Somebody else changed an entry meanwhile: read it again and decide anew."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that a run waits for. `path` is the step that began to wait, `token` what the orchestrator waits with, as
    soon as it does, `body` what came; it may come before the token."""

    key: str
    path: str
    token: str | None = None
    came: bool = False
    body: Json = None


@dataclass(frozen=True, slots=True)
class Recording:
    """What one task leaves behind, all or nothing: of several `steps`, each follows from the one before, so only the first can
    be another delivery's. With an `outcome` the run ends, and `result_of` is the path of its result. `leg` counts the
    orchestrator's runs, if another one is to go on. `awaits` is the signal that the run waits for from now on, `heard` the
    one, as it was read, that it does not wait for any more. `node` is the id and the type of the node that the run is at
    now."""

    steps: Sequence[FlowStep]
    events: Sequence[RunEvent] = ()
    outcome: Outcome | None = None
    result_of: str | None = None
    node: tuple[str, str] | None = None
    changes: Sequence[EntryChange] = ()
    audit: Sequence[AuditEvent] = ()
    leg: int | None = None
    awaits: str | None = None
    heard: Signal | None = None

    @property
    def last(self) -> FlowStep:
        """What the task is answered with."""
        return self.steps[-1]

    def then(self, later: "Recording") -> "Recording":
        """Both at once, where the later one is of a quick node."""
        return replace(
            later,
            steps=[*self.steps, *later.steps],
            events=[*self.events, *later.events],
            node=later.node or self.node,
        )


class SignalAwaited(Exception):
    """The run waits for a signal of this name already."""


class RunStore(ExecutionStore, Protocol):
    """Its executions are runs of flows, which no other store lists. Events are numbered in the transaction that stores them;
    where somebody else was faster, they get later numbers."""

    def start(
        self,
        execution: Execution,
        data: Json,
        claim: Claim | None,
        events: Sequence[RunEvent],
        audit: Sequence[AuditEvent] = (),
        node: tuple[str, str] | None = None,
        waited: bool = True,
    ) -> Execution:
        """All or nothing. Repeating it changes nothing: then the run is what was stored first. `waited` is whether its parent
        waits for it. Raises `IdempotencyKeyTaken`, and `ExecutionEnded` if it has a parent that has ended."""
        ...

    def load(self, execution_id: str, paths: Sequence[str]) -> RunState:
        """In one read. Raises `ExecutionNotFound`."""
        ...

    def steps(self, execution_id: str, paths: Sequence[str]) -> Mapping[str, FlowStep]:
        """Those that exist, in one read for each hundred."""
        ...

    def values(self, execution_id: str, paths: Sequence[str]) -> Mapping[str, Json]:
        """The values of steps; that of `START` is the run's input."""
        ...

    def record(self, state: RunState, recording: Recording) -> None:
        """One transaction. Raises `AlreadyRecorded`, `ExecutionEnded`, `EntryChanged` (also for a signal that came meanwhile),
        `SignalAwaited`."""
        ...

    def tell(self, execution_id: str, events: Sequence[RunEvent]) -> None:
        """Events that belong to no step. Raises `ExecutionEnded`."""
        ...

    def events(self, execution_id: str, after: int, limit: int | None = None) -> Sequence[NumberedEvent]:
        """In order, from the one behind number `after`."""
        ...

    def children(self, execution_id: str) -> Sequence[str]:
        """The runs that this one has started and waits for, or has."""
        ...

    def of_account(
        self, account_id: str, where: Mapping[str, Sequence[str]], limit: int, offset: int
    ) -> tuple[Sequence[Execution], int]:
        """The newest first, and how many there are. `where` may hold flow_id, and status as users see it."""
        ...

    def signal(self, execution_id: str, key: str) -> Signal | None: ...

    def listen(self, execution_id: str, key: str, path: str, token: str) -> Signal | None:
        """Note the token of who waits since that step; the signal as it is then, None if nobody waits any more."""
        ...

    def hear(
        self, execution_id: str, key: str, body: Json, audit: Sequence[AuditEvent] = ()
    ) -> Signal | None:
        """Note what came, once, with its events; the signal as it is then, None if nobody waits for it."""
        ...

    def entry(self, account_id: str, key: str) -> Entry | None:
        """Read consistently. One that has expired may still be there."""
        ...

    def entries(
        self, account_id: str, *, after: str | None = None, limit: int | None = None, values: bool = True
    ) -> Sequence[Entry]:
        """By key, those behind `after`; also those that have expired and are still there. Without `values` all of theirs are
        null."""
        ...

    def delete_entries(self, account_id: str) -> None:
        """All of an account of which no run goes on. Repeating it changes nothing."""
        ...

    def forget(self, now: int) -> int:
        """Delete some of the runs that have expired by now, in seconds since 1970. Returns how many."""
        ...

    def forget_account(self, account_id: str, ended_before: str) -> bool:
        """Delete some of the runs of an account that is gone, of those that ended before an instant. True if there are none any
        more; then nothing large is left of its key/value store either."""
        ...


class Scripts(Protocol):
    """Runs JavaScript where it can reach nothing: a function without permissions (spec e.4)."""

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `expressions.scripts`. Raises `StoreUnavailable` if the function cannot be reached."""
        ...

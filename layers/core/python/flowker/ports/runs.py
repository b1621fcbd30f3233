"""Runs of flows as the use cases see them (FlowRunner spec h, i, k)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flowker.model.audit import AuditEvent
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, Outcome
from flowker.model.run import FlowStep, NumberedEvent, RunEvent


@dataclass(frozen=True, slots=True)
class RunState:
    """A run, its input, and the steps asked for that exist, by path. `events` is how many events it has so far."""

    execution: Execution
    input: Json
    events: int
    steps: Mapping[str, FlowStep]


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in an account's key/value store. `version` counts changes, `expires` is in seconds since 1970."""

    key: str
    value: Json
    version: int
    expires: int | None = None


@dataclass(frozen=True, slots=True)
class EntryChange:
    """Part of a step's own transaction: so a redelivery changes nothing twice. `before` is the version that was read, 0 if
    there was none; `after` None deletes."""

    key: str
    before: int
    after: Entry | None


class EntryChanged(Exception):
    """Somebody else changed an entry meanwhile: read it again and decide anew."""


class RunStore(Protocol):
    def start(
        self,
        execution: Execution,
        data: Json,
        claim: Claim | None,
        events: Sequence[RunEvent],
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """All or nothing. Repeating it changes nothing. Raises `IdempotencyKeyTaken`."""
        ...

    def load(self, execution_id: str, paths: Sequence[str]) -> RunState:
        """In one read. Raises `ExecutionNotFound`."""
        ...

    def steps(self, execution_id: str, paths: Sequence[str]) -> Mapping[str, FlowStep]: ...

    def record(
        self,
        state: RunState,
        step: FlowStep,
        events: Sequence[RunEvent],
        outcome: Outcome | None = None,
        changes: Sequence[EntryChange] = (),
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """One transaction. Raises `AlreadyRecorded`, `ExecutionEnded`, `EntryChanged`. Events get the next numbers; where
        another branch was faster, they get later ones."""
        ...

    def tell(self, execution_id: str, events: Sequence[RunEvent]) -> None:
        """Events that belong to no step. Raises `ExecutionEnded`."""
        ...

    def events(self, execution_id: str, after: int, limit: int) -> Sequence[NumberedEvent]:
        """In order, from the one behind number `after`."""
        ...

    def list(
        self, account_id: str, where: Mapping[str, Sequence[str]], limit: int, offset: int
    ) -> tuple[Sequence[Execution], int]:
        """The newest first, and how many there are. `where` may hold flow_id and status."""
        ...

    def entry(self, account_id: str, key: str) -> Entry | None:
        """Read consistently; one that has expired is none."""
        ...

    def entries(self, account_id: str) -> Sequence[Entry]:
        """All that live, by key."""
        ...


class Scripts(Protocol):
    """Runs JavaScript where it can reach nothing: a function without permissions (spec e.4)."""

    def evaluate(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """See `expressions.scripts`. Raises `StoreUnavailable` if the function cannot be reached."""
        ...

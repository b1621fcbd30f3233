"""The outside world as the use cases see it. A port's adapters and its fake pass the same contract tests.

Longer than other modules, because it is the only list of promises, and nothing but promises.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flowker.model.audit import AuditEvent, Entry
from flowker.model.breaker import Breaker
from flowker.model.exact_json import Json
from flowker.model.execution import Claim, Execution, Outcome, Step
from flowker.model.executor_configuration import ExecutorConfiguration
from flowker.model.graph import Graph
from flowker.model.machine import MachineUse, PublishedMachine
from flowker.model.outbound import OutboundRequest, OutboundResponse
from flowker.model.page import Page, PageQuery
from flowker.model.provider import ProviderConfiguration
from flowker.model.schedule import Schedule
from flowker.model.workflow import Launch, MachineType, WebhookRoute, Workflow, WorkflowHead


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, UTC, time zone aware."""
        ...


class Ids(Protocol):
    def new(self) -> str:
        """A fresh UUID, canonical text."""
        ...


class WorkflowStore(Protocol):
    """Workflows, their unique names, webhook routes and schedules of active ones, and the snapshots executions run on."""

    def add(self, workflow: Workflow, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `WorkflowNameTaken`."""
        ...

    def get(self, workflow_id: str) -> Workflow:
        """Raises `WorkflowNotFound`."""
        ...

    def head(self, workflow_id: str) -> WorkflowHead:
        """Raises `WorkflowNotFound`. Cheaper than `get`."""
        ...

    def launches(self, workflow_ids: Sequence[str]) -> Mapping[str, Launch]:
        """How those of them run that are active, by id. In one read for each hundred."""
        ...

    def list(self, query: PageQuery) -> Page[Workflow]:
        """Sorted by createdAt, updatedAt or name; `where` may hold status."""
        ...

    def replace(
        self,
        before: Workflow,
        after: Workflow,
        routes: Sequence[WebhookRoute] = (),
        audit: Sequence[AuditEvent] = (),
        promoted: Sequence[ExecutorConfiguration] = (),
        schedules: Sequence[Schedule] = (),
    ) -> None:
        """Store `after` if `before` is still what is stored; with it appear the webhook routes and schedules given here,
        those of `before` disappear, and the executor configurations `promoted` become active, if they are still what was read.
        Raises `ChangedConcurrently`, `WorkflowNameTaken`, `WebhookRouteTaken`, and `InvalidProviderReference` if it
        becomes active and a provider configuration is gone."""
        ...

    def delete(self, workflow: Workflow, audit: Sequence[AuditEvent] = ()) -> None:
        """With it disappear its webhook routes and schedules. Raises `ChangedConcurrently`."""
        ...

    def route(self, method: str, path: str) -> WebhookRoute | None: ...

    def keep_revision(self, digest: str, graph: Graph) -> None:
        """Store a snapshot under its digest; repeating it changes nothing."""
        ...

    def revision(self, digest: str) -> Graph: ...


class MachineRegistry(Protocol):
    """The state machines that were published, and which workflows use them. Every method that decides on a machine does so
    only as long as it is what was read."""

    def claim(self, reference: str, use: MachineUse, due: str) -> None:
        """Note a use, before the machine is published. Who looks at it the next time, at `due` if it is new or was unused, sees
        the use. Raises `StoreUnavailable` while it is being deleted."""
        ...

    def due(self, until: str, limit: int) -> Sequence[str]:
        """References of machines that are to be looked at, those that wait the longest first. May be a little late."""
        ...

    def get(self, reference: str) -> PublishedMachine | None: ...

    def drop(self, reference: str, use: MachineUse) -> None:
        """Forget a use, unless it was renewed."""
        ...

    def look_again(self, machine: PublishedMachine, due: str, unused_since: str | None) -> bool:
        """False if the machine was changed meanwhile; then nothing is."""
        ...

    def doom(self, machine: PublishedMachine) -> bool:
        """From now on nobody may claim it. False if it was not unused at the last look, or was changed meanwhile."""
        ...

    def remove(self, reference: str) -> None:
        """Forget one that was doomed and is deleted."""
        ...


class ProviderConfigurationStore(Protocol):
    def add(self, configuration: ProviderConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ProviderConfigurationNameTaken`."""
        ...

    def get(self, configuration_id: str) -> ProviderConfiguration:
        """Raises `ProviderConfigurationNotFound`."""
        ...

    def get_many(self, configuration_ids: Sequence[str]) -> Mapping[str, ProviderConfiguration]:
        """Those that exist, by id."""
        ...

    def list(self, query: PageQuery) -> Page[ProviderConfiguration]:
        """Sorted by createdAt, updatedAt or name; `where` may hold status and provider_id."""
        ...

    def replace(
        self,
        before: ProviderConfiguration,
        after: ProviderConfiguration,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Raises `ChangedConcurrently`, `ProviderConfigurationNameTaken`."""
        ...

    def delete(self, configuration: ProviderConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ChangedConcurrently`, `ProviderConfigurationInUse` while an active workflow refers to it."""
        ...


class ExecutorConfigurationStore(Protocol):
    def add(self, configuration: ExecutorConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ExecutorConfigurationNameTaken`."""
        ...

    def get(self, configuration_id: str) -> ExecutorConfiguration:
        """Raises `ExecutorConfigurationNotFound`."""
        ...

    def get_many(self, configuration_ids: Sequence[str]) -> Mapping[str, ExecutorConfiguration]:
        """Those that exist, by id."""
        ...

    def list(self, query: PageQuery) -> Page[ExecutorConfiguration]:
        """Sorted by createdAt, updatedAt or name; `where` may hold status."""
        ...

    def replace(
        self,
        before: ExecutorConfiguration,
        after: ExecutorConfiguration,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Raises `ChangedConcurrently`, `ExecutorConfigurationNameTaken`."""
        ...

    def delete(self, configuration: ExecutorConfiguration, audit: Sequence[AuditEvent] = ()) -> None:
        """Raises `ChangedConcurrently`."""
        ...


class IdempotencyKeyTaken(Exception):
    """The key has started an execution before; `claim` says which, for which request."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.key)
        self.claim = claim


@dataclass(frozen=True, slots=True)
class History:
    """An execution with its input and the steps recorded so far, by node id."""

    execution: Execution
    input: Json
    steps: Mapping[str, Step]


class ExecutionStore(Protocol):
    def add(
        self, execution: Execution, data: Json, claim: Claim | None, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """Store a pending execution, its input and its idempotency claim, all or nothing.

        Raises `IdempotencyKeyTaken`.
        """
        ...

    def claim(self, key: str) -> Claim | None: ...

    def get(self, execution_id: str) -> Execution:
        """Raises `ExecutionNotFound`."""
        ...

    def history(self, execution_id: str) -> History:
        """Raises `ExecutionNotFound`."""
        ...

    def began(self, execution_id: str) -> str | None:
        """When its first step was begun, if it has one."""
        ...

    def list(self, query: PageQuery) -> Page[Execution]:
        """Sorted by startedAt or completedAt (unfinished ones last); `where` may hold status and workflow_id."""
        ...

    def hand_over(self, execution_id: str, at: str) -> None:
        """Note when the orchestrator took it, as long as it is pending: later its steps tell."""
        ...

    def finish(self, execution_id: str, outcome: Outcome, audit: Sequence[AuditEvent] = ()) -> bool:
        """Make it terminal, once. False if it was terminal before. Raises `ExecutionNotFound`."""
        ...


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the audit trail: its last entry's number and hash. `version` counts all changes. `reached` is the latest
    time of all events, and `longest_lag` how many milliseconds an event ever came behind a later one."""

    version: int
    sequence: int
    hash: str
    reached: str
    longest_lag: int


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`where` holds resource_id, event_type, action, result, resource_type; both times are included."""

    where: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None


class AuditChain(Protocol):
    """The audit trail. Changes announce their events in their own transactions; here they are chained and read."""

    def announce(self, events: Sequence[AuditEvent]) -> None:
        """Store events that belong to no change; the first one names the notice."""
        ...

    def append_pending(self) -> int:
        """Chain what was announced and is not yet chained. Returns how many notices that were."""
        ...

    def head(self) -> ChainHead: ...

    def entry(self, event_id: str) -> Entry | None: ...

    def entries(self, first: int, last: int) -> Iterator[Entry]:
        """Those that are stored from `first` to `last`, both included, in order."""
        ...

    def search(
        self, query: AuditFilter, *, after: int | None, ascending: bool, limit: int
    ) -> tuple[Sequence[Entry], int | None]:
        """The next entries behind number `after` in this direction, and where to go on if there may be more."""
        ...


class Counters(Protocol):
    """How many things are in each status, exactly, whatever their number."""

    def workflows(self) -> Mapping[str, int]: ...

    def executions(self, start: datetime | None, end: datetime | None) -> Mapping[str, int]:
        """Those accepted from `start` to `end`, both included."""
        ...


class AlreadyRecorded(Exception):
    """The step was recorded by another delivery of the same task."""


class ExecutionEnded(Exception):
    """The execution became terminal meanwhile: the result is discarded."""


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """What one task needs, read at once."""

    history: History
    provider: ProviderConfiguration | None
    breaker: Breaker
    executor: ExecutorConfiguration | None = None


class NodeRunStore(Protocol):
    """The hot path of the worker: one read before the node runs, one write after it."""

    def load(
        self,
        execution_id: str,
        node_ids: Sequence[str] | None,
        configuration_id: str | None,
        executor_id: str | None = None,
    ) -> NodeInputs:
        """The execution, its input, the steps of these nodes (None = of all), the provider configuration if it exists,
        its breaker, and the executor configuration if it exists. Raises `ExecutionNotFound`."""
        ...

    def record(
        self,
        execution: Execution,
        steps: Sequence[Step],
        counted: int,
        outcome: Outcome | None,
        audit: Sequence[AuditEvent] = (),
    ) -> None:
        """Store the steps of one task and, with an outcome, the end of the execution, all or nothing. The first step is
        the one that a redelivery looks for; `counted` of them are visible to users. `execution` is what `load` read.

        Raises `AlreadyRecorded`, `ExecutionEnded`.
        """
        ...

    def announce(self, execution_id: str, audit: Sequence[AuditEvent]) -> None:
        """Store events of an attempt that records no step; repeating it changes nothing."""
        ...

    def save_breaker(self, configuration_id: str, breaker: Breaker) -> bool:
        """Store the state that follows version `breaker.version - 1`. False if another one was faster."""
        ...

    def breaker(self, configuration_id: str) -> Breaker: ...


class Leftovers(Protocol):
    """Large payloads that nothing refers to any more."""

    def sweep(self, now: int) -> int:
        """Delete some of those whose time has come by now, in seconds since 1970. Returns how many."""
        ...


class StateMachines(Protocol):
    """The orchestrator: Step Functions, or the embedded engine."""

    def reference(self, definition: Json, kind: MachineType) -> str:
        """What `publish` returns, without publishing anything."""
        ...

    def publish(self, definition: Json, kind: MachineType) -> str:
        """Make the definition startable and return its reference, which is derived from both: publishing the same again
        changes nothing. Raises `StoreUnavailable` when throttled."""
        ...

    def start(self, execution: Execution) -> bool:
        """Run `execution.launch.machine` under the execution's id. True if starting it again would run it again, which
        records no step twice but may repeat calls that are under way; otherwise that changes nothing. Raises
        `StoreUnavailable`."""
        ...

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        """Run the machine of an execution that is under way once more, from `at`, as its leg of this number, under a name
        of its own; repeating it changes nothing. Only flows have legs. Raises `StoreUnavailable`."""
        ...

    def stop(self, execution: Execution) -> None:
        """Abort the run of an execution whose end is recorded: its leg of number `execution.leg`. One that never began, or
        is over, is left alone, and so is one of an Express machine on AWS: the worker refuses what follows. Raises
        `StoreUnavailable`."""
        ...

    def answer(self, token: str, output: Json) -> bool:
        """Let the task go on that waits for this token, durably. False if none does, or no longer. Raises
        `StoreUnavailable`."""
        ...

    def delete(self, reference: str) -> None:
        """Delete a machine that nobody will start any more; deleting it again changes nothing. Raises `StoreUnavailable`."""
        ...


class Completions(Protocol):
    def wait(self, execution_id: str, seconds: float) -> None:
        """Return as soon as the execution is terminal, or when the time is up."""
        ...


class Http(Protocol):
    def judge(self, url: str, timeout: float) -> None:
        """Look up the host of a URL, in so many seconds. Raises `CallFailed` if calls may not go there, and
        `CallFailedForNow` if it cannot be found."""
        ...

    def send(self, request: OutboundRequest) -> OutboundResponse:
        """Send one request; any status is an answer. Raises `CallFailed` or `CallFailedForNow`, whose text is fit for
        users: `request failed: …`, `failed to create auth provider: …`."""
        ...

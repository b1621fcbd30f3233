"""An execution: one run of a workflow, and the steps it recorded (Flowker spec c.4, d.4, d.10)."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from flowker.model.exact_json import Json
from flowker.model.instant import Instant
from flowker.model.workflow import Launch


class ExecutionStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        return self in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)


class StepStatus(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"


class Outcome(BaseModel):
    """How an execution ended. Without an error it completed; written once, never changed."""

    model_config = ConfigDict(frozen=True)

    at: Instant
    error_message: str | None = None
    error_code: str | None = None
    failed_node_id: str | None = None

    @property
    def status(self) -> ExecutionStatus:
        return ExecutionStatus.COMPLETED if self.error_message is None else ExecutionStatus.FAILED


class Execution(BaseModel):
    """One run. `recorded` counts its steps so far. `handed_over` tells when the orchestrator took it, if that would take it
    once more; others can be asked to start it at any time."""

    model_config = ConfigDict(frozen=True)

    id: str
    launch: Launch
    status: ExecutionStatus
    started_at: Instant
    recorded: int = 0
    handed_over: Instant | None = None
    outcome: Outcome | None = None
    correlation_id: str | None = None
    """Of the request that has started it; log lines of everything that is done for it carry it."""
    parent: str | None = None
    """Of a run that a node of another run has started: that run's id."""
    depth: int = 0
    """How many runs it is nested in."""
    leg: int = 0
    """How many times the run went on in a fresh run of the orchestrator, which keeps the history of each one short."""


def run_name(execution_id: str, leg: int) -> str:
    """What the orchestrator calls the run that carries an execution on."""
    return f"{execution_id}.{leg}" if leg else execution_id


def execution_of_run(name: str) -> str:
    """The execution that a run of the orchestrator belongs to."""
    return name.partition(".")[0]


class Claim(BaseModel):
    """An idempotency key in use: which execution it started, and the fingerprint of that request (Flowker spec d.9)."""

    model_config = ConfigDict(frozen=True)

    key: str
    fingerprint: str
    execution_id: str


class Step(BaseModel):
    """One node that ran, or failed. `route` lists the ids of the live edges that leave the task which recorded it."""

    model_config = ConfigDict(frozen=True)

    node_id: str
    name: str
    status: StepStatus
    executed_at: Instant
    duration_ms: int
    output: Json = None
    error_message: str | None = None
    attempts: int = 1
    status_code: int | None = None
    route: tuple[str, ...] = ()

"""A run of a flow: what each step leaves behind, and what is told about it while it goes on (FlowRunner spec h, i).

A run is an `Execution` whose launch names an account. Its steps are numbered by a path: "1", "2", … in order; "7.0.1" is the
first step in branch (or for item) 0 of step "7". A step is written once and never changed. It says where the latest result
of every node before it is, so the next step needs its predecessor and what that points to, and nothing is ever merged but
by the step after parallel branches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.errors import EXECUTION_CANCELLED
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.instant import Instant

RUN_PREFIX = "exec-"
"""What the ids of runs start with."""
START = "0"
"""The path before the first step: what it holds is the run's input."""


def path_after(path: str) -> str:
    """The step after this one, in the same branch."""
    branch, dot, number = path.rpartition(".")
    return f"{branch}{dot}{int(number) + 1}"


def path_inside(path: str, lane: int) -> str:
    """The first step of a branch, or for an item, that this step leads into."""
    return f"{path}.{lane}.1"


def in_branch(path: str) -> bool:
    """Whether a step is in a branch, so that its end is not the end of the run."""
    return "." in path


class RunStatus(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def status_of(execution: Execution) -> RunStatus:
    """How the run stands: what waits to be started is running for its user, and what was cancelled did not fail."""
    return _status(execution.status, execution.outcome)


def status_after(outcome: Outcome) -> RunStatus:
    """How a run stands that ended like this."""
    return _status(outcome.status, outcome)


def _status(status: ExecutionStatus, outcome: Outcome | None) -> RunStatus:
    if outcome is not None and outcome.error_code == EXECUTION_CANCELLED:
        return RunStatus.CANCELLED
    return RunStatus(status.value) if status.terminal else RunStatus.RUNNING


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Known(BaseModel):
    """What a step hands on. All values are paths of steps; `START` is the run's input.

    `results`: by node id, the step with its latest result. `input`: the step whose value the next node gets as `input`.
    `result`: the latest successful one. `before`: what the node itself had as `input`. `shared`: the step that last changed
    `shared`. `visits` counts nodes entered.
    """

    model_config = ConfigDict(frozen=True)

    results: Mapping[str, str] = {}
    input: str = START
    result: str | None = None
    before: str = START
    shared: str = START
    failed: bool = False
    """Whether `input` is an error object: then it is `error` as well."""
    visits: int = 0


class FlowStep(BaseModel):
    """One delivery of one node's task that was recorded. `value` is the result, or the error object of a node that failed;
    None where `known.input` points to an older step (a pass-through) or the node has not finished yet."""

    model_config = ConfigDict(frozen=True)

    path: str
    node_id: str
    answer: Mapping[str, Any]
    """What the state machine was told; a redelivery is told the same."""
    known: Known
    value: Json = None
    has_value: bool = False
    shared: Json = None
    """The whole map, if this step changed it."""
    state: Json = None
    """What a node that waits keeps for its next phase."""
    child: str | None = None
    """The run that this step started."""
    started_at: Instant
    ended_at: Instant


class EventKind(StrEnum):
    """The message types of the socket (spec i.2)."""

    UPDATE = "execution_update"
    NODE_COMPLETED = "node_completed"
    LOG = "log"
    COMPLETED = "execution_completed"
    FAILED = "execution_failed"


class RunEvent(BaseModel):
    """Something that happened in a run. Events are numbered from 1 without gaps when they are stored. `value_of` is the path
    of the step whose value is the `result` of a `node_completed` or `execution_completed`."""

    model_config = ConfigDict(frozen=True)

    kind: EventKind
    at: Instant
    node_id: str | None = None
    node_type: str | None = None
    status: RunStatus | None = None
    level: Level | None = None
    message: str | None = None
    data: Mapping[str, Any] | None = None
    error: str | None = None
    value_of: str | None = None


class NumberedEvent(RunEvent):
    sequence: int


def ending(
    outcome: Outcome, node_id: str | None, node_type: str | None, value_of: str | None = None
) -> Sequence[RunEvent]:
    """What is told when a run ends, the terminal message last. It is attributed to the last node."""
    status, about = status_after(outcome), {"at": outcome.at, "node_id": node_id, "node_type": node_type}
    failed = status is RunStatus.FAILED
    log = RunEvent.model_validate(
        {
            **about,
            "kind": EventKind.LOG,
            "level": Level.ERROR if failed else Level.INFO,
            "message": f"Execution {status}",
            "data": {"error": outcome.error_message} if failed else None,
        }
    )
    if status is RunStatus.COMPLETED:
        last = RunEvent(kind=EventKind.COMPLETED, at=outcome.at, status=status, value_of=value_of)
    else:
        kind = EventKind.FAILED if failed else EventKind.UPDATE
        error = outcome.error_message if failed else None
        last = RunEvent.model_validate({**about, "kind": kind, "status": status, "error": error})
    return [log, last]


def wrapped(value: Json) -> Json:
    """The result of a run as it is shown: always an object (spec c.4)."""
    return value if isinstance(value, dict) else {"result": value}


@dataclass(frozen=True, slots=True)
class Entry:
    """A value in an account's key/value store. `version` counts changes, `expires` is in seconds since 1970, `place` is where
    the store keeps a long value."""

    key: str
    value: Json
    version: int
    expires: int | None = None
    place: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class EntryChange:
    """Part of a step's own transaction: so a redelivery changes nothing twice. `before` is the version that was read, 0 if
    there was none; `after` None deletes. `leaves` is the place of the value that was read."""

    key: str
    before: int
    after: Entry | None
    leaves: str | None = None

"""A run of a flow: what each step leaves behind, and what is told about it while it goes on (FlowRunner spec h, i).

A run is an `Execution` whose launch names an account. Its steps are numbered by a path: "1", "2", … in order; "7.0.1" is the
first step in branch (or for item) 0 of step "7". A step is written once and never changed. It says where the latest result
of every node before it is, so the next step needs its predecessor and what that points to, and nothing is ever merged but
by the step after parallel branches.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.exact_json import Json
from flowker.model.instant import Instant

RUN_PREFIX = "exec-"
"""What the ids of runs start with."""
START = "0"
"""The path before the first step: what it holds is the run's input."""


class RunStatus(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Level(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Known(BaseModel):
    """What a step hands on. All values are paths of steps; `START` is the run's input.

    `results`: by node id, the step with its latest result. `input`: the step whose value the next node gets as `input`.
    `result`: the latest successful one. `shared`: the step that last changed `shared`. `visits` counts nodes entered.
    """

    model_config = ConfigDict(frozen=True)

    results: Mapping[str, str] = {}
    input: str = START
    result: str | None = None
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

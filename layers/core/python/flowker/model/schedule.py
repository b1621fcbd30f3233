"""A schedule: a flow that is run by the clock (FlowRunner spec d.11), or a workflow that is started by it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from flowker.model.cron import cron, time_zone
from flowker.model.instant import Instant, instant
from flowker.model.workflow import Launch

MOST_KEPT = 10
"""Of the latest runs, how many a schedule knows."""
MOST_PAYLOAD = 64 * 1024
"""Bytes of JSON: as much as an item holds of the input of a run or an execution."""


class Fired(BaseModel):
    """A run or an execution that a schedule has started, and the time that it was due."""

    model_config = ConfigDict(frozen=True)

    scheduled_for: Instant
    execution_id: str


class Schedule(BaseModel):
    """`owner_id` is an account, or a workflow; `id` is unique in it, and for a workflow that of the trigger. What starts is the
    flow `flow_id`, or `launch` of a workflow; the other one is None. `payload` is the input. `fired` are the latest starts,
    the newest first; `changes` counts writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    owner_id: str
    flow_id: str | None = None
    launch: Launch | None = None
    cron: str
    timezone: str = "UTC"
    payload: Mapping[str, Any] = {}
    next_run_at: Instant
    created_at: Instant
    fired: tuple[Fired, ...] = ()
    changes: int = 1

    @model_validator(mode="after")
    def _starts_one_thing(self) -> Self:
        if (self.flow_id is None) == (self.launch is None):
            raise ValueError("a schedule is for a flow or for a workflow")
        return self


def due_after(expression: str, timezone: str, after: datetime) -> Instant | None:
    """When a schedule is due next; None if not in forty years. Raises `CronError`."""
    found = cron(expression).following(after, time_zone(timezone))
    return None if found is None else instant(found)

"""A schedule: a flow that is run by the clock (FlowRunner spec d.11)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.cron import cron, time_zone
from flowker.model.instant import Instant, instant

MOST_KEPT = 10
"""Of the latest runs, how many a schedule knows."""


class Fired(BaseModel):
    """A run that a schedule has started, and the time that it was due."""

    model_config = ConfigDict(frozen=True)

    scheduled_for: Instant
    execution_id: str


class Schedule(BaseModel):
    """`id` is unique in the account. `payload` is the input of the runs. `fired` are the latest runs, the newest first;
    `changes` counts writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    account_id: str
    flow_id: str
    cron: str
    timezone: str = "UTC"
    payload: Mapping[str, Any] = {}
    next_run_at: Instant
    created_at: Instant
    fired: tuple[Fired, ...] = ()
    changes: int = 1


def due_after(expression: str, timezone: str, after: datetime) -> Instant | None:
    """When a schedule is due next; None if not in forty years. Raises `CronError`."""
    found = cron(expression).following(after, time_zone(timezone))
    return None if found is None else instant(found)

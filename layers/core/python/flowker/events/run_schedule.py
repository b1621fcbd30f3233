"""A schedule is due: EventBridge Scheduler calls, at least once for each time (FlowRunner spec d.11)."""

from datetime import datetime
from typing import Any

from flowker import wiring
from flowker.model.instant import instant
from flowker.observability import observed
from flowker.wiring.schedules import schedules

Event = dict[str, Any]


def handle(event: Event, context: object) -> dict[str, Any]:
    """`{ownerId, scheduleId, scheduledFor, setAt}`, the times in RFC 3339. Answers `{executionId}`, null if nothing was to be
    started. Raises `StoreUnavailable`."""
    scheduled_for = instant(datetime.fromisoformat(event["scheduledFor"]))
    with observed(wiring.home().settings):
        owner_id = event["ownerId"] if "ownerId" in event else event["accountId"]  # set by an earlier version
        started = schedules().fire(owner_id, event["scheduleId"], scheduled_for, event["setAt"])
        return {"executionId": started}

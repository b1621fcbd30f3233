"""What schedules of flows and of workflows have in common: when one is due, something begins, once for each time (FlowRunner
spec d.11).

A timer without a schedule removes itself when it calls; a schedule without a timer would never run. So a timer is set before
its schedule is stored.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from flowker.errors import ChangedConcurrently, FlowkerError, IdempotencyKeyReused
from flowker.model.cron import CronError
from flowker.model.instant import Instant, instant, moment
from flowker.model.schedule import MOST_KEPT, Fired, Schedule, due_after
from flowker.ports import Clock
from flowker.ports.schedules import ScheduleStore, Timer

logger = logging.getLogger(__name__)

AT_ONCE = 100
"""Schedules that one look at the clock starts."""
RACES = 5
"""How often a schedule is changed while others change it."""
BEING_STORED = timedelta(minutes=5)
"""So long a timer may call before its schedule is stored."""


class NothingToStart(Exception):
    """What the schedule is for is gone; the text says so."""


class Start(Protocol):
    """What a schedule is for."""

    def __call__(self, schedule: Schedule, scheduled_for: Instant, key: str) -> str:
        """Begin it, once for this idempotency key, which no client can send; returns the execution's id. Raises
        `NothingToStart`, `IdempotencyKeyReused` if the schedule has changed since, `StoreUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Schedules:
    store: ScheduleStore
    timer: Callable[[], Timer]
    clock: Clock
    start: Start

    def delete(self, owner_id: str, schedule_id: str) -> bool:
        """False if there was none. The timer is cleared first, because then a deletion that broke off is found and repeated.
        Raises `StoreUnavailable`."""
        if self.store.get(owner_id, schedule_id) is None:
            return False
        self.timer().clear(owner_id, schedule_id)
        return self.store.delete(owner_id, schedule_id)

    def fire(
        self, owner_id: str, schedule_id: str, scheduled_for: Instant, set_at: Instant | None = None
    ) -> str | None:
        """Start what this time is for, once: repeating it starts nothing new. Returns the id of what was started, None if there
        is nothing to start. `set_at` is when the timer that calls was set. Raises `StoreUnavailable`."""
        schedule = self.store.get(owner_id, schedule_id)
        about = {"owner_id": owner_id, "schedule_id": schedule_id}
        if schedule is None:
            if set_at is None or moment(scheduled_for) - moment(set_at) > BEING_STORED:
                logger.warning("a timer without a schedule is removed", extra=about)
                self.timer().clear(owner_id, schedule_id)
            return None
        if scheduled_for <= schedule.created_at:
            return None  # of an earlier schedule of this name, whose timer was late
        key = f"\x01schedule\x01{owner_id}\x01{schedule_id}\x01{scheduled_for}"
        started = None
        try:
            started = self.start(schedule, scheduled_for, key)
        except NothingToStart as gone:
            logger.warning("a schedule is removed: %s", gone, extra=about)
            self.delete(owner_id, schedule_id)
            return None
        except IdempotencyKeyReused:
            logger.info("this time was taken before the schedule was changed", extra=about)
        self._advance(schedule, scheduled_for, started)
        return started

    def fire_due(self) -> int:
        """Start what is due by now, where nobody else calls; returns how many that were. Of times that passed while nobody
        looked only the first is made up for. One schedule that cannot be run keeps no other from its turn."""
        now = instant(self.clock.now())
        begun = 0
        for owner_id, schedule_id in self.store.due(now, AT_ONCE):
            try:
                schedule = self.store.get(owner_id, schedule_id)
                if schedule is not None and schedule.next_run_at <= now:
                    begun += self.fire(owner_id, schedule_id, schedule.next_run_at) is not None
            except (FlowkerError, CronError) as problem:  # a time zone may be gone from the database of them
                about = {"owner_id": owner_id, "schedule_id": schedule_id}
                logger.warning("a schedule is due and could not be run yet: %s", problem, extra=about)
        return begun

    def _advance(self, schedule: Schedule, scheduled_for: Instant, started: str | None) -> None:
        """Note what was started, and when the schedule is due next. Raises `ChangedConcurrently`."""
        current: Schedule | None = schedule
        for _ in range(RACES):
            if current is None:
                return
            after = _after(current, scheduled_for, started, self.clock.now())
            if after is None:
                self.delete(current.owner_id, current.id)
                return
            if after == current or self.store.put(current, after):
                return
            current = self.store.get(current.owner_id, current.id)
        raise ChangedConcurrently("the schedule is being changed by others")


def _after(schedule: Schedule, scheduled_for: Instant, started: str | None, now: datetime) -> Schedule | None:
    """The schedule once it has run for a time; None if it is never due again."""
    next_run_at = due_after(schedule.cron, schedule.timezone, max(now, moment(scheduled_for)))
    if next_run_at is None:
        return None
    fired = schedule.fired
    if started is not None and started not in {each.execution_id for each in fired}:
        fired = (Fired(scheduled_for=scheduled_for, execution_id=started), *fired)[:MOST_KEPT]
    return schedule.model_copy(update={"next_run_at": next_run_at, "fired": fired})

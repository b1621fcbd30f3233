"""Flows that are run by the clock: a flow makes a schedule, and when it is due its run begins like any other (FlowRunner spec
d.11).

A timer without a schedule removes itself when it calls; a schedule without a timer would never run. So a timer is set before
its schedule is stored. It is cleared before that is deleted, because then a deletion that broke off is found and repeated.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flowker.errors import (
    ChangedConcurrently,
    ExecutionNotFound,
    FlowkerError,
    FlowNotFound,
    IdempotencyKeyReused,
)
from flowker.model.audit import Actor, ActorType, acting
from flowker.model.cron import CronError
from flowker.model.instant import Instant, instant, moment
from flowker.model.run import RunStatus, status_of
from flowker.model.schedule import MOST_KEPT, Fired, Schedule, due_after
from flowker.ports import Clock
from flowker.ports.flows import FlowStore
from flowker.ports.schedules import ScheduleStore, Timer
from flowker.usecases.runs import Runs

logger = logging.getLogger(__name__)

MOST_SCHEDULES = 100
"""Of an account."""
AT_ONCE = 100
"""Schedules that one look at the clock starts."""
RACES = 5
"""How often a schedule is changed while others change it."""
BEING_STORED = timedelta(minutes=5)
"""So long a timer may call before its schedule is stored."""


class TooManySchedules(Exception):
    """The account has as many as it may have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a flow asks for; an account's schedule of the same id is replaced."""

    account_id: str
    id: str
    flow_id: str
    cron: str
    timezone: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Schedules:
    """Every method takes the account; a schedule of another one does not exist for it."""

    store: ScheduleStore
    timer: Callable[[], Timer]
    flows: FlowStore
    runs: Runs
    clock: Clock

    def schedule(self, wanted: Wanted) -> Schedule:
        """Make a schedule, or replace it; repeating that changes nothing else. Raises `CronError`, `FlowNotFound`,
        `TooManySchedules`, `ChangedConcurrently`, `StoreUnavailable`."""
        next_run_at = due_after(wanted.cron, wanted.timezone, self.clock.now())
        if next_run_at is None:
            raise CronError("is never due")
        self.flows.head(wanted.account_id, wanted.flow_id)
        for _ in range(RACES):
            before = self.store.get(wanted.account_id, wanted.id)
            if before is None and len(self.store.of_account(wanted.account_id)) >= MOST_SCHEDULES:
                raise TooManySchedules(f"an account has at most {MOST_SCHEDULES} schedules")
            after = Schedule(
                id=wanted.id,
                account_id=wanted.account_id,
                flow_id=wanted.flow_id,
                cron=wanted.cron,
                timezone=wanted.timezone,
                payload=wanted.payload,
                next_run_at=next_run_at,
                created_at=before.created_at if before else instant(self.clock.now()),
                fired=before.fired if before else (),
            )
            self.timer().set(after)
            if self.store.put(before, after):
                return after
        raise ChangedConcurrently("the schedule is being changed by others; try again")

    def all(self, account_id: str) -> Sequence[Schedule]:
        """By id."""
        return self.store.of_account(account_id)

    def get(self, account_id: str, schedule_id: str) -> Schedule | None:
        return self.store.get(account_id, schedule_id)

    def latest(self, schedule: Schedule) -> Sequence[tuple[Fired, RunStatus]]:
        """Its latest runs that are still kept, the newest first."""
        found = []
        for fired in schedule.fired:
            try:
                execution = self.runs.store.get(fired.execution_id)
            except ExecutionNotFound:
                continue
            found.append((fired, status_of(execution)))
        return found

    def delete(self, account_id: str, schedule_id: str) -> bool:
        """False if there was none. Raises `StoreUnavailable`."""
        if self.store.get(account_id, schedule_id) is None:
            return False
        self.timer().clear(account_id, schedule_id)
        return self.store.delete(account_id, schedule_id)

    def delete_all(self, account_id: str) -> None:
        """Delete the schedules of an account that is gone; repeating it deletes what came meanwhile."""
        for schedule in self.store.of_account(account_id):
            self.delete(account_id, schedule.id)

    def fire(
        self, account_id: str, schedule_id: str, scheduled_for: Instant, set_at: Instant | None = None
    ) -> str | None:
        """Run the flow for this time, once: repeating it starts nothing new. Returns the run's id, None if there is nothing
        to run. `set_at` is when the timer that calls was set. Raises `StoreUnavailable`."""
        schedule = self.store.get(account_id, schedule_id)
        about = {"account_id": account_id, "schedule_id": schedule_id}
        if schedule is None:
            if set_at is None or moment(scheduled_for) - moment(set_at) > BEING_STORED:
                logger.warning("a timer without a schedule is removed", extra=about)
                self.timer().clear(account_id, schedule_id)
            return None
        key = f"\x01schedule\x01{schedule_id}\x01{scheduled_for}"  # no client can send such a key
        try:
            with acting(Actor(ActorType.USER, account_id)):
                run_id = self.runs.start(
                    account_id, schedule.flow_id, dict(schedule.payload), key
                ).execution.id
        except FlowNotFound:
            logger.warning(
                "a schedule is removed: its flow is gone", extra={**about, "flow_id": schedule.flow_id}
            )
            self.delete(account_id, schedule_id)
            return None
        except IdempotencyKeyReused:
            logger.info("this time was taken before the schedule was changed", extra=about)
            run_id = None
        self._advance(schedule, scheduled_for, run_id)
        return run_id

    def fire_due(self) -> int:
        """Run what is due by now, where nobody else calls; returns how many runs that were. Of times that passed while
        nobody looked only the first is made up for. One schedule that cannot be run keeps no other from its turn."""
        now = instant(self.clock.now())
        begun = 0
        for account_id, schedule_id in self.store.due(now, AT_ONCE):
            try:
                schedule = self.store.get(account_id, schedule_id)
                if schedule is not None and schedule.next_run_at <= now:
                    begun += self.fire(account_id, schedule_id, schedule.next_run_at) is not None
            except FlowkerError as problem:
                about = {"account_id": account_id, "schedule_id": schedule_id}
                logger.warning("a schedule is due and could not be run yet: %s", problem, extra=about)
        return begun

    def _advance(self, schedule: Schedule, scheduled_for: Instant, run_id: str | None) -> None:
        """Note the run, and when the schedule is due next. Raises `ChangedConcurrently`."""
        current: Schedule | None = schedule
        for _ in range(RACES):
            if current is None:
                return
            after = _after(current, scheduled_for, run_id, self.clock.now())
            if after is None:
                self.delete(current.account_id, current.id)
                return
            if after == current or self.store.put(current, after):
                return
            current = self.store.get(current.account_id, current.id)
        raise ChangedConcurrently("the schedule is being changed by others")


def _after(schedule: Schedule, scheduled_for: Instant, run_id: str | None, now: datetime) -> Schedule | None:
    """The schedule once it has run for a time; None if it is never due again."""
    next_run_at = due_after(schedule.cron, schedule.timezone, max(now, moment(scheduled_for)))
    if next_run_at is None:
        return None
    fired = schedule.fired
    if run_id is not None and run_id not in {each.execution_id for each in fired}:
        fired = (Fired(scheduled_for=scheduled_for, execution_id=run_id), *fired)[:MOST_KEPT]
    return schedule.model_copy(update={"next_run_at": next_run_at, "fired": fired})

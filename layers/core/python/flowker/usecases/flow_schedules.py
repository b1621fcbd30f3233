"""Flows that are run by the clock: a flow makes a schedule, and when it is due its run begins like any other (FlowRunner spec
d.11)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.errors import ChangedConcurrently, ExecutionNotFound, FlowNotFound
from flowker.model.audit import Actor, ActorType, acting
from flowker.model.cron import CronError
from flowker.model.instant import instant
from flowker.model.run import RunStatus, status_of
from flowker.model.schedule import Fired, Schedule, due_after
from flowker.ports.flows import FlowStore
from flowker.usecases.runs import Runs
from flowker.usecases.schedules import RACES, NothingToStart, Schedules

MOST_SCHEDULES = 100
"""Of an account."""


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
class FlowSchedules:
    """Every method takes the account; a schedule of another one does not exist for it."""

    schedules: Schedules
    flows: FlowStore
    runs: Runs

    def schedule(self, wanted: Wanted) -> Schedule:
        """Make a schedule, or replace it; repeating that changes nothing else. Raises `CronError`, `FlowNotFound`,
        `TooManySchedules`, `ChangedConcurrently`, `StoreUnavailable`."""
        store, clock = self.schedules.store, self.schedules.clock
        next_run_at = due_after(wanted.cron, wanted.timezone, clock.now())
        if next_run_at is None:
            raise CronError("is never due")
        self.flows.head(wanted.account_id, wanted.flow_id)
        for _ in range(RACES):
            before = store.get(wanted.account_id, wanted.id)
            if before is None and len(store.of_owner(wanted.account_id)) >= MOST_SCHEDULES:
                raise TooManySchedules(f"an account has at most {MOST_SCHEDULES} schedules")
            after = Schedule(
                id=wanted.id,
                owner_id=wanted.account_id,
                flow_id=wanted.flow_id,
                cron=wanted.cron,
                timezone=wanted.timezone,
                payload=wanted.payload,
                next_run_at=next_run_at,
                created_at=before.created_at if before else instant(clock.now()),
                fired=before.fired if before else (),
            )
            self.schedules.timer().set(after)
            if store.put(before, after):
                return after
        raise ChangedConcurrently("the schedule is being changed by others; try again")

    def all(self, account_id: str) -> Sequence[Schedule]:
        """By id."""
        return self.schedules.store.of_owner(account_id)

    def get(self, account_id: str, schedule_id: str) -> Schedule | None:
        return self.schedules.store.get(account_id, schedule_id)

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
        return self.schedules.delete(account_id, schedule_id)

    def delete_all(self, account_id: str) -> None:
        """Delete the schedules of an account that is gone; repeating it deletes what came meanwhile."""
        for schedule in self.all(account_id):
            self.delete(account_id, schedule.id)


def start_flow(runs: Runs, schedule: Schedule, key: str) -> str:
    """The id of the run that begins, see `usecases.schedules.Start`."""
    account_id, flow_id = schedule.owner_id, str(schedule.flow_id)
    try:
        with acting(Actor(ActorType.USER, account_id)):
            return runs.start(account_id, flow_id, dict(schedule.payload), key).execution.id
    except FlowNotFound:
        raise NothingToStart(f"its flow is gone: {flow_id}") from None

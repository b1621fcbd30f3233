"""Schedules of flows and of workflows, and the clock that tells when they are due."""

from collections.abc import Sequence
from typing import Protocol

from flowker.model.schedule import Schedule


class ScheduleStore(Protocol):
    """Schedules of accounts and of workflows; one of another owner is one that does not exist. Those of workflows come and go
    with their activation, see `ports.WorkflowStore`."""

    def put(self, before: Schedule | None, after: Schedule) -> bool:
        """Store it if `before` is still what is stored, None for nothing. False if it is not; then nothing has changed."""
        ...

    def get(self, owner_id: str, schedule_id: str) -> Schedule | None: ...

    def of_owner(self, owner_id: str) -> Sequence[Schedule]:
        """By id."""
        ...

    def delete(self, owner_id: str, schedule_id: str) -> bool:
        """False if there was none."""
        ...

    def due(self, until: str, limit: int) -> Sequence[tuple[str, str]]:
        """Owner and id of schedules that are due at this time or before, those that have waited the longest first. May be a
        little late."""
        ...


class Timer(Protocol):
    """What calls when a schedule is due. Where nobody has to be asked, both do nothing."""

    def set(self, schedule: Schedule) -> None:
        """From now on call at the times of this schedule and no others. Raises `StoreUnavailable`."""
        ...

    def clear(self, owner_id: str, schedule_id: str) -> None:
        """Call no more; repeating it changes nothing. Raises `StoreUnavailable`."""
        ...

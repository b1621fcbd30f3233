"""Numbers at a glance, from counters that every change of status maintains (Flowker spec j.1)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowker.errors import InvalidDashboardFilter
from flowker.model.execution import ExecutionStatus
from flowker.model.workflow import WorkflowStatus
from flowker.ports import Counters


@dataclass(frozen=True, slots=True)
class Dashboards:
    counters: Counters

    def workflows(self) -> dict[str, Any]:
        """`{total, active, byStatus: [{status, count}]}`, every status listed in the order of the lifecycle [R]."""
        counted = self.counters.workflows()
        by_status = [{"status": status, "count": counted.get(status, 0)} for status in WorkflowStatus]
        return {
            "total": sum(counted.get(status, 0) for status in WorkflowStatus),
            "active": counted.get(WorkflowStatus.ACTIVE, 0),
            "byStatus": by_status,
        }

    def executions(
        self, start: datetime | None, end: datetime | None, status: ExecutionStatus | None
    ) -> dict[str, int]:
        """`{total, completed, failed, pending, running}` of those started from `start` to `end`, both included. With a
        status the others are 0. Raises `InvalidDashboardFilter`."""
        if start and end and start > end:
            raise InvalidDashboardFilter(
                "startTime must be before endTime", fields={"startTime": "must not be after endTime"}
            )
        counted = self.counters.executions(start, end)
        asked = [status] if status else list(ExecutionStatus)
        numbers = {each.value: counted.get(each, 0) if each in asked else 0 for each in ExecutionStatus}
        return {
            "total": sum(numbers.values()),
            **{name: numbers[name] for name in ("completed", "failed", "pending", "running")},
        }

"""Workflows that are started by the clock: an active workflow's trigger of type `schedule` starts one execution each time it is
due (an extension of Flowker spec g.3).

Like webhook routes, schedules are stored in the transaction that activates the workflow, and are gone with the one that
deactivates it. Timers cannot be: they are set before, and cleared after.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowker.errors import Unavailable
from flowker.model.graph import Graph, Node
from flowker.model.instant import Instant, instant
from flowker.model.schedule import Schedule, due_after
from flowker.model.workflow import Launch, Workflow
from flowker.nodes.trigger import trigger_type
from flowker.ports.schedules import ScheduleStore, Timer
from flowker.usecases.executions import Executions, fingerprint_of

logger = logging.getLogger(__name__)

SCHEDULE = "schedule"
"""The trigger's type."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What a trigger asks for."""

    cron: str
    timezone: str
    payload: Mapping[str, Any]


def declared(node: Node) -> Declared | None:
    """What the node asks for, if it is such a trigger. It need not be right, see `usecases.triggers`."""
    if trigger_type(node) != SCHEDULE:
        return None
    given = node.settings
    return Declared(given.get("schedule", ""), given.get("timezone", "UTC"), given.get("input", {}))


def schedules_of(graph: Graph, launches: Mapping[str, Launch], now: datetime) -> list[Schedule]:
    """The schedules that activating a graph makes, given how each trigger launches."""
    found = []
    for node in graph.nodes:
        wanted = declared(node)
        next_run_at = wanted and due_after(wanted.cron, wanted.timezone, now)
        if wanted and next_run_at:
            found.append(
                Schedule(
                    id=node.id,
                    owner_id=launches[node.id].workflow_id,
                    launch=launches[node.id],
                    cron=wanted.cron,
                    timezone=wanted.timezone,
                    payload=wanted.payload,
                    next_run_at=next_run_at,
                    created_at=instant(now),
                )
            )
    return found


@dataclass(frozen=True, slots=True)
class WorkflowTimers:
    """The timers of workflows' schedules."""

    store: ScheduleStore
    timer: Callable[[], Timer]

    def set(self, schedules: Sequence[Schedule]) -> None:
        """Before they are stored: a timer without a schedule removes itself. Raises `StoreUnavailable`."""
        for schedule in schedules:
            self.timer().set(schedule)

    def restore(self, workflow: Workflow) -> None:
        """After an activation. Whoever was overtaken by another one has set its own timers, and the schedules are the other
        one's; whoever was not may have met a deactivation that was late, and cleared the timers before they were needed."""
        self._each(workflow, self._set_as_stored)

    def clear(self, workflow: Workflow) -> None:
        """After the workflow was deactivated. Whoever has activated it again meanwhile keeps its timers."""
        self._each(workflow, self._clear)

    def _each(self, workflow: Workflow, do: Callable[[str, str], None]) -> None:
        """What the workflow is now is decided, so a failure is only noted."""
        for node in workflow.graph.nodes:
            if declared(node) is None:
                continue
            try:
                do(workflow.id, node.id)
            except Unavailable as error:
                about = {"owner_id": workflow.id, "schedule_id": node.id}
                logger.warning("a timer is not what it should be yet: %s", error, extra=about)

    def _clear(self, workflow_id: str, node_id: str) -> None:
        self.timer().clear(workflow_id, node_id)
        self._set_as_stored(workflow_id, node_id)

    def _set_as_stored(self, workflow_id: str, node_id: str) -> None:
        stored = self.store.get(workflow_id, node_id)
        if stored is not None:
            self.timer().set(stored)


def input_of(payload: Mapping[str, Any], trigger: str, scheduled_for: Instant) -> Mapping[str, Any]:
    """What an execution is started with: what the trigger says, and in `_schedule` what it was started by."""
    return {**payload, "_schedule": {"trigger": trigger, "scheduled_for": scheduled_for}}


def start_workflow(
    executions: Executions, launch: Launch, schedule: Schedule, scheduled_for: Instant, key: str
) -> str:
    """The id of the execution that begins, see `usecases.schedules.Start`."""
    data = input_of(schedule.payload, schedule.id, scheduled_for)
    return executions.launch(launch, data, key, fingerprint_of(launch.workflow_id, data)).execution.id

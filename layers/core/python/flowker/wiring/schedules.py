"""What stands behind schedules: those of flows, those of workflows, and what they have in common."""

from typing import TYPE_CHECKING

from flowker.wiring import executions, home, per_home

if TYPE_CHECKING:
    from flowker.adapters.stores.schedules import ItemScheduleStore
    from flowker.model.instant import Instant
    from flowker.model.schedule import Schedule
    from flowker.usecases.flow_schedules import FlowSchedules
    from flowker.usecases.schedules import Schedules
    from flowker.usecases.workflow_schedules import WorkflowTimers


@per_home
def schedule_store() -> "ItemScheduleStore":
    from flowker.adapters.stores.schedules import ItemScheduleStore

    return ItemScheduleStore(home().table)


@per_home
def schedules() -> "Schedules":
    from flowker.usecases.schedules import Schedules

    return Schedules(schedule_store(), home().timer, home().clock, _start)


def _start(schedule: "Schedule", scheduled_for: "Instant", key: str) -> str:
    if schedule.launch is None:
        from flowker.usecases.flow_schedules import start_flow
        from flowker.wiring.runs import runs

        return start_flow(runs(), schedule, key)
    from flowker.usecases.workflow_schedules import start_workflow

    return start_workflow(executions(), schedule.launch, schedule, scheduled_for, key)


@per_home
def flow_schedules() -> "FlowSchedules":
    from flowker.usecases.flow_schedules import FlowSchedules
    from flowker.wiring.flows import flow_store
    from flowker.wiring.runs import runs

    return FlowSchedules(schedules(), flow_store(), runs())


@per_home
def workflow_timers() -> "WorkflowTimers":
    from flowker.usecases.workflow_schedules import WorkflowTimers

    return WorkflowTimers(schedule_store(), home().timer)

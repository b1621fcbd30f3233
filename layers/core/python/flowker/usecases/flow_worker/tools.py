"""What the worker of flows works with."""

from collections.abc import Callable
from dataclasses import dataclass

from flowker.nodes.flow.base import Mail, Sql
from flowker.ports import Clock, Http, StateMachines
from flowker.ports.accounts import Secrets
from flowker.ports.flows import FlowStore
from flowker.ports.runs import RunStore, Scripts
from flowker.usecases.flow_plans import FlowPlans
from flowker.usecases.flow_schedules import FlowSchedules
from flowker.usecases.run_starts import RunStarts


@dataclass(frozen=True, slots=True)
class FlowTools:
    """`step_limit` is how many nodes a run may enter."""

    store: RunStore
    plans: FlowPlans
    flows: FlowStore
    secrets: Secrets
    starts: RunStarts
    machines: StateMachines
    scripts: Scripts
    http: Http
    mail: Mail
    clock: Clock
    sleep: Callable[[float], None]
    step_limit: int = 1000
    schedules: FlowSchedules | None = None
    sql: Sql | None = None

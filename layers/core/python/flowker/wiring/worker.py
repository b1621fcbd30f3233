"""What the worker works with that runs the nodes of flows."""

from typing import TYPE_CHECKING

from flowker.wiring import home, per_home
from flowker.wiring.flows import flow_store
from flowker.wiring.runs import flow_plans, run_starts, run_store
from flowker.wiring.schedules import flow_schedules
from flowker.wiring.secrets import secret_store

if TYPE_CHECKING:
    from flowker.adapters.mail import NetworkMail
    from flowker.nodes.flow.base import Sql
    from flowker.usecases.flow_worker.steps import FlowSteps


def _mail() -> "NetworkMail":
    from flowker.adapters.destinations import Destinations
    from flowker.adapters.mail import NetworkMail

    return NetworkMail(Destinations(allow_private=home().settings.allow_private_destinations))


def _databases() -> "Sql":
    from flowker.adapters.destinations import Destinations
    from flowker.adapters.postgres import PostgresServers

    return PostgresServers(Destinations(allow_private=home().settings.allow_private_destinations))


@per_home
def flow_steps() -> "FlowSteps":
    from flowker.usecases.flow_worker.steps import FlowSteps
    from flowker.usecases.flow_worker.tools import FlowTools

    return FlowSteps(
        FlowTools(
            store=run_store(),
            plans=flow_plans(),
            flows=flow_store(),
            secrets=secret_store(),
            starts=run_starts(),
            machines=home().machines,
            scripts=home().scripts(),
            http=home().http(),
            mail=_mail(),
            clock=home().clock,
            sleep=home().sleep,
            step_limit=home().settings.step_limit,
            schedules=flow_schedules(),
            sql=_databases(),
        )
    )

"""What stands behind runs of flows."""

from dataclasses import replace
from typing import TYPE_CHECKING

from flowker.wiring import executions, home, per_home, workflow_store
from flowker.wiring.flows import flow_store

if TYPE_CHECKING:
    from flowker.adapters.stores.runs import ItemRunStore
    from flowker.usecases.executions import Executions
    from flowker.usecases.flow_plans import FlowPlans
    from flowker.usecases.leftovers import Sweeping
    from flowker.usecases.run_starts import RunStarts
    from flowker.usecases.runs import Runs


@per_home
def run_store() -> "ItemRunStore":
    from flowker.adapters.stores.runs import ItemRunStore

    return ItemRunStore(home().table, home().blobs, home().settings.retention_days * 24 * 3600)


@per_home
def run_executions() -> "Executions":
    """What is done for runs as for executions of workflows: started again, ended."""
    return replace(executions(), executions=run_store())


@per_home
def flow_plans() -> "FlowPlans":
    from flowker.nodes.flow.registry import FLOW_NODE_TYPES
    from flowker.usecases.flow_plans import FlowPlans

    return FlowPlans(workflow_store(), FLOW_NODE_TYPES)


@per_home
def run_starts() -> "RunStarts":
    from flowker.usecases.run_starts import RunStarts

    return RunStarts(
        store=run_store(),
        plans=flow_plans(),
        machines=home().machines,
        clock=home().clock,
        ids=home().ids,
    )


@per_home
def sweeping() -> "Sweeping":
    from flowker.adapters.stores.leftovers import ItemLeftovers
    from flowker.usecases.leftovers import Sweeping

    return Sweeping(ItemLeftovers(home().table, home().blobs), home().clock)


@per_home
def runs() -> "Runs":
    from flowker.usecases.runs import Runs

    return Runs(
        executions=run_executions(),
        store=run_store(),
        flows=flow_store(),
        starts=run_starts(),
        machines=home().machines,
        clock=home().clock,
        ids=home().ids,
    )

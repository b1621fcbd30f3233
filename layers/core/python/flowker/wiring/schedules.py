"""What stands behind schedules of flows."""

from typing import TYPE_CHECKING

from flowker.wiring import home, per_home
from flowker.wiring.flows import flow_store
from flowker.wiring.runs import runs

if TYPE_CHECKING:
    from flowker.adapters.stores.schedules import ItemScheduleStore
    from flowker.usecases.schedules import Schedules


@per_home
def schedule_store() -> "ItemScheduleStore":
    from flowker.adapters.stores.schedules import ItemScheduleStore

    return ItemScheduleStore(home().table)


@per_home
def schedules() -> "Schedules":
    from flowker.usecases.schedules import Schedules

    return Schedules(schedule_store(), home().timer, flow_store(), runs(), home().clock)

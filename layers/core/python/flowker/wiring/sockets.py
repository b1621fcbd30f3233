"""What sockets need."""

from typing import TYPE_CHECKING

from flowker.wiring import home, per_home

if TYPE_CHECKING:
    from flowker.adapters.stores.connections import ItemConnectionStore
    from flowker.ports.sockets import Pusher, Sockets
    from flowker.usecases.pushing import Pushing
    from flowker.usecases.updates import Updates


@per_home
def connection_store() -> "ItemConnectionStore":
    from flowker.adapters.stores.connections import ItemConnectionStore

    return ItemConnectionStore(home().table)


@per_home
def _sockets() -> "Sockets":
    return home().sockets()


@per_home
def pusher() -> "Pusher":
    return home().pusher()


@per_home
def updates() -> "Updates":
    from flowker.usecases.updates import Updates
    from flowker.wiring.runs import run_store

    return Updates(
        connections=connection_store(),
        runs=run_store(),
        sockets=_sockets,
        pusher=pusher,
        clock=home().clock,
    )


@per_home
def pushing() -> "Pushing":
    from flowker.usecases.pushing import Pushing
    from flowker.wiring.runs import run_store

    return Pushing(
        connections=connection_store(),
        runs=run_store(),
        sockets=_sockets,
        pusher=pusher,
        clock=home().clock,
    )

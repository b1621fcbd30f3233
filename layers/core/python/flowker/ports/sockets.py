"""Sockets that follow runs, as the use cases see them (FlowRunner spec i)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket. `sent` is the number of the last event that it was sent; `expires` when its token does, seconds since 1970."""

    id: str
    execution_id: str
    account_id: str
    token_id: str
    sent: int
    expires: int


class ConnectionGone(Exception):
    """The other end has left."""


class ConnectionStore(Protocol):
    def add(self, connection: Connection, ticket: str | None = None) -> None:
        """With a ticket: only if that was not used before. Raises `TicketUsed`."""
        ...

    def get(self, connection_id: str) -> Connection | None: ...

    def of_run(self, execution_id: str) -> Sequence[Connection]: ...

    def of_account(self, account_id: str) -> Sequence[Connection]: ...

    def sent(self, connections: Sequence[Connection]) -> None:
        """Note how far each of them has been sent; those that are gone stay gone."""
        ...

    def remove(self, connection_id: str) -> None: ...

    def lease(self, execution_id: str, holder: str, until: int) -> bool:
        """Become the only pusher of a run for a while. False if another one is."""
        ...

    def release(self, execution_id: str, holder: str) -> None: ...

    def due(self, until: int, limit: int) -> Sequence[Connection]:
        """Those whose token has expired by then."""
        ...


class Sockets(Protocol):
    """The gateway's side of the connections."""

    def post(self, connection_id: str, message: str) -> None:
        """Raises `ConnectionGone`, `StoreUnavailable`."""
        ...

    def close(self, connection_id: str) -> None:
        """One that is gone stays gone. Raises `StoreUnavailable`."""
        ...


class Pusher(Protocol):
    def wake(self, execution_id: str) -> None:
        """Let somebody push the events of a run, soon, in another invocation."""
        ...

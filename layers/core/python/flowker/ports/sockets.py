"""Sockets that follow runs, as the use cases see them (FlowRunner spec i). Times are in seconds since 1970."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Connection:
    """A socket. `sent` is the number of the last event that it was sent; `expires` is when its token does."""

    id: str
    execution_id: str
    account_id: str
    token_id: str
    sent: int
    expires: int
    connected: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Opens one socket on one run until `expires`, instead of a token. Only its digest is known here; `token_id` and
    `token_expires` are of the token that asked for it."""

    digest: str
    execution_id: str
    account_id: str
    token_id: str
    token_expires: int
    expires: int


class ConnectionStore(Protocol):
    def issue(self, ticket: Ticket) -> None: ...

    def ticket(self, account_id: str, digest: str) -> Ticket | None:
        """One that was not used yet; it may have expired."""
        ...

    def revoke_tickets(self, account_id: str, token_id: str | None = None) -> None:
        """All of the account, or those that this token asked for."""
        ...

    def add(self, connection: Connection, ticket: Ticket | None = None) -> None:
        """With a ticket: only if that was not used before. Raises `TicketUsed`."""
        ...

    def of_run(self, execution_id: str) -> Sequence[Connection]: ...

    def of_account(self, account_id: str) -> Sequence[Connection]:
        """`sent` may be older than that of `of_run`."""
        ...

    def remove(self, connection_ids: Collection[str]) -> None:
        """Those that are gone already stay gone."""
        ...

    def lease(self, execution_id: str, holder: str, now: int, until: int) -> bool:
        """Become the only pusher of a run for a while, or stay it. False if another one is."""
        ...

    def release(
        self, execution_id: str, holder: str, now: int, sent: Mapping[str, int] | None = None
    ) -> None:
        """Let others push, and note how far each of the connections has been sent, if that was looked at. One that has lost
        its lease releases and notes nothing."""
        ...

    def due(self, until: int, limit: int) -> Sequence[Connection]:
        """Those whose token has expired by then, at most about so many."""
        ...

    def idle(self, since: int) -> Sequence[str]:
        """The runs that somebody follows and that nobody has pushed since then."""
        ...


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of messages: `gone` have left; to `late` ones, more of theirs may go after a moment. All others got all."""

    gone: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()


class Sockets(Protocol):
    """The gateway's side of the connections."""

    def post(self, messages: Mapping[str, Sequence[str]]) -> Posted:
        """To each connection its messages, in order."""
        ...

    def close(self, connection_ids: Collection[str]) -> None:
        """After what was posted before. Those that are gone stay gone. Raises `StoreUnavailable`."""
        ...


class Pusher(Protocol):
    def wake(self, execution_id: str) -> None:
        """Let somebody push the events of a run, soon, in another invocation. Raises `StoreUnavailable`."""
        ...

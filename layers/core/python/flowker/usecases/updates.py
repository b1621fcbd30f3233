"""Sockets that follow runs: who may open one, and when it is closed (FlowRunner spec i.1, i.3). `pushing.py` tells them what
happens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256

from flowker.errors import InvalidQuery, NotFound, RunNotFound, TicketUsed
from flowker.model.account import Principal
from flowker.ports import Clock
from flowker.ports.runs import RunStore
from flowker.ports.sockets import Connection, ConnectionStore, Pusher, Sockets, Ticket

TICKET_SECONDS = 60
DUE_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Updates:
    """The gateway and the pusher are asked for when they are needed, which is seldom."""

    connections: ConnectionStore
    runs: RunStore
    sockets: Callable[[], Sockets]
    pusher: Callable[[], Pusher]
    clock: Clock

    def connect(
        self, connection_id: str, execution_id: str, principal: Principal, since: int, ticket: Ticket | None
    ) -> None:
        """Let a socket follow a run of the account, from behind event `since`. The socket may not be open yet, so somebody
        else is woken to push. Raises `RunNotFound`, `InvalidQuery`, `TicketUsed`."""
        self._check_owner(execution_id, principal)
        if since and not self.runs.events(execution_id, since - 1, 1):
            raise InvalidQuery("since is no event of this execution", fields={"since": "unknown sequence"})
        connection = Connection(
            id=connection_id,
            execution_id=execution_id,
            account_id=principal.account_id,
            token_id=principal.token_id,
            sent=since,
            expires=principal.expires_at,
            connected=self._now(),
        )
        self.connections.add(connection, ticket)
        self.pusher().wake(execution_id)

    def issue(self, execution_id: str, principal: Principal, secret: str) -> tuple[str, int]:
        """A ticket that opens one socket on a run instead of the account's token, and when it expires, in seconds since 1970.
        Whoever knows `secret` knows the ticket. Raises `RunNotFound`."""
        self._check_owner(execution_id, principal)
        expires = min(self._now() + TICKET_SECONDS, principal.expires_at)
        text = f"{principal.account_id}.{secret}"
        self.connections.issue(
            Ticket(
                digest=_digest(text),
                execution_id=execution_id,
                account_id=principal.account_id,
                token_id=principal.token_id,
                token_expires=principal.expires_at,
                expires=expires,
            )
        )
        return text, expires

    def ticket(self, text: str, execution_id: str) -> Ticket:
        """What `issue` issued for this run and `connect` will use up. Raises `TicketUsed`."""
        account_id, _, _ = text.partition(".")
        found = self.connections.ticket(account_id, _digest(text)) if account_id else None
        if found is None or found.expires <= self._now() or found.execution_id != execution_id:
            raise TicketUsed("the ticket is unknown, expired or was used before")
        return found

    def disconnected(self, connection_id: str) -> None:
        """A socket is closed, by whomever."""
        self.connections.remove([connection_id])

    def disconnect(self, account_id: str, token_id: str | None = None) -> None:
        """Close all sockets of an account, or those of one token, once it is revoked. Raises `StoreUnavailable`."""
        self.connections.revoke_tickets(account_id, token_id)
        found = self.connections.of_account(account_id)
        self._close(each.id for each in found if token_id in (None, each.token_id))

    def close_expired(self) -> int:
        """Close the sockets whose tokens have expired; returns how many."""
        return self._close(each.id for each in self.connections.due(self._now(), DUE_AT_A_TIME))

    def _close(self, connection_ids: Iterable[str]) -> int:
        closed = list(connection_ids)
        if closed:
            self.sockets().close(closed)
            self.connections.remove(closed)
        return len(closed)

    def _check_owner(self, execution_id: str, principal: Principal) -> None:
        try:
            owner = self.runs.get(execution_id).launch.account_id
        except NotFound:
            owner = None
        if owner != principal.account_id:
            raise RunNotFound("there is no such execution")

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()

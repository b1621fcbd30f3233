"""Sockets as items: each connection beside the others of its run, of its account, and of those whose tokens expire.

Every item ends by itself (`expires_at`), a little after the longest that a gateway keeps a connection: the safety net for
those whose end nobody reported. How far each connection to a run has been sent is noted in the lease of whoever pushes it, for
all of them at once: that is one write, however many there are.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import (
    ABSENT,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Update,
    Write,
)
from flowker.adapters.stores.record import item, known, read
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.errors import TicketUsed
from flowker.model import exact_json
from flowker.ports.sockets import Connection, Ticket

_LEASE = keys.push_lease("").sk
LIFE = 7800
"""Seconds: API Gateway ends a connection after two hours."""


@dataclass(frozen=True, slots=True)
class ItemConnectionStore:
    """`ports.sockets.ConnectionStore` over a table."""

    table: Table

    def issue(self, ticket: Ticket) -> None:
        key = keys.ticket(ticket.account_id, ticket.digest)
        self.table.write([Put(key.table, item(key, **asdict(ticket), expires_at=ticket.expires))])

    def ticket(self, account_id: str, digest: str) -> Ticket | None:
        (stored,) = read(self.table, [keys.ticket(account_id, digest)])
        return None if stored is None else _ticket_of(stored)

    def revoke_tickets(self, account_id: str, token_id: str | None = None) -> None:
        key = keys.ticket(account_id, "")
        tickets = [_ticket_of(known(each)) for each in self._range(key.pk, keys.TICKETS)]
        revoked = [each for each in tickets if token_id in (None, each.token_id)]
        self._as_far_as_present([Delete(keys.ticket(account_id, each.digest)) for each in revoked])

    def add(self, connection: Connection, ticket: Ticket | None = None) -> None:
        used = [Delete(keys.ticket(ticket.account_id, ticket.digest))] if ticket else []
        attributes = {**asdict(connection), "expires_at": connection.connected + LIFE}
        places = [Put(key.table, item(key, **attributes)) for key in _places(connection)]
        try:
            self.table.write([*used, *places])
        except ConditionFailed as refusal:
            if ticket is None or refusal.index > 0:
                raise
            raise TicketUsed("the ticket was used before") from refusal

    def of_run(self, execution_id: str) -> Sequence[Connection]:
        key = keys.listener(execution_id, "")
        stored = self._range(key.pk)
        sent = [exact_json.loads(str(each["sent"])) for each in stored if each["sk"] == _LEASE]
        reached: Mapping[str, int] = sent[0] if sent else {}
        found = [_connection_of(each) for each in stored if each["sk"] != _LEASE]
        return [replace(each, sent=max(each.sent, reached.get(each.id, 0))) for each in found]

    def of_account(self, account_id: str) -> Sequence[Connection]:
        key = keys.account_socket(account_id, "")
        return [_connection_of(each) for each in self._range(key.pk, key.sk)]

    def remove(self, connection_ids: Collection[str]) -> None:
        heads = read(self.table, map(keys.connection, connection_ids))
        found = [_connection_of(head) for head in heads if head is not None]
        self._as_far_as_present([Delete(key) for each in found for key in _places(each)])

    def lease(self, execution_id: str, holder: str, now: int, until: int) -> bool:
        key = keys.push_lease(execution_id)
        (held,) = read(self.table, [key])
        if held is not None and held["holder"] != holder and int(held["until"]) > now:
            return False
        values: dict[str, str | int] = {"holder": holder, "until": until, "expires_at": until + LIFE}
        new = item(key, execution_id=execution_id, released=0, sent="{}", **values)
        write: Write = Put(key.table, new, ABSENT)
        if held is not None:
            unchanged = Condition(equals={"holder": held["holder"], "until": held["until"]})
            write = Update(key, values, when=unchanged)
        try:
            self.table.write([write])
        except ConditionFailed:
            return False
        return True

    def release(
        self, execution_id: str, holder: str, now: int, sent: Mapping[str, int] | None = None
    ) -> None:
        noted = {} if sent is None else {"sent": exact_json.dumps(dict(sent))}
        own = Condition(equals={"holder": holder})
        free = Update(keys.push_lease(execution_id), {"until": 0, "released": now, **noted}, when=own)
        self._as_far_as_present([free])

    def due(self, until: int, limit: int) -> Sequence[Connection]:
        found: list[Connection] = []
        for shard in keys.shards():
            if len(found) < limit:
                before = keys.socket_due(until + 1, "").sk
                query = Query(keys.EXECUTIONS, keys.sockets_due(shard), before=before, limit=limit)
                found += [_connection_of(each) for each in self.table.query(query)]
        return found

    def idle(self, since: int) -> Sequence[str]:
        everybody = [
            _connection_of(each) for shard in keys.shards() for each in self._range(keys.sockets_due(shard))
        ]
        followed = {each.execution_id: each.connected for each in everybody}
        leases = read(self.table, map(keys.push_lease, followed))
        pushed = {
            str(lease["execution_id"]): max(int(lease["until"]), int(lease["released"]))
            for lease in leases
            if lease is not None
        }
        return [name for name, connected in followed.items() if pushed.get(name, connected) <= since]

    def _range(self, pk: str, prefix: str | None = None) -> Sequence[Item]:
        return self.table.query(Query(keys.EXECUTIONS, pk, prefix=prefix))

    def _as_far_as_present(self, writes: Sequence[Write]) -> None:
        """All of them but those whose item is gone."""
        waiting = list(writes)
        while batch := waiting[:MAX_ITEMS]:
            try:
                self.table.write(batch)
            except ConditionFailed as refusal:
                del waiting[refusal.index]
            else:
                del waiting[:MAX_ITEMS]


def _places(connection: Connection) -> Sequence[Key]:
    """Where it is written."""
    return [
        keys.connection(connection.id),
        keys.listener(connection.execution_id, connection.id),
        keys.account_socket(connection.account_id, connection.id),
        keys.socket_due(connection.expires, connection.id),
    ]


def _connection_of(stored: Item) -> Connection:
    return Connection(**_fields(known(stored), Connection.__slots__))


def _ticket_of(stored: Item) -> Ticket:
    return Ticket(**_fields(stored, Ticket.__slots__))


def _fields(stored: Item, names: Collection[str]) -> dict[str, Any]:
    return {name: stored[name] for name in names}

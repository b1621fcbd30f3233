"""What a change announces, stored in the change's own transaction: audit events, and moves between the counted statuses.

The consumer of the change feed (`stores/chain.py`) chains the events, counts the moves and removes the notice, in one
transaction. So every notice takes effect exactly once, however often it is delivered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Check, ConditionFailed, Item, Key, Put, Table
from flowker.adapters.stores.record import item, known
from flowker.model import exact_json
from flowker.model.audit import Actor, AuditEvent, EventType, Result

WORKFLOWS = "workflows"
"""The counted kinds; see `keys.counts`."""
MOST_EVENTS = 50
"""Events of one notice: the transaction that chains it must have room for them."""
MOST_BYTES = 300_000
"""Of one notice, for the same reason."""


@dataclass(frozen=True, slots=True)
class Move:
    """One thing of a kind went from one status to another; None is not being there. `at` is when an execution was
    accepted, which never changes; workflows are counted without regard to time."""

    kind: str
    before: str | None
    after: str | None
    at: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """The events and the moves of one transaction, or a part of them. `key` says where it waits, `size` how many bytes it
    takes there."""

    key: Key
    events: Sequence[AuditEvent]
    moves: Sequence[Move]
    size: int = 0

    @property
    def name(self) -> str:
        """Tells it apart from all others, in a few characters."""
        return sha256(f"{self.key.pk}/{self.key.sk}".encode()).hexdigest()[:16]


def announcing(owner_id: str, events: Sequence[AuditEvent], moves: Sequence[Move] = ()) -> Sequence[Put]:
    """The writes that announce them, none if there is nothing to say, as a rule one. The first event names the notice, so
    repeating the transaction repeats no notice. Raises `ValueError` for more than can be chained."""
    moving = [move for move in moves if move.before != move.after]
    parts = [events[start : start + MOST_EVENTS] for start in range(0, len(events), MOST_EVENTS)] or [()]
    notices = [_notice(owner_id, parts[0], moving)] if events or moving else []
    return notices + [_notice(owner_id, part, []) for part in parts[1:]]


def _notice(owner_id: str, events: Sequence[AuditEvent], moves: Sequence[Move]) -> Put:
    at, name = (events[0].at, events[0].id) if events else (moves[0].at, f"{owner_id}#{moves[0].after}")
    body = exact_json.dumps(
        {"events": [_written(event) for event in events], "moves": [asdict(move) for move in moves]}
    )
    if len(body) > MOST_BYTES:
        raise ValueError(f"what is announced about {owner_id} is too large")
    return Put(keys.EXECUTIONS, item(keys.outbox(owner_id, at, name), body=body))


def announce(table: Table, owner_id: str, events: Sequence[AuditEvent]) -> None:
    """Announce events that belong to no change. Announcing them again changes nothing while they wait."""
    notices = announcing(owner_id, events)
    # A check makes it a transaction wherever it is stored: then its repetition after a lost answer, when the notice may
    # have been chained and removed already, does nothing.
    alone = [Check(replace(notice.key, sk=f"{notice.key.sk}#"), ABSENT) for notice in notices[:1]]
    if not notices:
        return
    try:
        table.write([*notices, *alone])
    except ConditionFailed:
        return  # the very same notice is waiting


def is_notice(stored: Item) -> bool:
    """Whether `announcing` wrote it."""
    return str(stored["pk"]).startswith(keys.outbox_of(""))


def notice_of(stored: Item) -> Notice:
    """Read what `announcing` wrote."""
    text = str(known(stored)["body"])
    body = exact_json.loads(text)
    return Notice(
        key=Key(keys.EXECUTIONS, str(stored["pk"]), str(stored["sk"])),
        events=[_read(event) for event in body["events"]],
        moves=[Move(**move) for move in body["moves"]],
        size=len(text),
    )


def _written(event: AuditEvent) -> Mapping[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "result": event.result,
        "resource_id": event.resource_id,
        "actor": asdict(event.actor),
        "at": event.at,
        "metadata": event.metadata,
        "context": event.context,
    }


def _read(document: Mapping[str, Any]) -> AuditEvent:
    kind = EventType(document["type"])
    return AuditEvent(
        id=document["id"],
        type=kind,
        result=Result(document["result"]),
        resource_id=document["resource_id"],
        actor=Actor(**document["actor"]),
        at=document["at"],
        context=document["context"],
        metadata=document["metadata"],
        action=kind.action,
        resource_type=kind.resource_type,
    )

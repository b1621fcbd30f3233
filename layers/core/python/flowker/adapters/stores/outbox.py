"""What a change announces, stored in the change's own transaction: audit events, and moves between the counted statuses.

The consumer of the change feed (`stores/chain.py`) chains the events, counts the moves and removes the notice, in one
transaction. So every notice takes effect exactly once, however often it is delivered.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import ABSENT, Check, ConditionFailed, Item, Key, Put, Table
from flowker.adapters.stores.record import item, known
from flowker.errors import UnknownSchema
from flowker.model import exact_json
from flowker.model.audit import Actor, AuditEvent, EventType, Result
from flowker.model.instant import moment
from flowker.model.telemetry import Metric, measure

logger = logging.getLogger(__name__)

WORKFLOWS = "workflows"
"""The counted kinds; see `keys.counts`."""
MOST_EVENTS = 50
"""Events of one notice: the transaction that chains it must have room for them."""
LONGEST_REASON = 200
"""Characters of what is said about a notice that cannot be read."""
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


class NoticeUnreadable(Exception):
    """What waits is of another version, or damaged; the message says how. It stays where it is until somebody looks."""


def readable(waiting: Iterable[Item]) -> Iterator[Notice]:
    """Those that can be read. One that cannot be is told to the operator and holds up no other."""
    for stored in waiting:
        try:
            yield notice_of(stored)
        except NoticeUnreadable as problem:
            tell_unreadable(stored, problem)


def tell_unreadable(stored: Item, problem: NoticeUnreadable, **where: str) -> None:
    """Log which notice it is, without what is in it, and count it."""
    measure(Metric.NOTICES_UNREADABLE)
    place = {"pk": stored.get("pk"), "sk": stored.get("sk"), **where}
    logger.error("a notice cannot be read", extra={**place, "reason": str(problem)})


def notice_of(stored: Item) -> Notice:
    """Read what `announcing` wrote. Raises `NoticeUnreadable`."""
    try:
        return _notice_of(stored)
    except UnknownSchema as problem:
        raise NoticeUnreadable(str(problem.__cause__)) from problem
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise NoticeUnreadable(f"{type(problem).__name__}: {problem}"[:LONGEST_REASON]) from problem


def _notice_of(stored: Item) -> Notice:
    text = str(known(stored)["body"])
    body = exact_json.loads(text)
    return Notice(
        key=Key(keys.EXECUTIONS, str(stored["pk"]), str(stored["sk"])),
        events=[_read(event) for event in body["events"]],
        moves=[_moved(move) for move in body["moves"]],
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


def _moved(document: Mapping[str, Any]) -> Move:
    move = Move(**document)
    if move.at:
        moment(move.at)  # the consumer has to be able to read it
    return move


def _read(document: Mapping[str, Any]) -> AuditEvent:
    kind = EventType(document["type"])
    moment(document["at"])
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

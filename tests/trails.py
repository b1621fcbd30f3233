"""Audit trails for tests: events in a row, the change feed that delivers them, and trails that somebody has tampered with."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.dynamodb.expressions import to_attributes
from flowker.adapters.items import Item, Put, Query, Table
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.outbox import announce
from flowker.model.audit import AuditEvent, Entry, EventType, Result, happened
from flowker.settings import Settings
from tests.fakes import CountingIds, ManualClock, MemoryBlobs, MemoryTable, PlainCipher, RecordingMachines

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TYPES = tuple(EventType)


def uuid(number: int, kind: int = 0) -> str:
    """A UUID made of two numbers."""
    return str(UUID(int=(kind << 100) + number))


def event(number: int, seconds: float | None = None, **values: Any) -> AuditEvent:
    """Events in a row, a second apart unless `seconds` says when: their types, results and three resources take turns."""
    return happened(
        values.get("kind", TYPES[number % len(TYPES)]),
        values.get("resource", uuid(number % 3, 7)),
        id=values.get("id", uuid(number, 1)),
        at=START + timedelta(seconds=number if seconds is None else seconds),
        result=values.get("result", Result.FAILED if number % 4 == 0 else Result.SUCCESS),
        metadata=values.get("metadata", {"workflow.name": f"Wörk|flow {number}", "attempt": number}),
    )


def events(count: int) -> list[AuditEvent]:
    return [event(number) for number in range(1, count + 1)]


def say(table: Table, announced: Iterable[AuditEvent]) -> None:
    """Announce each of them in a notice of its own."""
    for each in announced:
        announce(table, each.resource_id, [each])


def outbox(table: Table) -> list[Item]:
    """What waits to be chained, oldest first."""
    waiting = [
        item for shard in keys.shards() for item in table.query(Query(keys.EXECUTIONS, keys.outbox_of(shard)))
    ]
    return sorted(waiting, key=lambda item: str(item["sk"]))


def records(items: Iterable[Item], name: str = "INSERT") -> dict[str, Any]:
    """A batch of DynamoDB Streams: new items in DynamoDB's notation."""
    found = [to_attributes(item) for item in items]
    return {
        "Records": [
            {
                "eventName": name,
                "dynamodb": {
                    "SequenceNumber": str(number),
                    "Keys": {part: image[part] for part in ("pk", "sk")},
                    "NewImage": image,
                },
            }
            for number, image in enumerate(found, start=1000)
        ]
    }


def trail(table: Table) -> list[Entry]:
    """The whole chain as it is stored."""
    chain = ItemAuditChain(table)
    return list(chain.entries(1, chain.head().sequence))


def chained_ids(table: Table) -> list[str]:
    return [entry.event.id for entry in trail(table)]


def use(table: Table, settings: Settings | None = None, http: Callable[[], Any] | None = None) -> None:
    """Make it the home of this process; without `http` nobody is called."""
    machines = RecordingMachines()
    wiring.use(
        wiring.Home(
            settings=settings or Settings(authenticate=False),
            table=table,
            blobs=MemoryBlobs(),
            cipher=PlainCipher(),
            machines=machines,
            completions=_NoWaiting(),
            http=http or _no_calls,
            probes={},
            clock=ManualClock(),
            ids=CountingIds(),
        )
    )


class _NoWaiting:
    def wait(self, execution_id: str, seconds: float) -> None:
        raise AssertionError("nobody waits here")


def _no_calls() -> Any:
    raise AssertionError("nobody is called here")


def chained(announced: Sequence[AuditEvent]) -> MemoryTable:
    """A trail of these events, in the order in which they are given."""
    table = MemoryTable()
    chain = ItemAuditChain(table)
    for each in announced:
        say(table, [each])
        chain.append_pending()
    return table


def long_trail(announced: Sequence[AuditEvent]) -> MemoryTable:
    """As `chained`, quickly: in the order of their times."""
    table = MemoryTable()
    say(table, announced)
    ItemAuditChain(table).append_items(outbox(table))
    return table


def audit_items(table: Table) -> list[Item]:
    """Every item of the audit table: the head, then the entries."""
    (head,) = table.get([keys.CHAIN_HEAD])
    assert head is not None
    blocks = range(int(head["sequence"]) // keys.BLOCK + 1)
    return [
        head,
        *(item for block in blocks for item in table.query(Query(keys.AUDIT, keys.audit_block(block)))),
    ]


def copy(source: Table, table: Table) -> None:
    """Copy a trail into another home, a hundred items at a time."""
    items = audit_items(source)
    for start in range(0, len(items), 100):
        table.write([Put(keys.AUDIT, item) for item in items[start : start + 100]])


@dataclass
class Tampered:
    """A trail in the hands of somebody who may write anything anywhere."""

    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    @staticmethod
    def of(table: Table) -> "Tampered":
        return Tampered({(str(item["pk"]), str(item["sk"])): dict(item) for item in audit_items(table)})

    def entry(self, number: int) -> dict[str, Any]:
        key = keys.audit_entry(number)
        return self.items[key.pk, key.sk]

    def remove(self, number: int) -> None:
        key = keys.audit_entry(number)
        del self.items[key.pk, key.sk]

    def move(self, number: int, to: int) -> None:
        """Put an entry where another one is expected."""
        content = self.entry(number)
        key = keys.audit_entry(to)
        self.items[key.pk, key.sk] = {**content, "pk": key.pk, "sk": key.sk}

    def table(self) -> MemoryTable:
        """What is left, as a home keeps it."""
        table = MemoryTable()
        for place, item in self.items.items():
            table.write([Put(keys.AUDIT, {**item, "pk": place[0], "sk": place[1]})])
        return table


Filter = Callable[[AuditEvent], bool]


def matching(found: Iterable[AuditEvent], where: Mapping[str, str]) -> list[AuditEvent]:
    """The events that a search by these terms must find."""
    return [each for each in found if all(_terms(each)[name] == value for name, value in where.items())]


def _terms(each: AuditEvent) -> Mapping[str, str]:
    return {
        "event_type": each.type,
        "action": each.action,
        "result": each.result,
        "resource_type": each.resource_type,
        "resource_id": each.resource_id,
    }

"""Flows as items: a HEAD per flow in its account's partition, and for each revision an item and its sealed text
(FlowRunner spec g).

Whoever does not know the account finds no flow. A list is one consistent query of a partition, so what was stored is listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import (
    ABSENT,
    Blobs,
    Check,
    Cipher,
    Condition,
    Delete,
    Item,
    Put,
    Query,
    Scalar,
    Table,
)
from flowker.adapters.stores.leftovers import leaving
from flowker.adapters.stores.named import changed
from flowker.adapters.stores.outbox import announcing
from flowker.adapters.stores.payloads import SealedPayloads
from flowker.adapters.stores.record import Guarded, item, known, read, write
from flowker.errors import FlowNotFound
from flowker.model import exact_json
from flowker.model.audit import AuditEvent
from flowker.model.flow import Flow, FlowHead, FlowRevision, RevisionHead
from flowker.model.workflow import Launch

KIND = "flow"
AT_ONCE = 40
"""Revisions that one transaction deletes: two items each, and the rest of it must have room."""


@dataclass(frozen=True, slots=True)
class ItemFlowStore:
    """`ports.flows.FlowStore` over a table."""

    table: Table
    blobs: Blobs
    cipher: Cipher

    def add(self, flow: Flow, revision: FlowRevision, audit: Sequence[AuditEvent] = ()) -> None:
        writes: list[Guarded] = [(Put(keys.DEFINITIONS, _head_item(flow, flow.changes)), changed(KIND))]
        write(self.table, [*writes, *self._revision(flow.id, revision), *_announcing(flow.id, audit)])

    def head(self, account_id: str, flow_id: str) -> FlowHead:
        (stored,) = read(self.table, [keys.flow(account_id, flow_id)])
        if stored is None:
            raise _not_found(flow_id)
        return _head_of(stored)

    def get(self, account_id: str, flow_id: str) -> Flow:
        head = self.head(account_id, flow_id)
        return Flow.model_validate({**dict(head), "definition": self._text(flow_id, head.revision)})

    def launches(self, flows: Sequence[tuple[str, str]]) -> Mapping[str, Launch]:
        stored = read(self.table, [keys.flow(*each) for each in flows])
        heads = [_head_of(each) for each in stored if each]
        return {head.id: head.launch for head in heads}

    def heads(self, account_id: str) -> Sequence[FlowHead]:
        stored = self.table.query(Query(keys.DEFINITIONS, keys.flows_of(account_id)))
        found = [_head_of(known(each)) for each in stored]
        return sorted(found, key=lambda head: (head.created_at, head.id), reverse=True)

    def replace(
        self, before: FlowHead, after: Flow, revision: FlowRevision | None, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """What is stored counts one change more than `before`."""
        new = _head_item(after, before.changes + 1)
        writes: list[Guarded] = [(Put(keys.DEFINITIONS, new, _unchanged(before)), changed(KIND))]
        if revision is not None:
            writes += self._revision(after.id, revision)
        write(self.table, [*writes, *_announcing(after.id, audit)])

    def delete(self, flow: FlowHead, audit: Sequence[AuditEvent] = ()) -> None:
        """More revisions than fit into a transaction go before the rest: whoever repeats an interrupted deletion ends it."""
        numbers = [revision.number for revision in self._stored(flow.id)]
        head = keys.flow(flow.account_id, flow.id)
        while len(numbers) > AT_ONCE:
            oldest, numbers = numbers[-AT_ONCE:], numbers[:-AT_ONCE]
            write(self.table, [(Check(head, _unchanged(flow)), changed(KIND)), *_deleting(flow.id, oldest)])
        deleted: Guarded = Delete(head, _unchanged(flow)), changed(KIND)
        texts: Guarded = leaving(keys.folder(keys.flow_text(flow.id, 0))), changed(KIND)
        write(self.table, [deleted, *_deleting(flow.id, numbers), texts, *_announcing(flow.id, audit)])

    def revisions(self, account_id: str, flow_id: str) -> Sequence[RevisionHead]:
        self.head(account_id, flow_id)
        return self._stored(flow_id)

    def revision(self, account_id: str, flow_id: str, number: int) -> FlowRevision:
        key = keys.flow_revision(flow_id, number)
        head, stored = read(self.table, [keys.flow(account_id, flow_id), key])
        if head is None or stored is None:
            raise _not_found(flow_id)
        return FlowRevision.model_validate(
            {**dict(_revision_of(stored)), "definition": self._text(flow_id, number)}
        )

    def _stored(self, flow_id: str) -> Sequence[RevisionHead]:
        first = keys.flow_revision(flow_id, 0)
        query = Query(first.table, first.pk, prefix=keys.FLOW_REVISIONS, forward=False)
        return [_revision_of(known(each)) for each in self.table.query(query)]

    def _revision(self, flow_id: str, revision: FlowRevision) -> Sequence[Guarded]:
        key = keys.flow_text(flow_id, revision.number)
        text = item(key, **self._sealed.attributes(key, revision.definition))
        head = item(
            keys.flow_revision(flow_id, revision.number),
            number=revision.number,
            label=revision.label,
            created_at=revision.created_at,
            launch=_written(revision.launch),
        )
        return [(Put(keys.DEFINITIONS, each, ABSENT), changed(KIND)) for each in (head, text)]

    def _text(self, flow_id: str, number: int) -> str:
        (stored,) = read(self.table, [keys.flow_text(flow_id, number)])
        if stored is None:
            raise _not_found(flow_id)  # it was deleted a moment ago
        text: str = self._sealed.value(stored)
        return text

    @property
    def _sealed(self) -> SealedPayloads:
        return SealedPayloads(self.blobs, self.cipher)


def _head_item(flow: FlowHead, changes: int) -> Item:
    return item(
        keys.flow(flow.account_id, flow.id),
        id=flow.id,
        account_id=flow.account_id,
        name=flow.name,
        description=flow.description,
        tags=exact_json.dumps(list(flow.tags)),
        version=flow.version,
        revision=flow.revision,
        launch=_written(flow.launch),
        created_at=flow.created_at,
        updated_at=flow.updated_at,
        changes=changes,
        category=flow.category,
        status=flow.status,
        custom=exact_json.dumps(dict(flow.custom)) if flow.custom else None,
    )


def _head_of(stored: Item) -> FlowHead:
    fields: dict[str, Any] = {
        **stored,
        "tags": tuple(exact_json.loads(str(stored["tags"]))),
        "launch": exact_json.loads(str(stored["launch"])),
        "custom": exact_json.loads(str(stored.get("custom", "{}"))),
    }
    return FlowHead.model_validate(fields)


def _revision_of(stored: Item) -> RevisionHead:
    fields: Mapping[str, Any] = {**stored, "launch": exact_json.loads(str(stored["launch"]))}
    return RevisionHead.model_validate(fields)


def _written(launch: Launch) -> Scalar:
    return exact_json.dumps(launch.model_dump(mode="json", exclude_none=True))


def _unchanged(flow: FlowHead) -> Condition:
    return Condition(equals={"changes": flow.changes})


def _deleting(flow_id: str, numbers: Sequence[int]) -> Sequence[Guarded]:
    found = [
        key
        for number in numbers
        for key in (keys.flow_revision(flow_id, number), keys.flow_text(flow_id, number))
    ]
    return [(Delete(key), changed(KIND)) for key in found]


def _announcing(flow_id: str, audit: Sequence[AuditEvent]) -> Sequence[Guarded]:
    return [(each, changed(KIND)) for each in announcing(flow_id, audit)]


def _not_found(flow_id: str) -> FlowNotFound:
    return FlowNotFound(f"flow {flow_id} does not exist")

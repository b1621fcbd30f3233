"""Blobs that nothing refers to any more, or that are only about to be referred to: items that name what is to be deleted.

A transaction that takes away the last reference notes the blob here, so that no crash leaves it behind. A blob that must not
get lost before its transaction is noted first; the transaction takes the note away. Notes are looked at twice: the first look
says when they are due, so that whoever has just read a reference can still follow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flowker.adapters import keys
from flowker.adapters.items import (
    Blobs,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Table,
    Write,
)
from flowker.adapters.stores.record import Guarded, item, known
from flowker.model import exact_json

AT_A_TIME = 20
"""Notes of each shard that are looked at in one run: of new ones, and of those that are due."""
SETTLED = 600
"""Seconds from the first look to the deletion: longer than reading takes, or a transaction."""


def leaving(*blobs: str) -> Put:
    """Note that nothing refers to these blobs or folders, or that nothing may ever."""
    return _note(blobs, 0)


def staying(blob: str) -> Delete:
    """Take back the note of one that something refers to now."""
    return Delete(keys.leftover(blob, 0))


def expiring(owner: Key, blob: str, expires: int) -> Put:
    """Note that the item that refers to a blob is gone then, in seconds since 1970: whoever finds it deletes it, unless it has
    another one by now."""
    return _note([blob], expires, owner_pk=owner.pk, owner_sk=owner.sk)


def _note(blobs: Sequence[str], due: int, **owner: str) -> Put:
    key = keys.leftover(blobs[0], due)
    return Put(key.table, item(key, blobs=exact_json.dumps(list(blobs)), due=due, **owner), when=None)


def write_new(table: Table, owner: Key, guarded: Sequence[Guarded]) -> None:
    """Write all or nothing of something that was not there before; if nothing, its payloads are left. Raises what stands beside
    the first write that was refused."""
    try:
        table.write([step for step, _ in guarded])
    except ConditionFailed as refusal:
        if any(isinstance(step, Put) and "body_blob" in step.item for step, _ in guarded):
            table.write([leaving(keys.folder(owner))])
        raise guarded[refusal.index][1] from refusal


@dataclass(frozen=True, slots=True)
class ItemLeftovers:
    """`ports.Leftovers` over a table."""

    table: Table
    blobs: Blobs

    def sweep(self, now: int) -> int:
        return sum(self._sweep(keys.leftovers_of(shard), now) for shard in keys.shards())

    def _sweep(self, partition: str, now: int) -> int:
        """New ones come first; however many these are, what is due has its turn."""
        end = keys.leftover_sort(now + 1)
        found = self.table.query(Query(keys.EXECUTIONS, partition, before=end, limit=2 * AT_A_TIME))
        if len(found) == 2 * AT_A_TIME:
            new = keys.leftover_sort(1)
            due = self.table.query(Query(keys.EXECUTIONS, partition, after=new, before=end, limit=AT_A_TIME))
            found = [*due, *found[:AT_A_TIME]]
        return sum(self._look(known(stored), now) for stored in found)

    def _look(self, stored: Item, now: int) -> int:
        blobs, due = exact_json.loads(str(stored["blobs"])), int(stored["due"])
        seen = Delete(keys.leftover(blobs[0], due))
        if "owner_pk" in stored:
            owner = Key(keys.EXECUTIONS, str(stored["owner_pk"]), str(stored["owner_sk"]))
            self._try([Delete(owner, Condition(equals={"body_blob": blobs[0]}))])
        if "owner_pk" in stored or due == 0:
            self._try([seen, _note(blobs, now + SETTLED)])
            return 0
        for each in blobs:
            self.blobs.delete(each)
        self._try([seen])
        return len(blobs)

    def _try(self, writes: Sequence[Write]) -> None:
        try:
            self.table.write(writes)
        except ConditionFailed:
            return  # somebody else was faster: with the note, the blob or the item

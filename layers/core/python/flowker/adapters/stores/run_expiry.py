"""Runs of flows whose time is over. DynamoDB deletes their items by itself, within days; other homes rely on this."""

from dataclasses import replace

from flowker.adapters import keys
from flowker.adapters.items import Condition, ConditionFailed, Delete, Key, Query, Table
from flowker.adapters.stores.record import read
from flowker.adapters.table_rules import MAX_ITEMS

AT_A_TIME = 20
"""Of each shard."""


def forget(table: Table, now: int) -> int:
    """Delete some; those that were started first are looked at first."""
    forgotten = 0
    for shard in keys.run_shards():
        rows = table.query(Query(keys.EXECUTIONS, shard, "by_started", limit=AT_A_TIME))
        metas = read(table, [Key(keys.EXECUTIONS, str(row["pk"]), str(row["sk"])) for row in rows])
        for meta in metas:
            if meta is not None and int(meta["expires_at"]) <= now:
                _erase(table, keys.execution(str(meta["id"])))
                forgotten += 1
    return forgotten


def _erase(table: Table, meta: Key) -> None:
    """META goes last: whatever interrupts this, the rest is found again."""
    stored = [str(each["sk"]) for each in table.query(Query(keys.EXECUTIONS, meta.pk))]
    rest = [replace(meta, sk=sk) for sk in stored if sk != meta.sk]
    for start in range(0, len(rest), MAX_ITEMS):
        _delete(table, rest[start : start + MAX_ITEMS])
    _delete(table, [meta])


def _delete(table: Table, found: list[Key]) -> None:
    try:
        table.write([Delete(key, Condition()) for key in found])
    except ConditionFailed:
        return  # DynamoDB was faster with some; the next round finds what is left

"""Runs of flows whose time is over, and those of deleted accounts, with their blobs. DynamoDB deletes expired items by itself,
within days; other homes rely on this. Where it is faster, the bucket's lifecycle deletes the blobs.
"""

from flowker.adapters import keys
from flowker.adapters.items import Blobs, ConditionFailed, Delete, Key, Query, Table
from flowker.adapters.stores.record import delete_found, read

AT_A_TIME = 20
"""Of each shard."""
OF_AN_ACCOUNT = 100
"""Runs of an account that one call looks at."""


def forget(table: Table, blobs: Blobs, now: int) -> int:
    """Delete some; those that were started first are looked at first."""
    forgotten = 0
    for shard in keys.run_shards():
        rows = table.query(Query(keys.EXECUTIONS, shard, "by_started", limit=AT_A_TIME))
        metas = read(table, [Key(keys.EXECUTIONS, str(row["pk"]), str(row["sk"])) for row in rows])
        for meta in metas:
            if meta is not None and int(meta["expires_at"]) <= now:
                _erase(table, blobs, keys.execution(str(meta["id"])))
                forgotten += 1
    return forgotten


def forget_account(table: Table, blobs: Blobs, account_id: str, ended_before: str) -> bool:
    """Delete some of its runs, and when there are none any more, the blobs of its store."""
    query = Query(keys.EXECUTIONS, keys.runs_of(account_id), "by_workflow_started", limit=OF_AN_ACCOUNT)
    rows = table.query(query)
    metas = read(table, [Key(keys.EXECUTIONS, str(row["pk"]), str(row["sk"])) for row in rows])
    for meta in metas:
        if meta is not None and str(meta.get("completed_at", ended_before)) < ended_before:
            _erase(table, blobs, keys.execution(str(meta["id"])))
    if not rows:
        blobs.delete(keys.folder(keys.entry(account_id, "")))
    return not rows


def _erase(table: Table, blobs: Blobs, meta: Key) -> None:
    """META goes last: whatever interrupts this, the rest is found again."""
    delete_found(table, Query(meta.table, meta.pk), but=meta)
    blobs.delete(keys.folder(meta))
    try:
        table.write([Delete(meta)])
    except ConditionFailed:
        return  # DynamoDB was faster

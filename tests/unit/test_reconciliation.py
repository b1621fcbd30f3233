"""Every minute's work: what one job cannot do keeps no other from its turn (architecture §5)."""

import pytest

from flowker.adapters.items import Item, Query
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.errors import StoreUnavailable
from flowker.events import reconcile
from tests.fakes import MemoryTable
from tests.trails import chained_ids, events, outbox, say, use


class Hot(MemoryTable):
    """One index refuses all reads."""

    def query(self, query: Query) -> list[Item]:
        if query.index == "by_completed":
            raise StoreUnavailable("one partition is hot")
        return super().query(query)


def test_the_audit_trail_goes_on_when_executions_cannot_be_listed(log: pytest.LogCaptureFixture) -> None:
    table = Hot()
    use(table)
    say(table, events(3))
    with pytest.raises(StoreUnavailable, match="hot"):
        reconcile.handle({}, None)
    assert chained_ids(table) == [each.id for each in events(3)]
    assert outbox(table) == []
    assert ItemAuditChain(table).head().sequence == 3
    jobs = [record.__dict__["job"] for record in log.records if "job" in record.__dict__]
    assert jobs[:2] == ["started", "ended"]

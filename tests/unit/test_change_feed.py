"""The change feed of one machine: whatever is announced is chained soon, and tried again until it is (architecture §6)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from flowker.adapters import keys
from flowker.adapters.items import Delete, Item, Key, Put, Query, Write
from flowker.errors import StoreUnavailable
from flowker_local.change_feed import AGAIN_SECONDS, AnnouncingTable, ChangeFeed, announces
from tests.engine_world import InstantLoop
from tests.fakes import MemoryTable
from tests.trails import chained_ids, event, events, outbox, say, use


def run(scenario: Callable[[ChangeFeed], Coroutine[Any, Any, None]]) -> None:
    """With a feed that has begun; time passes when all is idle."""

    async def there() -> None:
        feed = ChangeFeed(_at_once)
        feed.start()
        await scenario(feed)

    loop = InstantLoop()
    try:
        loop.run_until_complete(there())
    finally:
        loop.close()


def _at_once(work: Callable[[], object]) -> Awaitable[object]:
    async def done() -> object:
        return work()

    return done()


class Counting(MemoryTable):
    """Counts transactions, and is not available for a while."""

    transactions = 0
    failing = 0
    error: Exception = StoreUnavailable("locked")

    def query(self, query: Query) -> list[Item]:
        if self.failing:
            self.failing -= 1
            raise self.error
        return super().query(query)

    def write(self, writes: Sequence[Write]) -> None:
        super().write(writes)
        self.transactions += 1


@pytest.fixture
def table() -> Counting:
    table = Counting()
    use(table)
    return table


def test_what_an_earlier_process_has_left_is_chained_first(table: Counting) -> None:
    say(table, events(3))

    async def scenario(feed: ChangeFeed) -> None:
        await asyncio.sleep(1)
        assert chained_ids(table) == [each.id for each in events(3)]

    run(scenario)


def test_what_comes_shortly_after_each_other_is_chained_together(table: Counting) -> None:
    async def scenario(feed: ChangeFeed) -> None:
        await asyncio.sleep(1)
        before = table.transactions
        for each in events(5):
            say(table, [each])
            feed.wake()
            await asyncio.sleep(0.001)
        await asyncio.sleep(1)
        assert chained_ids(table) == [each.id for each in events(5)]
        assert table.transactions - before == 5 + 1

    run(scenario)


def test_a_store_that_is_not_available_is_tried_again(
    table: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    say(table, events(2))
    table.failing = 1

    async def scenario(feed: ChangeFeed) -> None:
        await asyncio.sleep(AGAIN_SECONDS / 2)
        assert outbox(table) != []
        await asyncio.sleep(3 * AGAIN_SECONDS)
        assert chained_ids(table) == [each.id for each in events(2)]

    with caplog.at_level(logging.WARNING):
        run(scenario)
    assert "not chained yet" in caplog.text


def test_an_end_that_was_not_asked_for_is_logged_and_stopping_is_quiet(
    table: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    table.failing, table.error = 1, RuntimeError("an item of another version")

    async def scenario(feed: ChangeFeed) -> None:
        await asyncio.sleep(1)
        say(table, events(1))
        await feed.stop()
        assert len(outbox(table)) == 1

    run(scenario)
    assert "not chained any more" in caplog.text
    assert "an item of another version" in caplog.text


def test_stopping_chains_what_waits(table: Counting) -> None:
    async def scenario(feed: ChangeFeed) -> None:
        await asyncio.sleep(1)
        say(table, events(2))
        await feed.stop()
        assert outbox(table) == []

    run(scenario)


def test_only_announcements_wake_it() -> None:
    told: list[bool] = []
    table = AnnouncingTable(MemoryTable(), lambda: told.append(True))
    key = Key(keys.EXECUTIONS, "EXECUTION#1", "META")
    table.write([Put(key.table, {"pk": key.pk, "sk": key.sk})])
    table.write([Delete(key)])
    assert (told, table.get([key])) == ([], [None])
    say(table, [event(1)])
    assert told == [True]
    (notice,) = outbox(table)
    assert not announces([Delete(Key(keys.EXECUTIONS, str(notice["pk"]), str(notice["sk"])))])

"""Searching the audit trail in every home: the same entries as a look at all of them, page by page, at a bounded cost."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters import keys
from flowker.adapters.items import Put, Table
from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.chain_search import ROWS
from flowker.adapters.stores.record import item
from flowker.model.audit import Action, AuditEvent, EventType, ResourceType, Result
from flowker.ports import AuditFilter
from tests.fakes import MemoryTable
from tests.integration.samples import BOTH_DIRECTIONS, WatchedTable
from tests.trails import START, chained, copy, event, events, long_trail, matching, say, uuid

ANY = AuditFilter()
FEW = 45
MANY = 2 * keys.BLOCK + 300


@cache
def few() -> MemoryTable:
    return long_trail(events(FEW))


@cache
def many() -> MemoryTable:
    """More than two blocks; every hundredth event is about one thing, every 500th a deletion."""
    return long_trail([long_event(number) for number in range(1, MANY + 1)])


def long_event(number: int) -> AuditEvent:
    kind = EventType.WORKFLOW_DELETED if number % 500 == 0 else EventType.EXECUTION_STARTED
    return event(number, kind=kind, resource=uuid(1 if number % 100 == 0 else 2, 7), metadata={})


def walked(
    chain: ItemAuditChain, query: AuditFilter, ascending: bool, limit: int, after: int | None = None
) -> Iterator[list[AuditEvent]]:
    """Page by page, to the end."""
    while True:
        entries, after = chain.search(query, after=after, ascending=ascending, limit=limit)
        assert len(entries) <= limit
        yield [entry.event for entry in entries]
        if after is None:
            return


def found(table: Table, query: AuditFilter, ascending: bool, limit: int = 100) -> list[AuditEvent]:
    return [each for page in walked(ItemAuditChain(table), query, ascending, limit) for each in page]


def in_direction(expected: list[AuditEvent], ascending: bool) -> list[AuditEvent]:
    return expected if ascending else expected[::-1]


FILTERS: list[Mapping[str, str]] = [
    {},
    *({"event_type": kind.value} for kind in EventType),
    *({"action": action.value} for action in Action),
    *({"result": result.value} for result in Result),
    *({"resource_type": kind.value} for kind in ResourceType),
    {"resource_id": uuid(1, 7)},
    {"resource_id": uuid(1, 7), "result": "FAILED"},
    {"resource_id": uuid(1, 7), "resource_type": "workflow", "action": "CREATE"},
    {"resource_id": uuid(1, 9)},
    {"action": "CREATE", "result": "SUCCESS"},
    {"action": "CREATE", "event_type": "WORKFLOW_DELETED"},
]


@BOTH_DIRECTIONS
def test_every_filter_finds_what_a_look_at_all_entries_finds(table: Table, ascending: bool) -> None:
    copy(few(), table)
    for where in FILTERS:
        expected = in_direction(matching(events(FEW), where), ascending)
        assert found(table, AuditFilter(where), ascending) == expected, where


@BOTH_DIRECTIONS
@pytest.mark.parametrize("limit", [1, 7, FEW - 1, FEW, FEW + 1])
def test_pages_follow_each_other_without_a_gap(table: Table, ascending: bool, limit: int) -> None:
    copy(few(), table)
    for where in ({}, {"resource_id": uuid(1, 7)}, {"result": "FAILED"}):
        pages = list(walked(ItemAuditChain(table), AuditFilter(where), ascending, limit))
        assert [each for page in pages for each in page] == in_direction(
            matching(events(FEW), where), ascending
        )
        assert all(len(page) == limit for page in pages[:-1])  # a small trail fills every page but the last


def test_the_last_page_says_so_even_if_it_is_full(table: Table) -> None:
    copy(few(), table)
    chain = ItemAuditChain(table)
    assert chain.search(ANY, after=None, ascending=True, limit=FEW)[1] is None
    assert chain.search(ANY, after=None, ascending=True, limit=FEW - 1)[1] == FEW - 1
    assert chain.search(ANY, after=FEW, ascending=True, limit=5) == ([], None)
    assert chain.search(ANY, after=1, ascending=False, limit=5) == ([], None)


def test_an_empty_trail_has_one_empty_page(table: Table) -> None:
    for ascending in (True, False):
        assert list(walked(ItemAuditChain(table), ANY, ascending, 5)) == [[]]


@BOTH_DIRECTIONS
@pytest.mark.parametrize("limit", [3, 20, 100])
def test_pages_go_on_over_the_border_of_a_block(table: Table, ascending: bool, limit: int) -> None:
    """The trail begins shortly before it: moto is slow with long ones."""
    before = keys.BLOCK - 10
    head = item(keys.CHAIN_HEAD, version=1, sequence=before, hash="ab" * 32, reached="", longest_lag=0)
    table.write([Put(keys.AUDIT, head)])
    say(table, events(30))
    ItemAuditChain(table).append_pending()
    for where in ({}, {"resource_id": uuid(1, 7)}, {"result": "FAILED"}):
        expected = in_direction(matching(events(30), where), ascending)
        assert found(table, AuditFilter(where), ascending, limit) == expected
    window = AuditFilter({}, _at(5), _at(25))
    assert found(table, window, ascending, limit) == in_direction(events(25)[4:], ascending)


@BOTH_DIRECTIONS
def test_pages_go_on_from_block_to_block(ascending: bool) -> None:
    table = many()
    everything = [long_event(number) for number in range(1, MANY + 1)]
    for where in ({}, {"resource_id": uuid(1, 7)}, {"action": "DELETE"}):
        expected = in_direction(matching(everything, where), ascending)
        assert found(table, AuditFilter(where), ascending) == expected
    since, until = everything[700].at, everything[1400].at
    window = AuditFilter({}, datetime.fromisoformat(since), datetime.fromisoformat(until))
    assert found(table, window, ascending) == in_direction(everything[700:1401], ascending)


# --- bounded work ----------------------------------------------------------------------------------------------------


@BOTH_DIRECTIONS
def test_a_page_looks_at_a_bounded_number_of_blocks_and_the_next_one_goes_on(ascending: bool) -> None:
    table = WatchedTable(many())
    chain = ItemAuditChain(table, blocks=1)
    pages = list(walked(chain, AuditFilter({"action": "TEST"}), ascending, 10))
    assert pages == [[], [], []]
    assert len(table.queries) == 3
    expected = matching([long_event(number) for number in range(1, MANY + 1)], {"action": "DELETE"})
    pages = list(walked(chain, AuditFilter({"action": "DELETE"}), ascending, 10))
    assert [each for page in pages for each in page] == in_direction(expected, ascending)
    assert len(pages) == 3


def test_a_page_of_one_things_entries_looks_at_a_bounded_number_of_them() -> None:
    table = WatchedTable(many())
    chain = ItemAuditChain(table, blocks=2)
    query = AuditFilter({"resource_id": uuid(2, 7), "action": "TEST"})
    entries, after = chain.search(query, after=None, ascending=True, limit=10)
    assert entries == []
    assert len(table.queries) == 2
    assert after is not None
    assert after >= 2 * ROWS


def test_a_page_reads_no_more_than_it_shows() -> None:
    table = WatchedTable(many())
    ItemAuditChain(table).search(ANY, after=None, ascending=False, limit=20)
    assert [query.limit for query in table.queries] == [21]


def test_dates_narrow_a_search_by_halves() -> None:
    table = WatchedTable(many())
    moment = datetime.fromisoformat(long_event(1000).at)
    entries, after = ItemAuditChain(table).search(
        AuditFilter({}, moment, moment), after=None, ascending=True, limit=20
    )
    assert [entry.sequence for entry in entries] == [1000]
    assert after is None
    assert len(table.gets) < 30
    assert len(table.queries) == 1


# --- dates -----------------------------------------------------------------------------------------------------------

SECONDS = st.integers(-3, 40).map(lambda number: number / 2)


@given(
    st.lists(st.integers(0, 30).map(lambda number: number / 2), max_size=25),
    st.one_of(st.none(), SECONDS),
    st.one_of(st.none(), SECONDS),
    st.booleans(),
    st.sampled_from([1, 3, 100]),
)
@settings(max_examples=120, deadline=None)
def test_dates_include_both_ends_however_late_events_were_chained(
    happened_at: list[float], since: float | None, until: float | None, ascending: bool, limit: int
) -> None:
    announced = [event(number, seconds=seconds) for number, seconds in enumerate(happened_at, start=1)]
    expected = [
        each
        for each, seconds in zip(announced, happened_at, strict=True)
        if (since is None or since <= seconds) and (until is None or seconds <= until)
    ]
    query = AuditFilter({}, _at(since), _at(until))
    assert found(chained(announced), query, ascending, limit) == in_direction(expected, ascending)


def _at(seconds: float | None) -> datetime | None:
    return None if seconds is None else START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("10:00:01.123", None, True),
        ("10:00:01.124", None, False),
        ("10:00:01.1231", None, False),  # it is shown as .123
        (None, "10:00:01.123", True),
        (None, "10:00:01.1239", True),
        (None, "10:00:01.122999", False),
        ("10:00:01.123", "10:00:01.123", True),
    ],
)
def test_events_are_found_by_the_time_they_are_shown_with(
    since: str | None, until: str | None, expected: bool
) -> None:
    table = chained([event(1, seconds=1.1235)])
    bounds = [text and datetime.fromisoformat(f"2026-03-01T{text}+00:00") for text in (since, until)]
    query = AuditFilter({}, bounds[0] or None, bounds[1] or None)
    assert len(found(table, query, ascending=True)) == expected


@BOTH_DIRECTIONS
def test_dates_at_the_ends_of_the_calendar_are_bounds_like_others(ascending: bool) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    table = chained(events(3))
    assert len(found(table, AuditFilter({}, first, last), ascending)) == 3
    assert found(table, AuditFilter({}, last, None), ascending) == []
    assert found(table, AuditFilter({}, None, first), ascending) == []


# --- what others have put in -----------------------------------------------------------------------------------------


def test_what_is_not_in_the_chain_is_not_found(table: Table) -> None:
    copy(few(), table)
    (real,) = table.get([keys.audit_entry(5)])
    assert real is not None
    fake = {**real, "text": str(real["text"]).replace("SUCCESS", "FAILED"), "pk": "BLOCK#somewhere"}
    table.write([Put(keys.AUDIT, {**fake, "sk": keys.audit_sort(2)}), Put(keys.AUDIT, {**fake, "sk": "x"})])
    chain = ItemAuditChain(table)
    entry = chain.entry(event(5).id)
    assert entry is not None
    assert (entry.sequence, entry.event) == (5, event(5))
    about = {"resource_id": event(5).resource_id}
    assert found(table, AuditFilter(about), ascending=True) == matching(events(FEW), about)


def test_an_entry_that_lost_its_place_in_the_index_is_not_taken_for_another(table: Table) -> None:
    copy(few(), table)
    (stored,) = table.get([keys.audit_entry(5)])
    assert stored is not None
    table.write([Put(keys.AUDIT, {**stored, "event_id": event(9).id}, when=None)])
    chain = ItemAuditChain(table)
    entry = chain.entry(event(9).id)
    assert entry is not None
    assert entry.sequence == 9
    assert chain.entry(event(5).id) is None

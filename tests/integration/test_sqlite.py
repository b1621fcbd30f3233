"""What the table on one machine promises beyond the contract: threads, and commits that they share."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.items import ConditionFailed, Delete, Key, Put, Query, Update
from flowker.adapters.keys import EXECUTIONS
from flowker.errors import InvalidBody, StoreUnavailable
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import MemoryTable
from tests.integration.threads import at_once

KEY = Key(EXECUTIONS, "COUNTER", "TOTAL")


def put(number: int | str) -> Put:
    return Put(EXECUTIONS, {"pk": f"EXECUTION#{number}", "sk": "META", "number": number})


def keys_of(*numbers: int | str) -> list[Key]:
    return [put(number).key for number in numbers]


# --- threads ---------------------------------------------------------------------------------------------------------


def test_readers_see_what_has_been_written_and_never_half_a_transaction(sqlite_table: SqliteTable) -> None:
    a, b = Key(EXECUTIONS, "P", "a"), Key(EXECUTIONS, "P", "b")
    sqlite_table.write([Put(key.table, {"pk": key.pk, "sk": key.sk, "count": 0}) for key in (a, b)])

    def work(number: int) -> bool:
        if number == 0:
            for turn in range(1, 51):
                sqlite_table.write([Update(key, add={"count": 1}) for key in (a, b)])
                assert [item["count"] for item in sqlite_table.query(Query(EXECUTIONS, "P"))] == [turn, turn]
            return True
        pairs = [[item["count"] for item in sqlite_table.query(Query(EXECUTIONS, "P"))] for _ in range(50)]
        return all(first == second for first, second in pairs)

    assert at_once(4, work) == [True] * 4


def test_connections_of_threads_that_ended_are_closed(sqlite_table: SqliteTable, tmp_path: Path) -> None:
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("the open files of a process cannot be listed here")
    for _ in range(20):
        thread = Thread(target=sqlite_table.get, args=([KEY],))
        thread.start()
        thread.join()
    opened = [
        link for link in open_files.iterdir() if link.is_symlink() and str(tmp_path) in str(link.readlink())
    ]
    assert len(opened) < 10


# --- group commit ----------------------------------------------------------------------------------------------------


def test_a_failed_condition_does_not_disturb_its_neighbours(sqlite_table: SqliteTable) -> None:
    sqlite_table.write([put("taken"), Put(EXECUTIONS, {"pk": KEY.pk, "sk": KEY.sk, "half": "x" * 250_000})])
    barrier = Barrier(2)
    gate = sqlite_table.file.submit(lambda connection: barrier.wait())
    before = sqlite_table.submit([put("before")])
    failing = sqlite_table.submit([put("undone"), put("taken")])
    broken = sqlite_table.submit([put("undone as well"), Update(KEY, set={"other half": "x" * 250_000})])
    after = sqlite_table.submit([put("after"), Delete(put("before").key)])
    barrier.wait()
    gate.result()

    assert before.result() is None
    assert after.result() is None
    failure = failing.exception()
    assert isinstance(failure, ConditionFailed)
    assert (failure.index, failure.item) == (1, put("taken").item)
    assert isinstance(broken.exception(), InvalidBody)
    stored = sqlite_table.get(keys_of("taken", "before", "undone", "undone as well", "after"))
    assert [item and item["number"] for item in stored] == ["taken", None, None, None, "after"]


def test_more_writes_than_a_batch_holds_are_all_stored_in_order(sqlite_table: SqliteTable) -> None:
    sqlite_table.write([Put(EXECUTIONS, {"pk": KEY.pk, "sk": KEY.sk, "last": -1})])
    futures = [
        sqlite_table.submit([Update(KEY, set={"last": number}, add={"count": 1})]) for number in range(200)
    ]
    futures[-1].result()
    assert all(future.done() for future in futures)
    assert sqlite_table.get([KEY]) == [{"pk": KEY.pk, "sk": KEY.sk, "last": 199, "count": 200}]


def test_a_write_that_was_cancelled_in_time_does_not_happen(sqlite_table: SqliteTable) -> None:
    barrier = Barrier(2)
    sqlite_table.file.submit(lambda connection: barrier.wait())
    unwanted = sqlite_table.submit([put("unwanted")])
    assert unwanted.cancel()
    barrier.wait()
    sqlite_table.write([put("wanted")])
    assert [item is not None for item in sqlite_table.get(keys_of("unwanted", "wanted"))] == [False, True]


def test_what_was_submitted_is_stored_by_close(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "flowker.db")
    futures = [table.submit([put(number)]) for number in range(100)]
    table.close()
    table.close()
    assert all(future.result() is None for future in futures)
    with closing(SqliteTable(tmp_path / "flowker.db")) as again:
        assert None not in again.get(keys_of(*range(100)))


def test_a_closed_store_refuses(tmp_path: Path) -> None:
    table = SqliteTable(tmp_path / "flowker.db")
    table.get([KEY])
    table.close()
    for use in (
        lambda: table.write([put(1)]),
        lambda: table.get([KEY]),
        lambda: table.query(Query(EXECUTIONS, "P")),
    ):
        with pytest.raises(StoreUnavailable):
            use()


# --- queries ---------------------------------------------------------------------------------------------------------

texts = st.text(alphabet="ab\x00é\ud7ff\ue000\U0010ffff", max_size=4)
bounds = st.none() | texts


@settings(max_examples=60, deadline=None)
@given(
    st.lists(texts.filter(bool), max_size=10, unique=True),
    st.builds(Query, st.just(EXECUTIONS), st.just(""), st.none(), bounds, bounds, bounds, st.booleans()),
)
def test_every_range_is_the_one_a_dictionary_finds(
    shared_table: SqliteTable, sort_keys: list[str], wanted: Query
) -> None:
    pk = str(uuid4())
    query = Query(wanted.table, pk, None, wanted.after, wanted.before, wanted.prefix, wanted.forward)
    memory = MemoryTable()
    for table in (memory, shared_table):
        table.write([Put(EXECUTIONS, {"pk": pk, "sk": sk}) for sk in sort_keys])
    assert shared_table.query(query) == memory.query(query)


@pytest.fixture(scope="module")
def shared_table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteTable]:
    with closing(SqliteTable(tmp_path_factory.mktemp("shared") / "flowker.db")) as table:
        yield table


# --- time ------------------------------------------------------------------------------------------------------------


def test_what_has_expired_goes_but_runs_are_left_to_be_forgotten_as_a_whole(
    sqlite_table: SqliteTable,
) -> None:
    times = {"STORE#a": 100, "STORE#b": 101, "STORE#c": None, "TOKEN#1": 99, "EXECUTION#1": 99}
    for pk, expires in times.items():
        life = {} if expires is None else {"expires_at": expires}
        sqlite_table.write([Put(EXECUTIONS, {"pk": pk, "sk": "K", **life})])
    assert [sqlite_table.expire(100), sqlite_table.expire(100)] == [2, 0]
    left = sqlite_table.get([Key(EXECUTIONS, pk, "K") for pk in times])
    assert [item is not None for item in left] == [False, True, True, False, True]


def test_what_expires_is_found_by_an_index(sqlite_table: SqliteTable, tmp_path: Path) -> None:
    statement = "EXPLAIN QUERY PLAN SELECT pk FROM executions WHERE json_extract(item, '$.expires_at') <= 1 "
    with closing(sqlite3.connect(tmp_path / "flowker.db")) as connection:
        plan = connection.execute(statement + "AND substr(pk, 1, 10) <> 'EXECUTION#'").fetchall()
    assert "executions_expires_at" in str(plan)

"""What the table on one machine promises beyond the contract: threads, processes, crashes, and a file in trouble."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.items import ConditionFailed, Delete, Key, Put, Query, Update
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS
from flowker.errors import StoreUnavailable
from flowker_local.sqlite_blobs import SqliteBlobs
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import MemoryTable

KEY = Key(EXECUTIONS, "COUNTER", "TOTAL")


def put(number: int | str) -> Put:
    return Put(EXECUTIONS, {"pk": f"EXECUTION#{number}", "sk": "META", "number": number})


def keys_of(*numbers: int | str) -> list[Key]:
    return [put(number).key for number in numbers]


# --- threads ---------------------------------------------------------------------------------------------------------


def in_threads(count: int, work: Callable[[int], bool]) -> list[bool]:
    """Let all threads start at the same moment."""
    barrier = Barrier(count)

    def run(number: int) -> bool:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_one_of_many_writers_creates_an_item(sqlite_table: SqliteTable) -> None:
    def create(number: int) -> bool:
        try:
            sqlite_table.write([Put(EXECUTIONS, {"pk": KEY.pk, "sk": KEY.sk, "winner": number})])
        except ConditionFailed as failed:
            return failed.item != sqlite_table.get([KEY])[0]
        return True

    won = in_threads(50, create)
    assert won.count(True) == 1
    assert sqlite_table.get([KEY]) == [{"pk": KEY.pk, "sk": KEY.sk, "winner": won.index(True)}]


def test_no_addition_is_lost(sqlite_table: SqliteTable) -> None:
    sqlite_table.write([Put(EXECUTIONS, {"pk": KEY.pk, "sk": KEY.sk})])

    def add(number: int) -> bool:
        for _ in range(50):
            sqlite_table.write([Update(KEY, add={"count": 1})])
        return True

    in_threads(8, add)
    assert sqlite_table.get([KEY]) == [{"pk": KEY.pk, "sk": KEY.sk, "count": 400}]


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

    assert in_threads(4, work) == [True] * 4


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
    sqlite_table.write([put("taken")])
    barrier = Barrier(2)
    gate = sqlite_table.file.submit(lambda connection: barrier.wait())
    before = sqlite_table.submit([put("before")])
    failing = sqlite_table.submit([put("undone"), put("taken")])
    broken = sqlite_table.submit([put("undone as well"), put("no text: \ud800")])
    after = sqlite_table.submit([put("after"), Delete(put("before").key)])
    barrier.wait()
    gate.result()

    assert before.result() is None
    assert after.result() is None
    failure = failing.exception()
    assert isinstance(failure, ConditionFailed)
    assert (failure.index, failure.item) == (1, put("taken").item)
    assert isinstance(broken.exception(), UnicodeEncodeError)
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


# --- limits ----------------------------------------------------------------------------------------------------------


def test_the_limits_of_aws_hold_here_too(sqlite_table: SqliteTable) -> None:
    with pytest.raises(ValueError, match="101 writes"):
        sqlite_table.write([put(number) for number in range(101)])
    with pytest.raises(ValueError, match="101 keys"):
        sqlite_table.get(keys_of(*range(101)))
    with pytest.raises(ValueError, match="same key"):
        sqlite_table.write([put(1), Update(put(1).key, set={"a": 1})])
    with pytest.raises(TypeError, match="NoneType"):
        sqlite_table.write([Put(EXECUTIONS, {"pk": "P", "sk": "S", "a": None})])  # type: ignore[dict-item]


# --- processes and crashes -------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from flowker.adapters.items import Put
from flowker_local.sqlite_table import SqliteTable

table = SqliteTable(Path(sys.argv[1]))
for number in range(10_000):
    table.write([Put("executions", {"pk": f"EXECUTION#{number}", "sk": "META", "number": number})])
    print(number, flush=True)
"""


def test_what_was_written_survives_the_kill_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        reported = [int(next(child.stdout)) for _ in range(60)]
        child.send_signal(signal.SIGKILL)
        reported += [int(line) for line in child.stdout if line.endswith("\n")]
    assert child.returncode == -signal.SIGKILL
    with closing(SqliteTable(path)) as table:
        for number in reported:
            assert table.get(keys_of(number)) == [put(number).item]
        assert reported == list(range(len(reported)))


ADDER = """
import sys
from pathlib import Path
from flowker.adapters.items import Condition, ConditionFailed, Key, Put, Update
from flowker_local.sqlite_table import SqliteTable

key = Key("executions", "COUNTER", "TOTAL")
table = SqliteTable(Path(sys.argv[1]), patience=30)
try:
    table.write([Put(key.table, {"pk": key.pk, "sk": key.sk})])
except ConditionFailed:
    pass
for _ in range(50):
    table.write([Update(key, add={"count": 1})])
table.close()
"""


def test_processes_may_create_and_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    children = [subprocess.Popen([sys.executable, "-c", ADDER, str(path)]) for _ in range(4)]
    assert [child.wait() for child in children] == [0] * 4
    with closing(SqliteTable(path)) as table:
        assert table.get([KEY]) == [{"pk": KEY.pk, "sk": KEY.sk, "count": 200}]


# --- a file in trouble -----------------------------------------------------------------------------------------------


def test_a_full_disk_refuses_and_passes(sqlite_table: SqliteTable) -> None:
    def allow(pages: int) -> None:
        sqlite_table.file.submit(
            lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}")
        ).result()

    allow(1)  # SQLite takes the present size instead
    large = Put(EXECUTIONS, {"pk": "LARGE", "sk": "META", "text": "x" * 100_000})
    for _ in range(2):
        with pytest.raises(StoreUnavailable) as raised:
            sqlite_table.write([large])
        assert "full" in str(raised.value.__cause__)
    assert sqlite_table.get([large.key]) == [None]
    allow(100_000)
    sqlite_table.write([large])
    assert sqlite_table.get([large.key]) == [large.item]


def test_a_lock_of_another_process_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    with (
        closing(SqliteTable(path, patience=0.05)) as table,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as raised:
            table.write([put(1)])
        assert "locked" in str(raised.value.__cause__)
        assert table.get(keys_of(1)) == [None]
        other.execute("ROLLBACK")
        table.write([put(1)])
        assert table.get(keys_of(1)) == [put(1).item]


@pytest.mark.parametrize("content", [b"no database " * 1000, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_corrupt_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "flowker.db"
    path.write_bytes(content)
    with pytest.raises(StoreUnavailable):
        SqliteTable(path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        SqliteTable(tmp_path / "nowhere" / "flowker.db")


def test_a_file_of_an_older_version_gets_its_new_indexes(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    item = '{"pk":"WORKFLOW#1","sk":"HEAD","kind":"WORKFLOW","name_sort":"a"}'
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE definitions (pk, sk, item, kind TEXT, PRIMARY KEY (pk, sk)) WITHOUT ROWID")
        old.execute("INSERT INTO definitions VALUES ('WORKFLOW#1', 'HEAD', ?, 'WORKFLOW')", (item,))
        old.commit()
    with closing(SqliteTable(path)) as table:
        (found,) = table.query(Query(DEFINITIONS, "WORKFLOW", "by_name"))
        assert found["pk"] == "WORKFLOW#1"


def test_blobs_live_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    with closing(SqliteTable(path)) as table:
        SqliteBlobs(table.file).put("a/b", b"\x00content")
    with closing(SqliteTable(path)) as table:
        assert SqliteBlobs(table.file).get("a/b") == b"\x00content"


# --- queries ---------------------------------------------------------------------------------------------------------

texts = st.text(alphabet="ab\x00é\ud7ff\ue000\U0010ffff", max_size=4)
bounds = st.none() | texts


@settings(max_examples=60, deadline=None)
@given(
    st.lists(texts, max_size=10, unique=True),
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

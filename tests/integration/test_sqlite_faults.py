"""The table on one machine among other processes, killed, and on a file in trouble."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flowker.adapters.items import Key, Put, Query
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS
from flowker.errors import StoreUnavailable
from flowker_local.sqlite_blobs import SqliteBlobs
from flowker_local.sqlite_table import SqliteTable

KEY = Key(EXECUTIONS, "COUNTER", "TOTAL")


def put(number: int) -> Put:
    return Put(EXECUTIONS, {"pk": f"EXECUTION#{number}", "sk": "META", "number": number})


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
            assert table.get([put(number).key]) == [put(number).item]
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
        assert table.get([put(1).key]) == [None]
        other.execute("ROLLBACK")
        table.write([put(1)])
        assert table.get([put(1).key]) == [put(1).item]


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


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    with closing(SqliteTable(path)):
        pass
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 2")
    with pytest.raises(ValueError, match="schema 2, this version of Flowker reads 1"):
        SqliteTable(path)
    with closing(sqlite3.connect(path)) as left:
        assert left.execute("PRAGMA user_version").fetchone() == (2,)


def test_blobs_live_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "flowker.db"
    with closing(SqliteTable(path)) as table:
        SqliteBlobs(table.file).put("a/b", b"\x00content")
    with closing(SqliteTable(path)) as table:
        assert SqliteBlobs(table.file).get("a/b") == b"\x00content"

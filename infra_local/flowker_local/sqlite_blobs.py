"""`SqliteBlobs`: large payloads as rows of the database file."""

import sqlite3

from flowker.adapters.table_rules import successor
from flowker_local.sqlite_file import SqliteFile, SqliteReaders


class SqliteBlobs:
    """`adapters.items.Blobs` in a SQLite file that somebody else closes, such as `SqliteTable.file`.

    All methods raise `StoreUnavailable` when the file cannot be used.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        file.write(_create_table)

    def put(self, key: str, content: bytes) -> None:
        def store(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO blobs (key, content) VALUES (?, ?)", (key, content))

        self._file.write(store)

    def get(self, key: str) -> bytes:
        return read_blob(self._file, key)

    def delete(self, start: str) -> None:
        def remove(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM blobs WHERE key >= ? AND key < ?", (start, successor(start)))

        self._file.write(remove)


def read_blob(file: SqliteReaders, key: str) -> bytes:
    """Raises `KeyError`."""
    with file.rows("SELECT content FROM blobs WHERE key = ?", (key,)) as rows:
        row: tuple[bytes] | None = rows.fetchone()
    if row is None:
        raise KeyError(key)
    return row[0]


def _create_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS blobs (key TEXT PRIMARY KEY, content BLOB NOT NULL)")

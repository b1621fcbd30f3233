"""`SqliteTable`: the table on one machine."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path

from flowker.adapters.items import (
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Query,
    Update,
    Write,
)
from flowker.adapters.keys import EXECUTION, EXECUTIONS, TABLES, Index
from flowker.adapters.table_rules import (
    check_item,
    check_keys,
    check_query,
    check_writes,
    passes,
    successor,
)
from flowker.errors import StoreUnavailable
from flowker_local.sqlite_file import SqliteFile, SqliteReaders

_COLUMNS = {
    table: sorted({column for index in indexes.values() for column in (index.pk, index.sk)} - {"pk", "sk"})
    for table, indexes in TABLES.items()
}
_SELECT = {table: f"SELECT item FROM {table} WHERE pk = ? AND sk = ?" for table in TABLES}  # noqa: S608
_DELETE = {table: f"DELETE FROM {table} WHERE pk = ? AND sk = ?" for table in TABLES}  # noqa: S608
_STORE = {
    table: f"INSERT OR REPLACE INTO {table} ({', '.join(['pk', 'sk', 'item', *columns])}) "  # noqa: S608
    f"VALUES ({', '.join('?' * (3 + len(columns)))})"
    for table, columns in _COLUMNS.items()
}


_EXPIRES = "json_extract(item, '$.expires_at')"
_OF_NO_RUN = f"substr(pk, 1, {len(EXECUTION)}) <> '{EXECUTION}'"
"""Runs are forgotten as a whole, see `flowker.adapters.stores.run_expiry`."""
_EXPIRED = f"DELETE FROM {EXECUTIONS} WHERE {_EXPIRES} <= ? AND {_OF_NO_RUN}"  # noqa: S608
_SCHEMA = 1
"""Of the file. Its items carry their own."""
_PARSED = 250
"""Rows parsed at a time."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class SqliteReads:
    """The reading half of `adapters.items.Table`; a process that does not write needs no more."""

    def __init__(self, file: SqliteReaders) -> None:
        self._file = file

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        check_keys(keys)
        found: dict[Key, Item] = {}
        for table, pk in dict.fromkeys((key.table, key.pk) for key in keys):
            wanted = [key.sk for key in keys if (key.table, key.pk) == (table, pk)]
            places = ", ".join("?" * len(wanted))
            statement = f"SELECT sk, item FROM {table} WHERE pk = ? AND sk IN ({places})"  # noqa: S608
            with self._file.rows(statement, [pk, *wanted]) as rows:
                found |= {Key(table, pk, sk): json.loads(text) for sk, text in rows}
        return [found.get(key) for key in keys]

    def query(self, query: Query) -> list[Item]:
        check_query(query)
        statement, values = _select(query)
        with self._file.rows(statement, values) as rows:
            items = _items(rows, query.limit)
            passing = (item for item in items if passes(item, query)) if query.where else items
            return list(islice(passing, query.limit))


class SqliteTable(SqliteReads):
    """`adapters.items.Table` in a SQLite file: items as JSON, and a column for each attribute that an index sorts by.

    Threads and processes may share the file; other tables in it are reached through `file`. `close` it.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        """Raises `StoreUnavailable` if the file cannot be used; a locked one is waited for, `patience` seconds. Raises
        `ValueError` if another version of Flowker has written it, and changes nothing in it."""
        self.file = SqliteFile(path, patience=patience)
        super().__init__(self.file)
        try:
            self.file.write(_create_tables)
        except (StoreUnavailable, ValueError):
            self.file.close()
            raise

    def write(self, writes: Sequence[Write]) -> None:
        check_writes(writes)
        self.file.write(partial(_apply, writes))

    def submit(self, writes: Sequence[Write]) -> Future[None]:
        """`write` without waiting: the future is done when everything is stored durably, or nothing is and it holds what
        `write` would raise. Its callbacks must be short and must not wait for another write."""
        check_writes(writes)
        return self.file.submit(partial(_apply, writes))

    def expire(self, now: int) -> int:
        """Delete the items whose time is over, in seconds since 1970, as DynamoDB does by itself. Returns how many."""
        return self.file.write(lambda connection: connection.execute(_EXPIRED, (now,)).rowcount)

    def close(self) -> None:
        """Store what was submitted, then close the file."""
        self.file.close()


def _item(row: tuple[str] | None) -> Item | None:
    if row is None:
        return None
    item: Item = json.loads(row[0])
    return item


def _items(rows: sqlite3.Cursor, limit: int | None) -> Iterator[Item]:
    """All rows, read and parsed some at a time: that is twice as fast as one by one."""
    while part := rows.fetchmany(min(limit or _PARSED, _PARSED)):
        yield from json.loads(f"[{','.join(text for (text,) in part)}]")


def _select(query: Query) -> tuple[str, list[str]]:
    """The statement for all items in the query's range, in order, and its values."""
    index = TABLES[query.table][query.index] if query.index else Index("pk", "sk")
    using = f"INDEXED BY {_index_name(query.table, index)}" if query.index else ""
    bounds: list[tuple[str, str | None]] = [(">", query.after), ("<", query.before)]
    if query.prefix:
        bounds += [(">=", query.prefix), ("<", successor(query.prefix))]
    given = [(operator, value) for operator, value in bounds if value is not None]
    conditions = [
        f"{index.pk} = ?",
        f"{index.sk} IS NOT NULL",
        *(f"{index.sk} {operator} ?" for operator, _ in given),
    ]
    direction = "ASC" if query.forward else "DESC"
    order = ", ".join(f"{column} {direction}" for column in dict.fromkeys((index.sk, "pk", "sk")))
    statement = f"SELECT item FROM {query.table} {using} WHERE {' AND '.join(conditions)} ORDER BY {order}"  # noqa: S608
    return statement, [query.pk, *(value for _, value in given)]


# --- inside a transaction ---------------------------------------------------------------------------------------------


def _apply(writes: Sequence[Write], connection: sqlite3.Connection) -> None:
    for position, write in enumerate(writes):
        stored = None
        if write.when is not None or isinstance(write, Update):
            row = connection.execute(_SELECT[write.key.table], (write.key.pk, write.key.sk)).fetchone()
            stored = _item(row)
        if write.when is not None and not write.when.holds(stored):
            raise ConditionFailed(position, stored)
        match write:
            case Put():
                _store(write.key, write.item, connection)
            case Update():
                changed = write.apply(stored or {"pk": write.key.pk, "sk": write.key.sk})
                check_item(write.key.table, changed)
                _store(write.key, changed, connection)
            case Delete():
                connection.execute(_DELETE[write.key.table], (write.key.pk, write.key.sk))
            case Check():
                pass


def _store(key: Key, item: Item, connection: sqlite3.Connection) -> None:
    text = _ENCODER.encode(item)
    attributes = (item.get(column) for column in _COLUMNS[key.table])
    indexed = [value if isinstance(value, str) else None for value in attributes]
    connection.execute(_STORE[key.table], (key.pk, key.sk, text, *indexed))


def _create_tables(connection: sqlite3.Connection) -> None:
    """Create what is missing, also in a file of an older version: an attribute that an index sorts by since."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema not in (0, _SCHEMA):
        raise ValueError(f"the database has schema {schema}, this version of Flowker reads {_SCHEMA}")
    connection.execute(f"PRAGMA user_version = {_SCHEMA}")
    for table, columns in _COLUMNS.items():
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (pk TEXT NOT NULL, sk TEXT NOT NULL, item TEXT NOT NULL, "
            "PRIMARY KEY (pk, sk)) WITHOUT ROWID"
        )
        present = {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
        for column in (column for column in columns if column not in present):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} TEXT")
            connection.execute(f"UPDATE {table} SET {column} = json_extract(item, '$.{column}')")  # noqa: S608
        for index in TABLES[table].values():
            connection.execute(
                f"CREATE INDEX IF NOT EXISTS {_index_name(table, index)} ON {table} ({index.pk}, {index.sk}) "
                f"WHERE {index.pk} IS NOT NULL AND {index.sk} IS NOT NULL"
            )
    connection.execute(
        f"CREATE INDEX IF NOT EXISTS {EXECUTIONS}_expires_at ON {EXECUTIONS} ({_EXPIRES}) "
        f"WHERE {_OF_NO_RUN} AND {_EXPIRES} IS NOT NULL"
    )


def _index_name(table: str, index: Index) -> str:
    """Named after what it holds, so that an index of other attributes is another index."""
    return f"{table}_{index.pk}_{index.sk}"

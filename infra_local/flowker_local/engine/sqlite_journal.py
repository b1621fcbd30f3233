"""The journal in a SQLite file of its own, written by one thread."""

import logging
import secrets
import sqlite3
from asyncio import wrap_future
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread

from flowker.model.exact_json import Json, dumps, loads

_log = logging.getLogger(__name__)

_SCHEMA = 1
_TABLES = """
CREATE TABLE machines (name TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (name TEXT PRIMARY KEY, position TEXT NOT NULL);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
_LINGER_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_BUSY_SECONDS = 30.0


@dataclass(slots=True)
class _Batch:
    """`positions` holds the latest position of each run and `machines` definitions, None for what is to be removed."""

    positions: dict[str, Json] = field(default_factory=dict)
    machines: dict[str, str | None] = field(default_factory=dict)
    waiting: list[Future[None]] = field(default_factory=list)


class SqliteJournal:
    """Implements `Journal`. Positions queue up for 50 ms and while the writer is busy; then it takes all at once, of
    each run the latest, so that a short run never touches the disk.

    Batches that nobody waits for are committed with synchronous=NORMAL: they survive the death of the process, and a
    power cut may take the last of them. Losing the last positions is safe because tasks are idempotent by contract: a run
    that restarts some transitions earlier arrives at the same place. What somebody waits for (`add_machine`, `flush`) is
    committed with synchronous=FULL, and with it everything before it.

    If the disk refuses, who waits gets the error; positions stay queued and are tried again every second.
    """

    def __init__(self, path: Path) -> None:
        """Raises `sqlite3.Error`, and `ValueError` for a file of another schema."""
        self._path = path
        self._lock = Lock()
        self._queue = _Batch()
        self._work = Event()
        self._urgent = Event()
        self._closing = False
        self._failure: sqlite3.Error | None = None
        self._stored: set[str] = set()
        with closing(self._connect()) as connection:
            self._key = _prepare(connection)
            self._stored.update(name for (name,) in connection.execute("SELECT name FROM runs"))
        self._writer = Thread(target=self._write_until_closed, name="engine-journal", daemon=True)
        self._writer.start()

    def key(self) -> bytes:
        return self._key

    def add_machine(self, name: str, definition: Json) -> None:
        text = dumps(definition)
        self._urge(lambda queue: queue.machines.update({name: text})).result()

    def remove_machine(self, name: str) -> None:
        self._urge(lambda queue: queue.machines.update({name: None})).result()

    def machine(self, name: str) -> Json:
        with closing(self._connect()) as connection:
            row = connection.execute("SELECT definition FROM machines WHERE name = ?", (name,)).fetchone()
        return None if row is None else loads(row[0])

    def save(self, name: str, position: Json) -> None:
        with self._lock:
            self._check_open()
            self._queue.positions[name] = position
        if not self._work.is_set():
            self._work.set()

    def remove(self, name: str) -> None:
        with self._lock:
            if name not in self._stored:
                self._queue.positions.pop(name, None)
                return
        self.save(name, None)

    async def flush(self) -> None:
        await wrap_future(self._urge(lambda _queue: None))

    def runs(self) -> dict[str, Json]:
        with closing(self._connect()) as connection:
            return {name: loads(text) for name, text in connection.execute("SELECT name, position FROM runs")}

    def close(self) -> None:
        """Write what is queued and stop. Raises `sqlite3.Error` if it could not be written."""
        with self._lock:
            self._closing = True
        self._work.set()
        self._urgent.set()
        self._writer.join()
        if self._failure is not None:
            raise self._failure

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=_BUSY_SECONDS)

    def _check_open(self) -> None:
        if self._closing:
            raise RuntimeError("the journal is closed")

    def _urge(self, enqueue: Callable[[_Batch], None]) -> Future[None]:
        done: Future[None] = Future()
        with self._lock:
            self._check_open()
            enqueue(self._queue)
            self._queue.waiting.append(done)
        self._urgent.set()
        self._work.set()
        return done

    def _write_until_closed(self) -> None:
        with closing(self._connect()) as connection:
            while not (self._closing and self._is_idle()):
                self._work.wait()
                self._urgent.wait(_LINGER_SECONDS)
                batch = self._take()
                try:
                    _commit(connection, batch)
                except sqlite3.Error as error:
                    self._put_back(batch, error)
                    if self._failure is not None:
                        return
                else:
                    for done in batch.waiting:
                        done.set_result(None)

    def _is_idle(self) -> bool:
        with self._lock:
            return not (self._queue.positions or self._queue.waiting)

    def _take(self) -> _Batch:
        with self._lock:
            batch, self._queue = self._queue, _Batch()
            self._stored.update(name for name, position in batch.positions.items() if position is not None)
            self._stored.difference_update(
                name for name, position in batch.positions.items() if position is None
            )
            if not self._closing:
                self._work.clear()
                self._urgent.clear()
        # Who was cancelled while waiting is not waiting any more, and who waits now can no longer be cancelled.
        batch.waiting = [done for done in batch.waiting if done.set_running_or_notify_cancel()]
        return batch

    def _put_back(self, batch: _Batch, error: sqlite3.Error) -> None:
        _log.error("the journal of the engine could not be written: %s", error)
        for done in batch.waiting:
            done.set_exception(error)
        with self._lock:
            self._queue.positions = {**batch.positions, **self._queue.positions}
            self._failure = error if self._closing else None
        self._urgent.wait(_RETRY_SECONDS)
        self._work.set()


def _prepare(connection: sqlite3.Connection) -> bytes:
    """Create what is missing; returns the key."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema == 0:
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute("INSERT INTO secrets VALUES ('task tokens', ?)", (secrets.token_bytes(32),))
        connection.execute(f"PRAGMA user_version = {_SCHEMA}")
    elif schema != _SCHEMA:
        raise ValueError(f"the engine's journal has schema {schema}, this version reads {_SCHEMA}")
    connection.execute("COMMIT")
    (key,) = connection.execute("SELECT value FROM secrets WHERE name = 'task tokens'").fetchone()
    return bytes(key)


def _commit(connection: sqlite3.Connection, batch: _Batch) -> None:
    connection.execute(f"PRAGMA synchronous = {'FULL' if batch.waiting else 'NORMAL'}")
    removed = [(name,) for name, position in batch.positions.items() if position is None]
    machines = [(name, text) for name, text in batch.machines.items() if text is not None]
    deleted = [(name,) for name, text in batch.machines.items() if text is None]
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO machines VALUES (?, ?)", machines)
        connection.executemany("DELETE FROM machines WHERE name = ?", deleted)
        connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?)", _rows(batch.positions))
        connection.executemany("DELETE FROM runs WHERE name = ?", removed)
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rows(positions: dict[str, Json]) -> Iterator[tuple[str, str]]:
    for name, position in positions.items():
        if position is None:
            continue
        try:
            yield name, dumps(position)
        except (TypeError, ValueError, RecursionError) as error:
            # The position before this one stays: safe, and better than losing those of all other runs.
            _log.error("the position of run %s is not JSON and was not recorded: %s", name, error)

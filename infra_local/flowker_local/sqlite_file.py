"""One SQLite database of this process: any number of readers, and one writer that commits for all who wait.

A commit costs one fsync however many changes it holds. So one thread at a time takes all waiting changes, applies each
under a savepoint of its own, commits once, and only then answers their callers. A thread that waits anyway does this
itself, which saves handing over; a thread of its own does it for those who do not wait. Other processes may use the file.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock, Semaphore, Thread, current_thread, local
from types import TracebackType
from typing import Any, Generic, TypeVar

from flowker.errors import StoreUnavailable

_BATCH = 64
"""Changes in one commit: bounds how long the first of them waits for the others."""

T = TypeVar("T")


class SqliteReaders:
    """Read-only connections to a database file, one per thread; `close` them.

    Raises `StoreUnavailable` from every method when the file is locked for longer than `patience` seconds, corrupt or
    closed.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        self._path = path
        self._patience = patience
        self._local = local()
        self._readers: dict[Thread, sqlite3.Connection] = {}
        self._lock = Lock()
        self._closed = False

    @contextmanager
    def rows(self, statement: str, values: Sequence[str] = ()) -> Iterator[sqlite3.Cursor]:
        """The rows of a query, as they are when it starts: every change that was answered is in them."""
        with _translated(), closing(self._reader().execute(statement, values)) as cursor:
            yield cursor

    def close(self) -> None:
        """Close every connection. Closing again changes nothing."""
        with self._lock:
            self._closed = True
            while self._readers:
                self._readers.popitem()[1].close()

    def _reader(self) -> sqlite3.Connection:
        """This thread's connection, which cannot write."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect("?mode=ro")
            with self._lock:
                for thread in [thread for thread in self._readers if not thread.is_alive()]:
                    self._readers.pop(thread).close()
                self._readers[current_thread()] = connection
        return connection

    def _connect(self, options: str = "") -> sqlite3.Connection:
        return sqlite3.connect(
            self._path.absolute().as_uri() + options,
            uri=True,
            timeout=self._patience,
            isolation_level=None,  # transactions begin and end where this module says so
            check_same_thread=False,  # `close` closes the connections of all threads, and whoever waits may commit
        )


class SqliteFile(SqliteReaders):
    """A database file in an existing folder, created if absent; `close` it.

    Raises `StoreUnavailable` here and from every method when the file is locked for longer than `patience` seconds,
    full, corrupt or closed.
    """

    def __init__(self, path: Path, *, patience: float = 5.0) -> None:
        super().__init__(path, patience=patience)
        self._waiting: deque[_Change[Any]] = deque()
        self._committing = Lock()
        self._submitted = Semaphore(0)
        self._writer = self._open_writer()
        self._thread = Thread(target=self._commit_submitted, name="sqlite-writer", daemon=True)
        self._thread.start()

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Apply the change in a transaction, all or nothing, and return when it is committed.

        The calling thread commits for all who wait, unless another one does so for it. What the change raises is raised
        here and disturbs no other change.
        """
        waiting = self._enqueue(change)
        with self._committing:
            while not waiting.future.done():
                self._commit_batch()
        return waiting.future.result()

    def submit(self, change: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """As `write`, without waiting. The future is done when the change is committed or has failed.

        Callbacks of the future run on a thread that commits: they must be short and must not wait for another change.
        """
        waiting = self._enqueue(change)
        self._submitted.release()
        return waiting.future

    def close(self) -> None:
        """Commit what was submitted and close every connection. Closing again changes nothing."""
        with self._lock:
            closing_now, self._closed = not self._closed, True
        if closing_now:
            self._submitted.release()
        self._thread.join()
        super().close()
        self._writer.close()

    def _enqueue(self, change: Callable[[sqlite3.Connection], T]) -> "_Change[T]":
        waiting = _Change(change)
        with self._lock:
            if self._closed:
                raise StoreUnavailable("The store is closed.")
            self._waiting.append(waiting)
        return waiting

    def _open_writer(self) -> sqlite3.Connection:
        with _translated():
            connection = self._connect()
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
            except sqlite3.Error:
                connection.close()
                raise
        return connection

    def _commit_submitted(self) -> None:
        while not self._closed or self._waiting:
            self._submitted.acquire()
            with self._committing:
                self._commit_batch()

    def _commit_batch(self) -> None:
        """Commit the changes that have waited longest, if any. Only who holds `_committing` may."""
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH))]
        taken = [change for change in batch if change.future.set_running_or_notify_cancel()]
        if taken:
            self._commit(taken)

    def _commit(self, batch: Sequence["_Change[Any]"]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for change in batch:
                change.apply(self._writer)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            for change in batch:
                change.future.set_exception(_refusal(error))
            with suppress(sqlite3.Error):  # if it cannot even go back, the next BEGIN fails and says so
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            return
        for change in batch:
            change.answer()


class _Change(Generic[T]):
    """One caller's change, and the promise that it is answered."""

    def __init__(self, change: Callable[[sqlite3.Connection], T]) -> None:
        self.future: Future[T] = Future()
        self._change = change
        self._result: T
        self._error: BaseException | None = None

    def apply(self, connection: sqlite3.Connection) -> None:
        with _Savepoint(connection) as savepoint:
            self._result = self._change(connection)
        self._error = savepoint.error

    def answer(self) -> None:
        if self._error is None:
            self.future.set_result(self._result)
        else:
            self.future.set_exception(self._error)


class _Savepoint:
    """Undoes one change that raised and keeps its error for its caller; trouble with the file ends the whole batch."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: BaseException | None = None

    def __enter__(self) -> "_Savepoint":
        self._connection.execute("SAVEPOINT change")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None and _is_refusal(error):
            return False
        if error is not None:
            self._connection.execute("ROLLBACK TO change")
            self.error = error
        self._connection.execute("RELEASE change")
        return True


def _is_refusal(error: BaseException) -> bool:
    """Locked, full, unreadable (`OperationalError`), or corrupt (`DatabaseError` itself): not the fault of a change."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def _refusal(error: sqlite3.Error) -> StoreUnavailable:
    refusal = StoreUnavailable("The store cannot be used. Try again.")
    refusal.__cause__ = error
    return refusal


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if not _is_refusal(error):
            raise
        raise _refusal(error) from error

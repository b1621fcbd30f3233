"""One transaction with a PostgreSQL server, in its extended protocol: arguments never become part of a statement.

Built on the driver's core, whose own `execute` neither bounds rows nor tells the types of arguments.
"""

import re
from collections.abc import Sequence
from struct import iter_unpack, pack, unpack_from
from typing import Any

from pg8000.core import EXECUTE, SYNC_MSG, Context, CoreConnection

from flowker.adapters.postgres_values import text_of, value_of
from flowker.adapters.postgres_wire import Wire
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed
from flowker.model.sql import SqlResult, SqlServer, SqlStatement

MAX_ROWS = 1000
"""Of one statement."""
MAX_BYTES = 1024 * 1024
"""Of all rows of one call."""

MAX_ROUNDS = 1_000_000
"""Of the hash of a password; servers use some thousands."""

_UNNAMED = b"\0"
_GO_ON = pack("!i", 11)
_ROUNDS = re.compile(rb",i=0*([0-9]+)")
_IN_TRANSACTION = b"T"
_SETTINGS = (
    "SET LOCAL statement_timeout = {left}; SET LOCAL idle_in_transaction_session_timeout = {left}; "
    "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1"
)
"""For this transaction only, because a connection pool may stand between us and the server."""


class Session(CoreConnection):  # type: ignore[misc]
    """A connection after the login. Raises the driver's errors and those of `Wire`."""

    def __init__(self, wire: Wire, server: SqlServer) -> None:
        self._kinds: tuple[int, ...] = ()
        self._room = MAX_BYTES
        self._names = 0
        super().__init__(
            user=server.user,
            password=server.password,
            database=server.database,
            application_name="flowker",
            startup_params={"client_encoding": "UTF8"},
            ssl_context=False,
            sock=wire,
        )

    def transact(self, statements: Sequence[SqlStatement], milliseconds: int) -> list[SqlResult]:
        """All of them or none; each one may take so long."""
        self.execute_simple("BEGIN; " + _SETTINGS.format(left=milliseconds))
        results = [self._run(statement) for statement in statements]
        self.execute_simple("COMMIT")
        return results

    def _run(self, statement: SqlStatement) -> SqlResult:
        context = Context(statement.text)
        context.cut = False
        self._kinds = ()
        self.send_PARSE(_UNNAMED, statement.text)
        self.send_DESCRIBE_STATEMENT(_UNNAMED)
        self._synchronize(context)
        if len(self._kinds) != len(statement.args):
            raise CallFailed(
                f"the statement has {len(self._kinds)} parameters, and {len(statement.args)} args"
            )
        self.send_BIND(_UNNAMED, list(map(text_of, statement.args, self._kinds)))
        self.send_EXECUTE()
        self._synchronize(context)
        if self._transaction_status != _IN_TRANSACTION:
            raise CallFailed("a statement ended the transaction: it must not begin or end one itself")
        found = 0 if context.rows is None else len(context.rows)
        return SqlResult(context.rows, max(context.row_count, found), context.cut)

    def _synchronize(self, context: Any) -> None:
        self._sock.write(SYNC_MSG)
        self._sock.flush()
        self.handle_messages(context)

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Any) -> None:  # noqa: N802
        """The server says how often a password is hashed, and could have it hashed for hours."""
        rounds = (int(digits[:12]) for digits in _ROUNDS.findall(data))
        if data[:4] == _GO_ON and max(rounds, default=0) > MAX_ROUNDS:
            raise CallFailed(f"the server wants the password hashed more than {MAX_ROUNDS} times")
        super().handle_AUTHENTICATION_REQUEST(data, context)

    def handle_PARAMETER_STATUS(self, data: bytes, context: Any) -> None:  # noqa: N802
        """Nothing: the encoding is the one that was asked for."""

    def handle_ROW_DESCRIPTION(self, data: bytes, context: Any) -> None:  # noqa: N802
        super().handle_ROW_DESCRIPTION(data, context)
        self._names = sum(len(column["name"]) for column in context.columns)

    def send_EXECUTE(self) -> None:  # noqa: N802
        """One row more than is kept, to know of it."""
        self._send_message(EXECUTE, _UNNAMED + pack("!i", MAX_ROWS + 1))

    def handle_PARAMETER_DESCRIPTION(self, data: bytes, context: Any) -> None:  # noqa: N802
        self._kinds = tuple(kind for (kind,) in iter_unpack("!i", data[2:]))

    def handle_DATA_ROW(self, data: bytes, context: Any) -> None:  # noqa: N802
        if context.rows is None:
            raise ValueError("a row before its description")
        # Every row repeats the names of its columns.
        self._room -= len(data) + self._names
        if context.cut or self._room < 0 or len(context.rows) == MAX_ROWS:
            context.cut = True
            return
        row: dict[str, Json] = {}
        at = 2
        for column in context.columns:
            (length,) = unpack_from("!i", data, at)
            at += 4
            text = None if length < 0 else data[at : at + length].decode()
            row[column["name"]] = None if text is None else value_of(text, column["type_oid"])
            at += max(length, 0)
        context.rows.append(row)

    def handle_COPY_IN_RESPONSE(self, data: bytes, context: Any) -> None:  # noqa: N802
        raise CallFailed("COPY is not supported")

    def handle_COPY_OUT_RESPONSE(self, data: bytes, context: Any) -> None:  # noqa: N802
        raise CallFailed("COPY is not supported")

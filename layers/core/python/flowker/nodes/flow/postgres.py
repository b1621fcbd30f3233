"""`postgres`: a PostgreSQL database of the tenant (FlowRunner spec d.10).

Every call is one transaction on a connection of its own: it happens as a whole or not at all. But the database knows nothing
of the run. When the answer to the commit is lost, or the worker ends before it has recorded the step, the same call is made
again, and what it changes is changed twice. `set`, `delete` and `batch_insert` with `on_conflict` can be repeated without harm;
let an `INSERT` of your own carry a key, such as `${execution.id}`, and `ON CONFLICT DO NOTHING`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallFailedForNow, CallTimedOut
from flowker.model.run import Level
from flowker.model.sql import SqlResult, SqlServer, SqlStatement, StatementRefused
from flowker.nodes.flow import filters, postgres_statements
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.http_exchange import TIMEOUT
from flowker.nodes.flow.node_type import NodeType, Page
from flowker.nodes.flow.operations import demand, given, unmet
from flowker.nodes.flow.params import INVALID, Kind, Param, Problem, open_
from flowker.nodes.flow.postgres_statements import MAX_FOUND, MAX_ITEMS, MAX_STATEMENTS

Values = Mapping[str, Any]
_ENCRYPTED, _PLAIN = "verify-full", "disable"
_REQUIRED = {
    "execute": ("query",),
    "transaction": ("statements",),
    "batch_insert": ("table_name", "items"),
    "set": ("key", "value"),
    "get": ("key",),
    "delete": ("key",),
}


class Postgres(NodeType):
    name = "postgres"
    table = (
        Param("operation", Kind.TEXT, "What to do", required=True,
              choices=("execute", "transaction", "batch_insert", "set", "get", "delete", "list", "query")),
        Param("host", Kind.TEXT, "Name or address of the server", required=True, least=1),
        Param("port", Kind.COUNT, "Its port", default=5432, least=1, most=65535),
        Param("user", Kind.TEXT, "Who logs in", required=True, least=1),
        Param("password", Kind.TEXT, "The password; a secret", default=""),
        Param("dbname", Kind.TEXT, "The database; named like the user unless given", aliases=("database",), least=1),
        Param("sslmode", Kind.TEXT, "`verify-full`: encrypted, and the certificate must be valid for `host`; `disable` only "
              "for a server on the same machine, where private destinations are allowed", default=_ENCRYPTED,
              choices=(_ENCRYPTED, _PLAIN)),
        Param("sslrootcert", Kind.TEXT, "Certificates (PEM) of the authorities to trust instead of the public ones", least=1),
        Param("query", Kind.TEXT, "`execute` (and `query`, which then does the same): one statement with `$1`, `$2`, … for its "
              "`args`", aliases=("sql",), least=1),
        Param("args", Kind.LIST, "Arguments of `query`; a map is written as JSON, a list as array or JSON, a text for `bytea` "
              "is base64", aliases=("params",)),
        Param("statements", Kind.MAPS, "`transaction`: `{query, args}` each; all of them happen or none", least=1,
              most=MAX_STATEMENTS),
        Param("table_name", Kind.TEXT, "`batch_insert`: the table; else the key/value table; `schema.table` where needed, in "
              "the case it was created with", aliases=("table",), least=1),
        Param("items", Kind.MAPS, "`batch_insert`: rows as maps of columns; a column that is missing gets its default", least=1,
              most=MAX_ITEMS),
        Param("columns", Kind.LIST, "`batch_insert`: the columns to write; all that occur unless given", least=1),
        Param("on_conflict", Kind.ANY, "`batch_insert`: a column or a list of columns that are unique together"),
        Param("on_conflict_action", Kind.TEXT, "What becomes of a row that is there already", default="nothing",
              choices=("nothing", "update")),
        Param("key", Kind.TEXT, "`set`, `get`, `delete`: which entry", least=1),
        Param("value", Kind.ANY, "`set`: the value"),
        Param("filter", Kind.MAP, "`query`: as of `store`, for fields of values that are maps"),
        Param("sort", Kind.TEXT, "`query`: `field`, or `-field` for the greatest first; else by key", least=1),
        Param("limit", Kind.COUNT, "`query`, `list`: how many at most", default=MAX_FOUND, least=1, most=MAX_FOUND),
        TIMEOUT,
    )  # fmt: skip
    page = Page(
        summary="Works with a PostgreSQL database. Every call is one transaction on a connection of its own, encrypted and "
        "verified; private, loopback and link-local addresses are refused. A call whose answer is lost is made again: write "
        "so that a repetition does no harm. Of a result at most 1,000 rows and 1 MiB are kept, and a log entry says so. "
        "Numbers stay exact, `json` is parsed, times are ISO 8601, `bytea` is base64. The key/value table is made with "
        "`CREATE TABLE flowrunner_store (key text PRIMARY KEY, value jsonb NOT NULL)`.",
        example="""\
type: postgres
params:
  operation: execute
  host: db.example.com
  user: orders
  password: "${secrets.DB_PASSWORD}"
  dbname: shop
  query: "SELECT id, total FROM orders WHERE customer = $1"
  args: ["${input.customer}"]
next: { default: price, error: alarm }""",
        results={
            "(list of maps)": "`execute` of a statement that gives rows: column names to values",
            "rows_affected": "`execute` of any other statement",
            "results": "`transaction`: for each statement what `execute` gives",
            "rows_affected, items": "`batch_insert`: how many rows were written, and the given ones",
            "(the value)": "`set`, `get`; a key that is missing is a failure",
            "key, deleted": "`delete`: whether there was an entry",
            "(list of keys)": "`list`: sorted",
            "(list of maps with _key)": "`query`: the values that are maps and match, each with its `_key`",
        },
        actions={"default": "always"},
        handles={"timeout": "no answer in time; a statement that runs too long is cancelled"},
        logs={"Result cut short": "warn, data `{operation, rows}`; there was more than is kept"},
    )  # fmt: skip

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        operation = params.get("operation")
        yield from unmet(_REQUIRED, operation, given(self.table, params))
        table = params.get("table_name", params.get("table"))
        if isinstance(table, str) and not open_(table) and not postgres_statements.is_name(table, parts=2):
            yield INVALID, "table_name", postgres_statements.NO_NAME
        if isinstance(params.get("filter"), Mapping) and (found := filters.problem(params["filter"])):
            yield INVALID, "filter", found

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        operation: str = values["operation"]
        demand(_REQUIRED, operation, values)
        if operation == "query" and values["query"] is not None:
            operation = "execute"
        statements = postgres_statements.OPERATIONS[operation](values)
        results = _answered(around, values, statements)
        value = _RESULTS[operation](values, results)
        kept = [len(result.rows or ()) for result in results if result.cut]
        logs = [Line(Level.WARN, "Result cut short", {"operation": operation, "rows": sum(kept)})]
        return Done(value, logs=logs if kept else (), shared=remembered("postgres", value))


def _answered(
    around: Circumstances, values: Values, statements: Sequence[SqlStatement]
) -> Sequence[SqlResult]:
    if around.sql is None:
        raise FlowFailure("there are no databases here", retryable=False)
    server = SqlServer(
        host=values["host"],
        port=int(values["port"]),
        user=values["user"],
        password=values["password"],
        database=values["dbname"],
        tls=values["sslmode"] != _PLAIN,
        authorities=values["sslrootcert"],
    )
    try:
        return around.sql.run(server, statements, min(values["timeout"], around.timeout))
    except CallTimedOut as error:
        raise FlowFailure(f"PostgreSQL: {error}", handle="timeout") from error
    except StatementRefused as error:
        details = {"sqlstate": error.state}
        raise FlowFailure(f"PostgreSQL: {error}", details=details, retryable=error.for_now) from error
    except CallFailed as error:
        raise FlowFailure(f"PostgreSQL: {error}", retryable=isinstance(error, CallFailedForNow)) from error


def _executed(result: SqlResult) -> Json:
    return {"rows_affected": result.affected} if result.rows is None else list(result.rows)


def _column(result: SqlResult, name: str) -> list[Json]:
    return [row[name] for row in result.rows or ()]


def _value(values: Values, results: Sequence[SqlResult]) -> Json:
    found = _column(results[0], "value")
    if not found:
        raise FlowFailure(f"key not found: {values['key']}")
    return found[0]


def _found(values: Values, results: Sequence[SqlResult]) -> Json:
    return [{**row["value"], "_key": row["key"]} for row in results[0].rows or ()]


_RESULTS: Mapping[str, Callable[[Values, Sequence[SqlResult]], Json]] = {
    "execute": lambda values, results: _executed(results[0]),
    "transaction": lambda values, results: {"results": [_executed(result) for result in results]},
    "batch_insert": lambda values, results: {
        "rows_affected": sum(result.affected for result in results),
        "items": values["items"],
    },
    "set": lambda values, results: values["value"],
    "get": _value,
    "delete": lambda values, results: {"key": values["key"], "deleted": results[0].affected > 0},
    "list": lambda values, results: _column(results[0], "key"),
    "query": _found,
}

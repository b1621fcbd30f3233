"""`postgres` against a real server (FlowRunner spec d.10)."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowker.adapters.destinations import Destinations
from flowker.adapters.postgres import PostgresServers
from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import CallFailed, CallTimedOut
from flowker.model.sql import SqlStatement
from flowker.nodes.flow import filters
from flowker.nodes.flow.base import Done, FlowFailure
from statemachines.stand_ins.postgres import PASSWORD, Postgres, asked, client
from tests.flow_nodes import World

SELECT_1 = SqlStatement("SELECT 1")


def done(postgres: Postgres, **params: Any) -> Done:
    return World(sql=client()).done("postgres", {**postgres.params, **params})


def failure(postgres: Postgres, **params: Any) -> FlowFailure:
    found = World(sql=client()).failure("postgres", {**postgres.params, "operation": "execute", **params})
    assert PASSWORD not in found.message
    return found


@pytest.fixture
def table(postgres: Postgres) -> Iterator[str]:
    """An empty table for keys and values."""
    name = f"t_{uuid4().hex}"
    asked(postgres.server, f"CREATE TABLE {name} (key text PRIMARY KEY, value jsonb NOT NULL)")
    yield name
    asked(postgres.server, f"DROP TABLE {name}")


@pytest.fixture
def orders(postgres: Postgres) -> Iterator[str]:
    name = f"Orders_{uuid4().hex}"
    asked(
        postgres.server,
        f"CREATE TABLE \"{name}\" (id int PRIMARY KEY, total numeric, note text DEFAULT 'none', more jsonb, raw bytea)",
    )
    yield name
    asked(postgres.server, f'DROP TABLE "{name}"')


def test_a_select_gives_its_rows_exactly(postgres: Postgres) -> None:
    query = """SELECT 1.10::numeric AS n, 9007199254740993::int8 AS i, 0.1::float8 AS f, true AS b, NULL AS nothing, 'é' AS t,
        '{"a": 1.50}'::jsonb AS j, '\\xfe01'::bytea AS y, '2026-01-31'::date AS d, 'NaN'::numeric AS nan,
        '2026-01-31 12:00:00.5+02'::timestamptz AS z, '2026-01-31 12:00'::timestamp AS s,
        ARRAY[[1, NULL], [2, 3]] AS m, ARRAY['a,b', 'NULL', '', NULL] AS w, '[2:3]={4,5}'::int[] AS o"""
    (row,) = done(postgres, operation="execute", query=query).value
    assert row == {
        "n": Decimal("1.10"), "i": 9007199254740993, "f": Decimal("0.1"), "b": True, "nothing": None, "t": "é",
        "j": {"a": Decimal("1.50")}, "y": "/gE=", "d": "2026-01-31", "nan": "NaN", "z": "2026-01-31T10:00:00.5Z",
        "s": "2026-01-31T12:00:00", "m": [[1, None], [2, 3]], "w": ["a,b", "NULL", "", None], "o": [4, 5],
    }  # fmt: skip
    assert str(row["n"]) == "1.10"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("'; DROP TABLE x; --", "text"), (Decimal("12345678901234567890.10"), "numeric"), (2**62, "int8"), (None, "int"),
        ([1, None, 3], "int[]"), ([["a", 'q"\\'], ["null", ""]], "text[]"), ([1, "x"], "jsonb"), ({"a": [None]}, "jsonb"),
        (False, "bool"), ("/gE=", "bytea"), (Decimal("1E+3"), "int"),
    ],
)  # fmt: skip
def test_an_argument_arrives_as_it_is(postgres: Postgres, value: Json, kind: str) -> None:
    rows = done(postgres, operation="query", query=f"SELECT $1::{kind} AS v", args=[value]).value
    assert rows == [{"v": value}]


def test_a_statement_without_rows_tells_how_many_it_changed(postgres: Postgres, orders: str) -> None:
    insert = f'INSERT INTO "{orders}" (id) VALUES ($1), ($2)'
    assert done(postgres, operation="execute", query=insert, args=[1, 2]).value == {"rows_affected": 2}
    returning = f'DELETE FROM "{orders}" WHERE id = $1 RETURNING id, note'
    assert done(postgres, operation="execute", query=returning, args=[2]).value == [{"id": 2, "note": "none"}]
    nothing = done(postgres, operation="execute", query=f'SELECT * FROM "{orders}" WHERE id = 9')
    assert nothing.value == []
    assert nothing.shared == {"postgres_result": []}


def test_a_transaction_happens_as_a_whole_or_not_at_all(postgres: Postgres, orders: str) -> None:
    insert = {"query": f'INSERT INTO "{orders}" (id, total) VALUES ($1, $2)', "args": [1, "1.5"]}
    count = {"query": f'SELECT count(*) AS n FROM "{orders}"'}
    with_failure = [insert, {"query": "SELECT 1 / 0"}]
    found = failure(postgres, operation="transaction", statements=with_failure)
    assert found.details == {"sqlstate": "22012"}
    assert not found.retryable
    value = done(postgres, operation="transaction", statements=[count, insert, count]).value
    assert value == {"results": [[{"n": 0}], {"rows_affected": 1}, [{"n": 1}]]}


@pytest.mark.parametrize(
    "ending", ["COMMIT", " /* so */ commit;", "-- x\nROLLBACK", "BEGIN", "/*/**/*/ COMMIT"]
)
def test_a_statement_does_not_end_the_transaction(postgres: Postgres, orders: str, ending: str) -> None:
    found = failure(postgres, operation="transaction", statements=[{"query": "SELECT 1"}, {"query": ending}])
    assert "transaction" in found.message
    assert not found.retryable


def test_rows_are_inserted_in_batches(postgres: Postgres, orders: str) -> None:
    items = [{"id": 1, "total": Decimal("0.10"), "more": {"a": 1}, "raw": "AA=="}, {"id": 2, "note": None}]
    batch = {"operation": "batch_insert", "table": orders, "items": items}
    assert done(postgres, **batch).value == {"rows_affected": 2, "items": items}
    assert failure(postgres, **batch).details["sqlstate"] == "23505"
    assert done(postgres, **batch, on_conflict="id").value["rows_affected"] == 0
    changed = [{"id": 1, "note": "new"}, {"id": 3, "note": "three"}]
    update = {"on_conflict": ["id"], "on_conflict_action": "update"}
    assert done(postgres, **{**batch, "items": changed, **update}).value["rows_affected"] == 2
    rows = asked(postgres.server, f'SELECT id, total, note, more, raw FROM "{orders}" ORDER BY id')
    assert rows == [
        {"id": 1, "total": Decimal("0.10"), "note": "new", "more": {"a": 1}, "raw": "AA=="},
        {"id": 2, "total": None, "note": None, "more": None, "raw": None},
        {"id": 3, "total": None, "note": "three", "more": None, "raw": None},
    ]


def test_many_rows_are_inserted_in_one_transaction(postgres: Postgres, orders: str) -> None:
    columns = ["id", "total", "note", "more", "raw"]
    items = [{"id": number, "total": number} for number in range(5000)]
    full = [{**dict.fromkeys(columns), **item} for item in items]
    batch = {"operation": "batch_insert", "table": orders, "columns": columns, "items": full}
    assert done(postgres, **batch).value["rows_affected"] == 5000
    again = failure(postgres, **{**batch, "items": [{"id": 9001}, {"id": 1}]})
    assert again.details["sqlstate"] == "23505"
    assert asked(postgres.server, f'SELECT count(*) AS n FROM "{orders}"') == [{"n": 5000}]


@pytest.mark.parametrize("name", ['x"; DROP TABLE y; --', "a.b.c", "a b", "", "é"])
def test_names_that_are_none_are_refused(postgres: Postgres, name: str) -> None:
    batch = {"operation": "batch_insert", "table": "t", "items": [{"a": 1}]}
    for params in ({"table": name}, {"items": [{name: 1}]}, {"columns": [name]}, {"on_conflict": name}):
        assert not failure(postgres, **{**batch, **params}).retryable


@pytest.mark.parametrize("value", [{"a": [1, Decimal("1.10")]}, "x", 0, None, False, []])
def test_what_was_set_can_be_got(postgres: Postgres, table: str, value: Json) -> None:
    entry = {"table_name": table, "key": "k'\""}
    assert failure(postgres, operation="get", **entry).message == "key not found: k'\""
    for written in ("before", value):
        assert done(postgres, operation="set", **entry, value=written).value == written
    assert done(postgres, operation="get", **entry).value == value
    assert done(postgres, operation="list", table_name=f"public.{table}").value == ["k'\""]
    assert done(postgres, operation="delete", **entry).value == {"key": "k'\"", "deleted": True}
    assert done(postgres, operation="delete", **entry).value == {"key": "k'\"", "deleted": False}


_ALL: list[Json] = [0, 1, -2, Decimal("1.5"), True, False, None, "", "a", "b", "ab", "B", "é", "1"]
_SCALARS = st.sampled_from(_ALL)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=2)
_OPERATORS = st.dictionaries(
    st.sampled_from([name for name in filters.OPERATORS if name != "$in"]), _VALUES, min_size=1, max_size=2
) | st.builds(lambda values: {"$in": values}, st.lists(_SCALARS, max_size=3))


_ENTRIES: list[Json] = [
    *[{"f": value, "g": other} for value in (*_ALL, [], ["a"], [1, None], {"$x": 1}, {}) for other in (1, "a", True)],
    *[{"f": value} for value in _ALL],
    {}, 7, "f", None, ["f"],
]  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    wanted=st.dictionaries(st.sampled_from(["f", "g"]), _VALUES | _OPERATORS, max_size=2),
    sort=st.sampled_from([None, "f", "-f"]),
)
def test_a_query_finds_what_the_store_would_find(
    postgres: Postgres, entries: list[dict[str, Json]], wanted: dict[str, Json], sort: str | None
) -> None:
    params = {"operation": "query", "table_name": "entries", "filter": wanted, "sort": sort}
    found = done(postgres, **params).value
    matching = [
        {**item["value"], "_key": item["key"]}
        for item in entries
        if isinstance(item["value"], dict) and filters.matches(wanted, item["value"])
    ]
    assert found == filters.ordered(matching, sort)


@pytest.fixture(scope="module")
def entries(postgres: Postgres) -> list[dict[str, Json]]:
    """What is in the table `entries`, by key."""
    asked(postgres.server, "CREATE TABLE entries (key text PRIMARY KEY, value jsonb NOT NULL)")
    items = [{"key": f"k{number:03}", "value": entry} for number, entry in enumerate(_ENTRIES)]
    texts = [{"key": item["key"], "value": exact_json.dumps(item["value"])} for item in items]
    done(postgres, operation="batch_insert", table_name="entries", items=texts)
    return items


def test_a_result_that_is_too_long_is_cut_and_says_so(postgres: Postgres) -> None:
    query = "SELECT generate_series(1, $1) AS n"
    cut = done(postgres, operation="execute", query=query, args=[100_000])
    assert [row["n"] for row in cut.value] == list(range(1, 1001))
    assert [(line.message, line.data) for line in cut.logs] == [
        ("Result cut short", {"operation": "execute", "rows": 1000})
    ]
    whole = done(postgres, operation="execute", query=query, args=[1000])
    assert (len(whole.value), list(whole.logs)) == (1000, [])


def test_a_result_that_is_too_large_is_cut_and_one_row_that_is_fails(postgres: Postgres) -> None:
    query = "SELECT repeat('x', $1) AS t FROM generate_series(1, 20)"
    cut = done(postgres, operation="execute", query=query, args=[100_000])
    assert len(cut.value) == 10
    assert [line.message for line in cut.logs] == ["Result cut short"]
    found = failure(postgres, query=query, args=[3_000_000])
    assert found.message == "PostgreSQL: the answer is too large: a row has more than 2097152 bytes"
    assert not found.retryable


def test_a_slow_statement_is_late(postgres: Postgres) -> None:
    began = time.monotonic()
    found = failure(postgres, query="SELECT pg_sleep(30)", timeout=0.5)
    assert time.monotonic() - began < 3
    assert (found.message, found.handle) == ("PostgreSQL: timed out after 0.5 s", "timeout")
    assert found.retryable
    running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()"
    while asked(postgres.server, running):
        assert time.monotonic() - began < 10, "the server goes on with it"
        time.sleep(0.05)


def test_a_wrong_password_is_refused_without_a_word_of_it(postgres: Postgres) -> None:
    for params in ({"password": "wr0ng-one"}, {"user": "nobody_at_all"}, {"password": ""}):
        found = failure(postgres, query="SELECT 1", **params)
        assert "login" in found.message
        assert "wr0ng" not in found.message
        assert not found.retryable


def test_the_server_must_prove_who_it_is(postgres: Postgres) -> None:
    found = failure(postgres, query="SELECT 1", sslrootcert=None)
    assert "certificate is not valid" in found.message
    assert not found.retryable
    resolving = PostgresServers(Destinations(allow_private=True, resolve=lambda host, port: ["127.0.0.1"]))
    with pytest.raises(CallFailed, match="certificate is not valid: Hostname mismatch"):
        resolving.run(replace(postgres.server, host="db.example.test"), [SELECT_1], 5.0)
    assert "PEM" in failure(postgres, query="SELECT 1", sslrootcert="no certificate").message


def test_the_connection_is_encrypted_unless_it_stays_on_this_machine(postgres: Postgres) -> None:
    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert done(postgres, operation="execute", query=query).value == [{"ssl": True}]
    assert done(postgres, operation="execute", query=query, sslmode="disable").value == [{"ssl": False}]
    plain = replace(postgres.server, host="db.example.test", tls=False)
    away = PostgresServers(Destinations(allow_private=True, resolve=lambda host, port: ["10.0.0.1"]))
    with pytest.raises(CallFailed, match="without TLS"):
        away.run(plain, [SELECT_1], 5.0)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "2130706433", "::1"]
)
def test_private_destinations_are_refused(postgres: Postgres, host: str) -> None:
    public = PostgresServers(Destinations(allow_private=False), tls=ssl.create_default_context)
    for tls in (True, False):
        with pytest.raises(CallFailed, match="destination blocked"):
            public.run(replace(postgres.server, host=host, tls=tls), [SELECT_1], 5.0)


@pytest.mark.parametrize(
    ("query", "args", "state"),
    [
        ("SELEC 1", [], "42601"), ("SELECT * FROM nowhere", [], "42P01"), ("SELECT 1; SELECT 2", [], "42601"),
        ("SELECT $1::int", ["x"], "22P02"), ("COPY pg_class TO STDOUT", [], None), ("COPY t_copy FROM STDIN", [], "42P01"),
        ("SELECT $1::int", [], None), ("SELECT 1", [1], None), ("SELECT $1::bytea", ["%"], None), ("SELECT 1\0", [], None),
        ("SELECT $1::text", ["\ud800"], None), ("VACUUM", [], "25001"),
    ],
)  # fmt: skip
def test_a_bad_statement_is_a_failure_of_the_node(
    postgres: Postgres, query: str, args: list[Json], state: str | None
) -> None:
    found = failure(postgres, query=query, args=args)
    assert found.details.get("sqlstate") == state
    assert found.message.startswith("PostgreSQL: ")


def test_a_long_value_is_not_repeated_in_part(postgres: Postgres) -> None:
    found = failure(postgres, query="SELECT $1::int", args=["long-secret" * 100])
    assert (
        found.message
        == "PostgreSQL: the server refused the statement: invalid input syntax for type integer: (22P02)"
    )


def test_a_dropped_connection_fails_for_now(postgres: Postgres) -> None:
    kill = "SELECT pg_terminate_backend(pg_backend_pid())"
    found = failure(postgres, query=kill)
    assert found.message == "PostgreSQL: connection lost: the server closed it"
    assert found.retryable


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that talks so to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                talk(connection)

        thread = Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def _nonsense(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def _huge(connection: socket.socket) -> None:
    connection.recv(1024)
    connection.sendall(b"N\x7f\xff\xff\xff")


def _silent(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


def _drip(connection: socket.socket) -> None:
    try:
        for byte in b"N\0\0\x04\0" + bytes(1000):
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    except OSError:
        pass  # as it should be: the other side has given up


def _unencrypted(connection: socket.socket) -> None:
    connection.recv(8)
    connection.sendall(b"N")


@pytest.mark.parametrize(
    ("talk", "said"),
    [(_nonsense, "protocol|too large"), (_huge, "too large"), (lambda it: None, "connection lost")],
)
def test_an_answer_that_is_none_fails(
    postgres: Postgres, talk: Callable[[socket.socket], None], said: str
) -> None:
    with answering(talk) as port, pytest.raises(CallFailed, match=said):
        client().run(replace(postgres.server, port=port, tls=False), [SELECT_1], 5.0)


@pytest.mark.parametrize("talk", [_silent, _drip])
@pytest.mark.parametrize("tls", [True, False])
def test_a_server_that_does_not_come_to_the_point_is_late(
    postgres: Postgres, talk: Callable[[socket.socket], None], tls: bool
) -> None:
    began = time.monotonic()
    with answering(talk) as port:
        with pytest.raises(CallFailed) as found:
            client().run(replace(postgres.server, port=port, tls=tls), [SELECT_1], 0.5)
        assert time.monotonic() - began < 2
    assert isinstance(found.value, CallTimedOut) or (tls and talk is _drip)


def test_a_server_without_tls_is_refused(postgres: Postgres) -> None:
    with answering(_unencrypted) as port, pytest.raises(CallFailed, match="does not offer TLS"):
        client().run(replace(postgres.server, port=port), [SELECT_1], 5.0)


def test_nobody_there_fails_for_now(postgres: Postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    found = failure(postgres, query="SELECT 1", port=port)
    assert found.message == "PostgreSQL: connection failed: Connection refused"
    assert found.retryable

"""`postgres` and `dynamodb`, without a database (FlowRunner spec d.10)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flowker.model import exact_json
from flowker.model.exact_json import Json
from flowker.model.outbound import (
    CallFailed,
    CallFailedForNow,
    CallTimedOut,
    OutboundRequest,
    OutboundResponse,
)
from flowker.model.sql import SqlResult, SqlServer, SqlStatement, StatementRefused
from tests.flow_nodes import Database, World, problems, response

POSTGRES = {"host": "db.example.com", "user": "u", "operation": "execute", "query": "SELECT 1"}
DYNAMODB = {"access_key": "AKIA", "secret_key": "s3cret", "operation": "get", "key": "k"}


def test_a_server_is_asked_encrypted_and_in_time() -> None:
    database = Database([SqlResult([{"a": 1}], 1)])
    world = World(sql=database, timeout=5)
    done = world.done("postgres", {**POSTGRES, "password": "p", "args": [1]})
    assert done.value == [{"a": 1}]
    assert database.asked == [
        (SqlServer("db.example.com", 5432, "u", "p"), [SqlStatement("SELECT 1", [1])], 5.0)
    ]
    assert "p'" not in repr(database.asked[0][0])


@pytest.mark.parametrize(
    ("error", "handle", "retryable"),
    [
        (CallTimedOut("late"), "timeout", True),
        (CallFailedForNow("gone"), None, True),
        (CallFailed("destination blocked"), None, False),
        (StatementRefused("no", "42601"), None, False),
        (StatementRefused("no", "40001"), None, True),
    ],
)
def test_failures_of_a_database_are_those_of_the_node(
    error: CallFailed, handle: str | None, retryable: bool
) -> None:
    found = World(sql=Database(error)).failure("postgres", POSTGRES)
    assert (found.handle, found.retryable) == (handle, retryable)
    assert found.message == f"PostgreSQL: {error}"


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"operation": "execute", "host": "h", "user": "u"}, [("missing_param", "query")]),
        ({"operation": "set", "host": "h", "user": "u", "key": "k"}, [("missing_param", "value")]),
        ({"operation": "set", "host": "h", "user": "u", "key": "k", "value": None}, []),
        ({"operation": "query", "host": "h", "user": "u", "filter": {"a": {"$x": 1}}}, [("invalid_param", "filter")]),
        ({"operation": "list", "host": "h", "user": "u", "table": "a b"}, [("invalid_param", "table_name")]),
        ({"operation": "list", "host": "h", "user": "u", "table": "${input.t}"}, []),
        ({"operation": "list", "host": "h", "user": "u", "sslmode": "require"}, [("invalid_param", "sslmode")]),
        ({"operation": "list"}, [("missing_param", "host"), ("missing_param", "user")]),
    ],
)  # fmt: skip
def test_params_of_postgres_are_checked(
    params: Mapping[str, Json], expected: Sequence[tuple[str, str]]
) -> None:
    assert problems("postgres", params) == expected


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [("missing_param", "access_key"), ("missing_param", "secret_key")]),
        ({"role_arn": "arn:aws:iam::1:role/x"}, []),
        ({"access_key_id": "a", "secret_access_key": "b"}, []),
        ({"role_arn": "r", "region": "evil.example.com/#"}, [("invalid_param", "region")]),
        ({"role_arn": "r", "key": 7}, [("invalid_param", "key")]),
        ({"role_arn": "r", "operation": "set", "key": {"a": 1}, "value": 1}, [("invalid_param", "key")]),
        ({"role_arn": "r", "operation": "put"}, [("missing_param", "item")]),
    ],
)
def test_params_of_dynamodb_are_checked(
    params: Mapping[str, Json], expected: Sequence[tuple[str, str]]
) -> None:
    assert problems("dynamodb", {"operation": "get", "key": "k", **params}) == expected


def test_dynamodb_is_never_asked_with_other_credentials_than_the_nodes() -> None:
    world = World()
    for lacking in ("access_key", "secret_key"):
        params = {name: value for name, value in DYNAMODB.items() if name != lacking}
        assert not world.failure("dynamodb", params).retryable
    assert not world.failure("dynamodb", {**DYNAMODB, "region": "x.example.com/"}).retryable
    assert world.sent == []


def test_a_role_is_assumed_for_the_account_only() -> None:
    world = World(answer=response(body=b'{"Item": {"value": {"N": "1.50"}}}'), account_id="account-7")
    role = {
        "operation": "get",
        "key": "k",
        "role_arn": "arn:x",
        "external_id": "account-8",
        "region": "eu-west-1",
    }
    assert str(world.done("dynamodb", role).value) == "1.50"
    (sent,) = world.sent
    assert sent.url == "https://dynamodb.eu-west-1.amazonaws.com/"
    assert sent.auth == {
        "type": "aws_sigv4",
        "config": {
            "service": "dynamodb", "region": "eu-west-1", "role_arn": "arn:x", "external_id": "account-7",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "handle", "retryable"),
    [
        (CallTimedOut("x"), "timeout", True),
        (CallFailedForNow("x"), None, True),
        (CallFailed("destination blocked"), None, False),
        (response(500, b"oops"), "server_error", True),
        (response(400, b'{"__type": "a#ThrottlingException"}'), "client_error", True),
        (response(400, b'{"__type": "a#AccessDeniedException", "message": "s3cret"}'), "client_error", False),
        (response(200, b"<html>"), None, True),
        (response(200, b'{"Item": {"value": {"N": "many"}}}'), None, True),
        (response(200, b'{"Item": 1}'), None, True),
        (response(302, b""), None, True),
        (response(200, b"{", cut=True), None, False),
    ],
)
def test_failures_of_dynamodb_are_those_of_the_node(answer: Any, handle: str | None, retryable: bool) -> None:
    found = World(answer=answer).failure("dynamodb", DYNAMODB)
    assert (found.handle, found.retryable) == (handle, retryable)
    assert found.message.startswith("DynamoDB")
    assert "s3cret" not in found.message


def test_what_a_busy_table_leaves_undone_is_written_again() -> None:
    left = [7, 2, 0]
    sizes = []

    def send(request: OutboundRequest) -> OutboundResponse:
        (items,) = exact_json.loads(request.body or b"")["RequestItems"].values()
        sizes.append(len(items))
        undone = items[: left.pop(0)] if len(sizes) <= 3 else []
        return response(body=exact_json.dumps({"UnprocessedItems": {"t": undone} if undone else {}}).encode())

    world = World(send=send)
    items = [{"key": str(number)} for number in range(30)]
    params = {**DYNAMODB, "operation": "batch_write", "table": "t", "items": items}
    assert world.done("dynamodb", params).value == {"written": 30}
    assert sizes == [25, 7, 2, 5]
    assert len(world.slept) == 2


def test_a_page_that_is_too_large_is_read_in_parts() -> None:
    limits = []

    def send(request: OutboundRequest) -> OutboundResponse:
        limits.append(exact_json.loads(request.body or b"")["Limit"])
        return response(body=b'{"Items": []}', cut=limits[-1] > 50)

    assert World(send=send).done("dynamodb", {**DYNAMODB, "operation": "list"}).value == []
    assert limits == [200, 100, 50]

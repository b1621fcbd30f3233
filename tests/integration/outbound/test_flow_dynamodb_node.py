"""`dynamodb` against MiniStack, through the real adapter (FlowRunner spec d.10)."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import boto3
import pytest

from flowker.adapters.outbound_http import OutboundHttp
from flowker.model.exact_json import Json
from flowker.nodes.flow.base import Done, FlowFailure
from tests.flow_nodes import World
from tests.integration.outbound.provider_server import Call, ProviderServer

KEYS = {"access_key": "testing", "secret_key": "s3cret-of-tenant"}


@pytest.fixture
def table(ministack: str, aws_session: boto3.Session) -> str:
    """An empty table for keys and values."""
    name = f"tenant-{uuid4()}"
    dynamodb = aws_session.client("dynamodb", endpoint_url=ministack, region_name="us-east-1")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


class Node:
    def __init__(self, http: OutboundHttp, url: str, table: str) -> None:
        self._params = {**KEYS, "endpoint": url, "table_name": table}
        self._world = World(send=http.send)

    def done(self, operation: str, **params: Any) -> Done:
        return self._world.done("dynamodb", {**self._params, "operation": operation, **params})

    def value(self, operation: str, **params: Any) -> Json:
        return self.done(operation, **params).value

    def failure(self, operation: str, **params: Any) -> FlowFailure:
        found = self._world.failure("dynamodb", {**self._params, "operation": operation, **params})
        assert KEYS["secret_key"] not in found.message
        return found


@pytest.fixture
def node(http: OutboundHttp, ministack: str, table: str) -> Node:
    return Node(http, ministack, table)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, Decimal("1.5"), {"": ""}]}, "x", 0, None, False, [], {}, "é", Decimal("-1E-130"),
        10**37 + 1, Decimal("0.12345678901234567890123456789012345678"),
    ],
)  # fmt: skip
def test_what_was_set_can_be_got(node: Node, value: Json) -> None:
    assert node.failure("get", key="k").message == "key not found: k"
    for written in ("before", value):
        assert node.value("set", key="k", value=written) == written
    got = node.value("get", key="k")
    assert got == value
    assert type(got) is type(value)
    assert node.value("delete", key="k") == {"key": "k", "deleted": True}
    assert node.value("delete", key="k") == {"key": "k", "deleted": False}


@pytest.mark.parametrize("value", [10**38 + 1, Decimal("1E126"), Decimal("1E-131")])
def test_a_number_that_cannot_be_kept_is_refused(node: Node, value: Json) -> None:
    assert "38 digits" in node.failure("set", key="k", value={"a": [value]}).message


def test_whole_items_are_put_and_got(node: Node) -> None:
    item = {"key": "k", "total": Decimal("1.5"), "lines": [{"sku": "a"}]}
    assert node.value("put", item=item) == item
    assert node.value("get", key={"key": "k"}) == item
    assert node.value("get", key="k") == item
    assert node.value("delete", key={"key": "k"}) == {"key": {"key": "k"}, "deleted": True}


def test_entries_are_listed_and_queried(node: Node) -> None:
    items = [{"key": f"k{number}", "value": {"n": number, "odd": number % 2 == 1}} for number in range(7)]
    assert node.value("batch_write", items=[*items, {"key": "x", "value": "no map"}]) == {"written": 8}
    assert node.value("list") == [*(f"k{number}" for number in range(7)), "x"]
    found = node.value("query", filter={"odd": True, "n": {"$gt": 1}}, sort="-n", limit=2)
    assert found == [items[5], items[3]]
    assert node.value("query") == items
    cut = node.done("list", limit=2)
    assert cut.value == ["k0", "k1"]
    assert [line.message for line in cut.logs] == ["Result cut short"]


def test_many_large_items_are_read_page_by_page(node: Node) -> None:
    items = [{"key": f"k{number:02}", "value": {"text": "x" * 90_000}} for number in range(30)]
    assert node.value("batch_write", items=items) == {"written": 30}
    assert node.value("query", limit=30) == items


def test_a_missing_table_is_a_failure_of_the_node(node: Node) -> None:
    found = node.failure("get", key="k", table_name="nowhere")
    assert found.handle == "client_error"
    assert not found.retryable
    assert found.details == {"status_code": 400, "code": "ResourceNotFoundException"}


def test_a_refused_request_repeats_nothing_of_it(http: OutboundHttp, provider: ProviderServer) -> None:
    def refuse(call: Call) -> None:
        text = b"The canonical string was x-amz-security-token:t0ken"
        call.answer(
            400, b'{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"%s"}' % text
        )

    provider.behaviours["/"] = refuse
    node = Node(http, provider.url("/"), "t")
    found = node.failure("get", key="k", session_token="t0ken")
    assert found.message == "DynamoDB refused the request with status 400: InvalidSignatureException"
    sent = provider.received[0].headers
    assert sent["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert "/us-east-1/dynamodb/aws4_request" in sent["Authorization"]
    assert sent["X-Amz-Security-Token"] == "t0ken"

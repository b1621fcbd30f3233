"""What the table does when DynamoDB refuses, hesitates or does not answer."""

from collections.abc import Iterator
from socket import socket
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from flowker.adapters.dynamodb import DynamoTable
from flowker.adapters.items import Check, Condition, ConditionFailed, Delete, Key, Put, Query, Update, Write
from flowker.adapters.keys import DEFINITIONS, EXECUTIONS
from flowker.errors import InvalidBody, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NAMES = {DEFINITIONS: "definitions", EXECUTIONS: "executions"}
KEY = Key(EXECUTIONS, "P", "S")
OTHER = Key(EXECUTIONS, "P", "T")
PUT = Put(EXECUTIONS, {"pk": "P", "sk": "S"})
STORED = {"pk": {"S": "P"}, "sk": {"S": "S"}, "n": {"N": "1"}}
TRIES = 8
TRANSIENT = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "TransactionConflictException",
]


class Service:
    """A DynamoDB whose answers are given beforehand, and a table on it that does not really wait."""

    def __init__(self, client: "DynamoDBClient", stub: Stubber) -> None:
        self.client = client
        self.stub = stub
        self.pauses: list[float] = []
        self.tokens: list[str] = []
        self.table = DynamoTable(client, NAMES, sleep=self.pauses.append, jitter=lambda: 0.5)
        client.meta.events.register("before-parameter-build.dynamodb.TransactWriteItems", self._note_token)

    def _note_token(self, params: dict[str, Any], **_: Any) -> None:
        self.tokens.append(params["ClientRequestToken"])

    def cancels(self, *codes: str, item: object = None) -> None:
        """The next transaction is cancelled for these reasons; the item goes with the failed conditions."""
        reasons: list[dict[str, object]] = [{"Code": code} for code in codes]
        for reason in reasons:
            if item and reason["Code"] == "ConditionalCheckFailed":
                reason["Item"] = item
        self.stub.add_client_error(
            "transact_write_items",
            service_error_code="TransactionCanceledException",
            modeled_fields={"CancellationReasons": reasons},
        )


@pytest.fixture
def service(aws_session: boto3.Session) -> Iterator[Service]:
    client = aws_session.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    with Stubber(client) as stub:
        yield Service(client, stub)
        stub.assert_no_pending_responses()


# --- which call ------------------------------------------------------------------------------------------------------


def test_one_key_is_one_get(service: Service) -> None:
    service.stub.add_response(
        "get_item", {"Item": STORED}, {"TableName": "executions", "Key": ANY, "ConsistentRead": True}
    )
    assert service.table.get([KEY, KEY]) == [{"pk": "P", "sk": "S", "n": 1}] * 2


def test_one_write_is_no_transaction(service: Service) -> None:
    service.stub.add_response("put_item", {})
    service.table.write([PUT])
    service.stub.add_response("update_item", {})
    service.table.write([Update(KEY, set={"a": 1})])
    service.stub.add_response("delete_item", {})
    service.table.write([Delete(KEY)])


def test_checks_and_additions_need_a_transaction(service: Service) -> None:
    for write in (Check(KEY), Update(KEY, add={"n": 1})):
        service.stub.add_response("transact_write_items", {})
        service.table.write([write])
    assert len(set(service.tokens)) == 2


def test_nothing_is_asked_of_aws_for_nothing(service: Service) -> None:
    assert service.table.get([]) == []
    assert service.table.query(Query(EXECUTIONS, "P", limit=0)) == []
    service.table.write([])


def test_what_no_transaction_can_hold_is_refused_before_it_is_sent(service: Service) -> None:
    with pytest.raises(ValueError, match="same key"):
        service.table.write([PUT, Delete(KEY)])
    with pytest.raises(ValueError, match="101 keys"):
        service.table.get([Key(EXECUTIONS, "P", str(number)) for number in range(101)])
    with pytest.raises(ValueError, match="101 writes"):
        service.table.write([Check(Key(EXECUTIONS, "P", str(number))) for number in range(101)])


# --- pages and leftovers ---------------------------------------------------------------------------------------------


def test_keys_left_over_are_asked_for_again(service: Service) -> None:
    key, other = {"pk": {"S": "P"}, "sk": {"S": "S"}}, {"pk": {"S": "P"}, "sk": {"S": "T"}}
    asked = {"executions": {"Keys": [key, other], "ConsistentRead": True}}
    left = {"executions": {"Keys": [key], "ConsistentRead": True}}
    service.stub.add_response(
        "batch_get_item", {"Responses": {}, "UnprocessedKeys": left}, {"RequestItems": asked}
    )
    service.stub.add_response(
        "batch_get_item", {"Responses": {"executions": [STORED]}}, {"RequestItems": left}
    )
    assert service.table.get([KEY, OTHER]) == [{"pk": "P", "sk": "S", "n": 1}, None]
    assert len(service.pauses) == 1


def test_keys_that_stay_left_over_are_an_unavailable_store(service: Service) -> None:
    left = {"executions": {"Keys": [{"pk": {"S": "P"}, "sk": {"S": "S"}}]}}
    for _ in range(TRIES):
        service.stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": left})
    with pytest.raises(StoreUnavailable):
        service.table.get([KEY, OTHER])


def test_a_query_goes_on_until_the_limit_or_the_end(service: Service) -> None:
    def item(sk: str) -> dict[str, Any]:
        return {"pk": {"S": "P"}, "sk": {"S": sk}}

    asked: list[object] = []

    def note_start(params: dict[str, Any], **_: Any) -> None:
        asked.append(params.get("ExclusiveStartKey"))

    service.client.meta.events.register("before-parameter-build.dynamodb.Query", note_start)
    pages = [["a", "b"], [], ["c", "d"]]
    for page in pages:
        last = item(page[-1] if page else "b+")
        service.stub.add_response("query", {"Items": [item(sk) for sk in page], "LastEvaluatedKey": last})
    found = service.table.query(Query(EXECUTIONS, "P", after="a", before="z", limit=2))
    assert [entry["sk"] for entry in found] == ["b", "c"]
    service.stub.add_response("query", {"Items": [item("a")]})
    assert len(service.table.query(Query(EXECUTIONS, "P", limit=2))) == 1
    assert asked == [None, item("b"), item("b+"), None]


# --- conditions ------------------------------------------------------------------------------------------------------


def test_a_failed_condition_of_one_write_shows_what_is_stored(service: Service) -> None:
    service.stub.add_client_error(
        "put_item", service_error_code="ConditionalCheckFailedException", modeled_fields={"Item": STORED}
    )
    with pytest.raises(ConditionFailed) as raised:
        service.table.write([PUT])
    assert (raised.value.index, raised.value.item) == (0, {"pk": "P", "sk": "S", "n": 1})


def test_the_first_failed_condition_wins_over_conflicts(service: Service) -> None:
    service.cancels(
        "None", "TransactionConflict", "ConditionalCheckFailed", "ConditionalCheckFailed", item=STORED
    )
    writes = [Check(Key(EXECUTIONS, "P", str(number))) for number in range(4)]
    with pytest.raises(ConditionFailed) as raised:
        service.table.write(writes)
    assert (raised.value.index, raised.value.item) == (2, {"pk": "P", "sk": "S", "n": 1})
    assert service.pauses == []


# --- tries -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", TRANSIENT)
def test_a_transient_refusal_is_repeated(service: Service, code: str) -> None:
    for operation in ("get_item", "put_item", "transact_write_items", "query"):
        service.stub.add_client_error(operation, service_error_code=code)
        service.stub.add_response(operation, {"Items": []} if operation == "query" else {})
        match operation:
            case "get_item":
                assert service.table.get([KEY]) == [None]
            case "put_item":
                service.table.write([PUT])
            case "transact_write_items":
                service.table.write([PUT, Check(OTHER)])
            case "query":
                assert service.table.query(Query(EXECUTIONS, "P")) == []
    assert len(service.pauses) == 4


def test_pauses_grow_up_to_a_second_and_end(service: Service) -> None:
    for _ in range(TRIES):
        service.stub.add_client_error("put_item", service_error_code="ThrottlingException")
    with pytest.raises(StoreUnavailable) as raised:
        service.table.write([PUT])
    assert isinstance(raised.value.__cause__, ClientError)
    assert service.pauses == [0.025, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5]


def test_no_other_try_begins_when_its_time_is_over(aws_session: boto3.Session) -> None:
    """A request has 29 seconds for all its calls, and each of eight tries might take some."""
    client = aws_session.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
    times = iter([100.0, 103.0, 106.0, 109.0])
    table = DynamoTable(client, NAMES, sleep=lambda _: None, clock=lambda: next(times))
    with Stubber(client) as stub:
        for _ in range(3):
            stub.add_client_error("put_item", service_error_code="ThrottlingException")
        with pytest.raises(StoreUnavailable):
            table.write([PUT])
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    "reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]
)
def test_a_cancelled_transaction_is_tried_again_as_a_new_one(service: Service, reason: str) -> None:
    service.cancels("None", reason)
    service.stub.add_response("transact_write_items", {})
    service.table.write([PUT, Check(OTHER)])
    assert len(service.tokens) == len(set(service.tokens)) == 2


@pytest.mark.parametrize("code", ["InternalServerError", "TransactionInProgressException"])
def test_a_transaction_whose_outcome_is_unknown_keeps_its_token(service: Service, code: str) -> None:
    service.stub.add_client_error("transact_write_items", service_error_code=code, http_status_code=500)
    service.stub.add_response("transact_write_items", {})
    service.table.write([PUT, Update(OTHER, add={"n": 1})])
    assert len(service.tokens) == 2
    assert len(set(service.tokens)) == 1


@pytest.mark.parametrize("reasons", [["None", "ValidationError"], ["ItemCollectionSizeLimitExceeded"]])
def test_a_transaction_that_can_never_work_is_not_repeated(service: Service, reasons: list[str]) -> None:
    service.cancels(*reasons)
    with pytest.raises(ClientError, match="TransactionCanceledException"):
        service.table.write([PUT, Check(OTHER)])
    assert service.pauses == []


def test_an_update_that_makes_an_item_too_large_is_refused_as_everywhere(service: Service) -> None:
    told = "Item size to update has exceeded the maximum allowed size"
    service.stub.add_client_error(
        "update_item", service_error_code="ValidationException", service_message=told
    )
    reasons = [{"Code": "None"}, {"Code": "ValidationError", "Message": told}]
    service.stub.add_client_error(
        "transact_write_items",
        service_error_code="TransactionCanceledException",
        modeled_fields={"CancellationReasons": reasons},
    )
    several: list[list[Write]] = [[Update(KEY, set={"a": 1})], [PUT, Update(OTHER, set={"a": 1})]]
    for writes in several:
        with pytest.raises(InvalidBody, match="too large"):
            service.table.write(writes)
    assert service.pauses == []


@pytest.mark.parametrize(
    "code", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"]
)
def test_a_mistake_of_ours_is_not_repeated(service: Service, code: str) -> None:
    service.stub.add_client_error("put_item", service_error_code=code)
    with pytest.raises(ClientError, match=code):
        service.table.write([Put(EXECUTIONS, {"pk": "P", "sk": "S"}, Condition(missing=["a"]))])
    assert service.pauses == []


def test_a_service_that_cannot_be_reached_is_an_unavailable_store(
    aws_session: boto3.Session, unused_port: int
) -> None:
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    client = aws_session.client("dynamodb", config=config, endpoint_url=f"http://127.0.0.1:{unused_port}")
    pauses: list[float] = []
    table = DynamoTable(client, NAMES, sleep=pauses.append)
    with pytest.raises(StoreUnavailable):
        table.get([KEY])
    assert len(pauses) == TRIES - 1
    client.close()


@pytest.fixture
def unused_port() -> int:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""`DynamoTable`: the table on AWS."""

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from flowker.adapters import aws_errors
from flowker.adapters.dynamodb import expressions
from flowker.adapters.dynamodb.answers import refuse_broken
from flowker.adapters.dynamodb.expressions import Request, from_attributes
from flowker.adapters.items import Check, ConditionFailed, Item, Key, Query, Update, Write
from flowker.adapters.table_rules import (
    check_keys,
    check_query,
    check_writes,
    in_range,
    is_reachable,
    is_storable,
    too_large,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
"""Seconds. With full jitter all tries together wait 2 s on average and 4 s at most."""
_PATIENCE = 8.0
"""Seconds after which no other try begins, however few there were: a request has 29 for all its calls."""

_TOO_LARGE = re.compile("item size (to update )?has exceeded", re.IGNORECASE)

T = TypeVar("T")


class DynamoTable:
    """`adapters.items.Table` on DynamoDB.

    `names` maps the logical tables of `keys.TABLES` to physical names. `sleep` takes seconds, `jitter` gives numbers in
    [0, 1), `clock` seconds since whenever. A transient refusal is repeated with full jitter, then it is
    `StoreUnavailable`. The client must not repeat requests itself: both together would outlast the caller.

    A transaction carries a token, so repeating it after a lost answer changes nothing. A single put or delete carries
    none: after a lost answer its condition may meet its own effect, and the `ConditionFailed` then shows it.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        names: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        refuse_broken(client)
        self._client = client
        self._names = names
        self._logical = {physical: logical for logical, physical in names.items()}
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        check_keys(keys)
        distinct = [key for key in dict.fromkeys(keys) if is_storable(key)]
        if not distinct:
            return [None] * len(keys)
        found = self._get_one(distinct[0]) if len(distinct) == 1 else self._get_several(distinct)
        return [found.get(key) for key in keys]

    def _get_one(self, key: Key) -> dict[Key, Item]:
        request = expressions.get_request(key, self._names)
        answer = self._repeated(lambda: self._client.get_item(**request))
        return {key: from_attributes(answer["Item"])} if "Item" in answer else {}

    def _get_several(self, keys: Sequence[Key]) -> dict[Key, Item]:
        found: dict[Key, Item] = {}
        pending: Mapping[str, Any] = expressions.batch_get_request(keys, self._names)
        for _ in self._tries():
            answer = self._repeated(partial(self._client.batch_get_item, RequestItems=pending))
            for physical, items in answer["Responses"].items():
                for item in map(from_attributes, items):
                    found[Key(self._logical[physical], str(item["pk"]), str(item["sk"]))] = item
            pending = answer.get("UnprocessedKeys", {})
            if not pending:
                return found
        raise aws_errors.unavailable()

    def query(self, query: Query) -> list[Item]:
        check_query(query)
        request = expressions.query_request(query, self._names) if is_reachable(query) else None
        if request is None:
            return []
        sort = expressions.sort_attribute(query)
        found: list[Item] = []
        while True:
            page = self._repeated(partial(self._client.query, **request))
            items = map(from_attributes, page["Items"])
            found.extend(item for item in items if in_range(str(item[sort]), query))
            enough = query.limit is not None and len(found) >= query.limit
            if enough or "LastEvaluatedKey" not in page:
                return found[: query.limit]
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def write(self, writes: Sequence[Write]) -> None:
        check_writes(writes)
        requests = [expressions.write_request(write, self._names) for write in writes]
        if len(writes) == 1 and not _needs_transaction(writes[0]):
            self._write_one(requests[0])
        elif writes:
            self._write_all(requests)

    def _write_one(self, request: Request) -> None:
        [(operation, arguments)] = request.items()
        try:
            match operation:
                case "Put":
                    self._repeated(lambda: self._client.put_item(**arguments))
                case "Update":
                    self._repeated(lambda: self._client.update_item(**arguments))
                case "Delete":
                    self._repeated(lambda: self._client.delete_item(**arguments))
        except ClientError as error:
            if aws_errors.code(error) != "ConditionalCheckFailedException":
                _raise_too_large(error)
                raise
            stored: Any = error.response.get("Item")
            raise ConditionFailed(0, _item(stored)) from error

    def _write_all(self, requests: Sequence[Request]) -> None:
        arguments: Request = {"TransactItems": requests}
        token = str(uuid4())

        def send() -> None:
            nonlocal token
            try:
                self._client.transact_write_items(**arguments, ClientRequestToken=token)
            except ClientError as error:
                if aws_errors.code(error) == "TransactionCanceledException":
                    token = str(uuid4())  # this one is settled, so another try is another transaction
                    _raise_failed_condition(error)
                _raise_too_large(error)
                raise

        self._repeated(send)

    def _repeated(self, call: Callable[[], T]) -> T:
        """What the call returns, after transient errors have passed."""
        last: ClientError | BotoCoreError | None = None
        for _ in self._tries():
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                if not aws_errors.is_transient(error):
                    raise
                last = error
        raise aws_errors.unavailable() from last

    def _tries(self) -> Iterator[None]:
        """Once for each try, with a pause before each but the first."""
        begin = self._clock()
        yield
        for exponent in range(_TRIES - 1):
            self._sleep(self._jitter() * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**exponent))
            if self._clock() - begin > _PATIENCE:
                return
            yield


def _needs_transaction(write: Write) -> bool:
    """A check exists only there; an addition repeated without a token would count twice."""
    return isinstance(write, Check) or (isinstance(write, Update) and bool(write.add))


def _raise_failed_condition(error: ClientError) -> None:
    for index, reason in enumerate(error.response.get("CancellationReasons", [])):
        if reason.get("Code") == "ConditionalCheckFailed":
            stored: Any = reason.get("Item")
            raise ConditionFailed(index, _item(stored)) from error


def _raise_too_large(error: ClientError) -> None:
    """Only DynamoDB knows what an update makes of an item."""
    reasons = error.response.get("CancellationReasons", [])
    refusals = [aws_errors.code(error), *(str(reason.get("Code")) for reason in reasons)]
    told = [str(error), *(str(reason.get("Message")) for reason in reasons)]
    if {"ValidationException", "ValidationError"} & set(refusals) and any(map(_TOO_LARGE.search, told)):
        raise too_large("an item") from error


def _item(attributes: Mapping[str, Any] | None) -> Item | None:
    return from_attributes(attributes) if attributes else None

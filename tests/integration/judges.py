"""DynamoDB outside of this process: MiniStack, or whatever `FLOWKER_TEST_DYNAMODB_ENDPOINT` names."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
from botocore.config import Config

from flowker.adapters import keys
from flowker.adapters.dynamodb import DynamoTable, create_tables
from flowker.adapters.items import Item, Key, Query, Table, Write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ENDPOINT = os.environ.get("FLOWKER_TEST_DYNAMODB_ENDPOINT")
"""Such as http://127.0.0.1:8000, where Amazon's DynamoDB Local runs, or https://dynamodb.eu-central-1.amazonaws.com."""

PASSED_THROUGH = [re.escape(ENDPOINT)] if ENDPOINT else []
"""What moto, which intercepts whatever looks like AWS, must leave alone."""

_LAG_SECONDS = 1.0
"""How far indexes of a real account may be behind, as a rule far less."""
_ONE_DELETION = 25


class Judge:
    """Tables of its own at an endpoint, which are emptied rather than created again: that is faster."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.client = client
        self.names = {table: f"flowker-test-{uuid4()}-{table}" for table in keys.TABLES}

    def table(self) -> Table:
        """The tables, empty."""
        for name in self.names.values():
            self._empty(name)
        table = DynamoTable(self.client, self.names)
        return SettledTable(table) if _is_aws(self.client.meta.endpoint_url) else table

    def _empty(self, name: str) -> None:
        pages = self.client.get_paginator("scan").paginate(
            TableName=name, ProjectionExpression="pk, sk", ConsistentRead=True
        )
        requests: list[Any] = [{"DeleteRequest": {"Key": item}} for page in pages for item in page["Items"]]
        while requests:
            part, requests = requests[:_ONE_DELETION], requests[_ONE_DELETION:]
            answer = self.client.batch_write_item(RequestItems={name: part})
            requests += answer["UnprocessedItems"].get(name, [])


class SettledTable:
    """A table of a real account, whose indexes are given time to follow what was written."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._settled = True

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._table.get(keys)

    def query(self, query: Query) -> list[Item]:
        if query.index and not self._settled:
            time.sleep(_LAG_SECONDS)
            self._settled = True
        return self._table.query(query)

    def write(self, writes: Sequence[Write]) -> None:
        self._settled = False
        self._table.write(writes)


@contextmanager
def judge(url: str, session: boto3.Session) -> Iterator[Judge]:
    """Create the tables at this endpoint, and delete them in the end."""
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=50)
    client = session.client("dynamodb", endpoint_url=url, config=config)
    found = Judge(client)
    create_tables(client, found.names, streams=False)
    try:
        yield found
    finally:
        for name in found.names.values():
            client.delete_table(TableName=name)
        client.close()


def session_for(url: str, fallback: boto3.Session) -> boto3.Session:
    """The credentials and the region of whoever runs the tests, if the endpoint belongs to AWS."""
    return boto3.Session() if _is_aws(url) else fallback


def _is_aws(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith((".amazonaws.com", ".api.aws"))

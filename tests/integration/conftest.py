"""The homes that the contracts are checked on."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from flowker.adapters import keys
from flowker.adapters.dynamodb import DynamoTable, create_tables
from flowker.adapters.items import Table
from flowker_local.sqlite_table import SqliteTable
from tests.fakes import MemoryTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class MotoClients:
    """AWS in this process. It is the truth for one thread only."""

    dynamodb: "DynamoDBClient"
    s3: "S3Client"
    kms: "KMSClient"


@pytest.fixture(scope="session")
def aws_session() -> boto3.Session:
    """A session that cannot reach an account."""
    return boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-central-1"
    )


@pytest.fixture(scope="module")
def moto_clients(aws_session: boto3.Session) -> Iterator[MotoClients]:
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    with mock_aws():
        yield MotoClients(
            dynamodb=aws_session.client("dynamodb", config=config),
            s3=aws_session.client("s3", config=config),
            kms=aws_session.client("kms", config=config),
        )


@pytest.fixture
def sqlite_table(tmp_path: Path) -> Iterator[SqliteTable]:
    with closing(SqliteTable(tmp_path / "flowker.db")) as table:
        yield table


@pytest.fixture
def dynamo_table(moto_clients: MotoClients) -> DynamoTable:
    """Tables of its own for every test."""
    names = {table: f"flowker-{uuid4()}-{table}" for table in keys.TABLES}
    create_tables(moto_clients.dynamodb, names)
    return DynamoTable(moto_clients.dynamodb, names)


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    """An empty table of every home."""
    if request.param == "memory":
        return MemoryTable()
    home: Table = request.getfixturevalue("sqlite_table" if request.param == "sqlite" else "dynamo_table")
    return home

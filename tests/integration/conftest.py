"""The homes that the contracts are checked on: a dictionary, SQLite, and DynamoDB as moto and MiniStack imitate it.

`FLOWKER_TEST_DYNAMODB_ENDPOINT` adds another judge, such as Amazon's DynamoDB Local or a real account.
"""

import os
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
from tests.integration.judges import ENDPOINT, PASSED_THROUGH, Judge, judge, session_for
from tests.ministack import INSTALLED, MiniStack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

HOMES = ["memory", "sqlite", "dynamodb", "ministack", *(["endpoint"] if ENDPOINT else [])]
FAITHFUL_HOMES = [home for home in HOMES if home != "dynamodb"]
"""Moto in this process is the truth for one thread only, and weighs items differently."""


@dataclass(frozen=True, slots=True)
class MotoClients:
    """AWS in this process, as moto imitates it."""

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
    with mock_aws(config={"core": {"mock_credentials": False, "passthrough": {"urls": PASSED_THROUGH}}}):
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


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a MiniStack."""
    if not INSTALLED.exists():
        missing = "MiniStack is not installed; `make test` does it, where its packages can be had"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    with MiniStack(tmp_path_factory.mktemp("ministack")) as running:
        yield running.url


@pytest.fixture(scope="session")
def ministack_judge(ministack: str, aws_session: boto3.Session) -> Iterator[Judge]:
    with judge(ministack, aws_session) as found:
        yield found


@pytest.fixture(scope="session")
def endpoint_judge(aws_session: boto3.Session) -> Iterator[Judge]:
    assert ENDPOINT is not None
    with judge(ENDPOINT, session_for(ENDPOINT, aws_session)) as found:
        yield found


def home(request: pytest.FixtureRequest, name: str) -> Table:
    """An empty table of this home."""
    if name == "memory":
        return MemoryTable()
    if name in ("ministack", "endpoint"):
        outside: Judge = request.getfixturevalue(f"{name}_judge")
        return outside.table()
    table: Table = request.getfixturevalue("sqlite_table" if name == "sqlite" else "dynamo_table")
    return table


@pytest.fixture(params=HOMES)
def table(request: pytest.FixtureRequest) -> Table:
    """An empty table of every home."""
    return home(request, request.param)


@pytest.fixture(params=FAITHFUL_HOMES)
def faithful_table(request: pytest.FixtureRequest) -> Table:
    """An empty table of every home that is as exact as DynamoDB, and that several threads may use at a time."""
    return home(request, request.param)

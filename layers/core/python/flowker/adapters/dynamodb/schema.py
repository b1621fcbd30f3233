"""The physical tables of `keys.TABLES`, for emulators and tests; on AWS the stack creates them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flowker.adapters import keys

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def create_tables(client: "DynamoDBClient", names: Mapping[str, str], *, streams: bool = True) -> None:
    """Create every table under its physical name and wait until all can be used."""
    for table, physical in names.items():
        request = create_table_request(table, physical)
        if not streams:
            request.pop("StreamSpecification", None)
        client.create_table(**request)
    waiter = client.get_waiter("table_exists")
    for physical in names.values():
        waiter.wait(TableName=physical, WaiterConfig={"Delay": 1})


def create_table_request(table: str, physical: str) -> dict[str, Any]:
    """Arguments of CreateTable."""
    indexes = keys.TABLES[table]
    attributes = {"pk", "sk"} | {name for index in indexes.values() for name in (index.pk, index.sk)}
    request: dict[str, Any] = {
        "TableName": physical,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": "S"} for name in sorted(attributes)
        ],
        "KeySchema": _key_schema("pk", "sk"),
        "GlobalSecondaryIndexes": [_index(name, index) for name, index in indexes.items()],
    }
    if table == keys.EXECUTIONS:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    return request


def _index(name: str, index: keys.Index) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _key_schema(index.pk, index.sk),
        "Projection": _projection(index),
    }


def _projection(index: keys.Index) -> dict[str, Any]:
    if not index.projects:
        return {"ProjectionType": "KEYS_ONLY"}
    return {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projects)}


def _key_schema(pk: str, sk: str) -> list[dict[str, str]]:
    return [{"AttributeName": pk, "KeyType": "HASH"}, {"AttributeName": sk, "KeyType": "RANGE"}]

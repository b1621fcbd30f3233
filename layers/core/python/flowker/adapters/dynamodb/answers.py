"""Answers that arrived whole. botocore takes one that broke off for an empty one, and "no item" is a statement."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.exceptions import ChecksumError, IncompleteReadError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def refuse_broken(client: "DynamoDBClient") -> None:
    """From now on the client raises `IncompleteReadError` or `ChecksumError` for an answer that is not what was sent."""
    client.meta.events.register("before-parse.dynamodb", _check, unique_id="flowker-whole-answers")


def _check(response_dict: Mapping[str, Any], **_: object) -> None:
    body, headers = response_dict["body"], response_dict["headers"]
    announced = headers.get("content-length")
    if announced is not None and int(announced) != len(body):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(announced))
    expected = headers.get("x-amz-crc32")
    if expected is not None and int(expected) != crc32(body):
        raise ChecksumError(
            checksum_type="crc32", expected_checksum=expected, actual_checksum=str(crc32(body))
        )

"""`S3Blobs`: large payloads in a bucket."""

from typing import TYPE_CHECKING

from flowker.adapters.aws_errors import translated_refusals
from flowker.errors import StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef


class S3Blobs:
    """`adapters.items.Blobs` in S3. The role needs `s3:ListBucket`: without it S3 answers 403 for a key that is not
    there, and that is not a `KeyError`. All methods raise `StoreUnavailable` when S3 refuses for load."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, content: bytes) -> None:
        with translated_refusals():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        try:
            with translated_refusals():
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                with answer["Body"] as body:
                    return body.read()
        except self._client.exceptions.NoSuchKey as error:
            raise KeyError(key) from error

    def delete(self, start: str) -> None:
        """Raises `StoreUnavailable` as well if S3 leaves one where it is. What is deleted in a versioned bucket is kept as an
        earlier version, as long as the bucket says."""
        with translated_refusals():
            while found := self._client.list_objects_v2(Bucket=self._bucket, Prefix=start).get("Contents"):
                objects: list[ObjectIdentifierTypeDef] = [{"Key": each["Key"]} for each in found]
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True}
                )
                if refused := answer.get("Errors"):
                    raise StoreUnavailable("Payloads cannot be deleted. Try again.") from ValueError(
                        refused[0]
                    )

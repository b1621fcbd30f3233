"""S3, the object store (Flowker spec g.1, g.2)."""

from flowker.catalog.entries import ANYTHING, FILLED, STRING, URI, Executor, Provider, document

PROVIDER = Provider(
    id="s3",
    name="S3",
    description="Object storage: one bucket, by access key or by role.",
    schema=document(
        {
            "region": STRING,
            "bucket": STRING,
            "access_key_id": STRING,
            "secret_access_key": STRING,
            "role_arn": {
                "type": "string",
                "description": "The role to assume instead of using an access key.",
            },
            "endpoint_url": URI,
        },
        required=["region", "bucket"],
        **{"if": {"required": ["role_arn"]}, "else": {"required": ["access_key_id", "secret_access_key"]}},
    ),
)

EXECUTORS = (
    Executor(
        id="s3.put-object",
        name="Put Object",
        category="S3",
        provider_id=PROVIDER.id,
        schema=document(
            {
                "key": FILLED,
                "content_type": {**STRING, "default": "application/octet-stream"},
                "body": ANYTHING,
            },
            required=["key"],
        ),
    ),
)

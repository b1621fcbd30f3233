"""The outside world: stores, Step Functions, S3, KMS and outbound HTTP. The only room that may import boto3."""

"""`adapters.items.Table` on DynamoDB."""

from flowker.adapters.dynamodb.schema import create_tables
from flowker.adapters.dynamodb.table import DynamoTable

__all__ = ["DynamoTable", "create_tables"]

"""The change feed: chain what changes have announced (architecture §6). On AWS it is the stream of the executions table."""

from typing import Any

from flowker import wiring
from flowker.adapters.dynamodb.expressions import from_attributes
from flowker.adapters.stores.outbox import is_notice


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """`{Records: [{eventName, dynamodb: {NewImage}}]}` as of DynamoDB Streams. What is no notice is passed over, and what
    was chained before as well, so records may come twice, late or in any order. Answers `{appended}`: how many notices.

    Raises when the store is not available: the batch is delivered again.
    """
    inserted = (record for record in event["Records"] if record["eventName"] == "INSERT")
    items = (from_attributes(record["dynamodb"]["NewImage"]) for record in inserted)
    return {"appended": wiring.audit_chain().append_items([item for item in items if is_notice(item)])}

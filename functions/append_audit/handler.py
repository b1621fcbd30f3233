"""DynamoDB stream of the executions table: chain what changes have announced."""

from flowker.events.append_audit import handle as lambda_handler

__all__ = ["lambda_handler"]

"""DynamoDB stream of the executions table, and direct invocations: tell sockets what happens in runs."""

from flowker.events.push_updates import handle as lambda_handler

__all__ = ["lambda_handler"]

"""Step Functions task and EventBridge status events: record how an execution ended."""

from flowker.events.record_execution import handle as lambda_handler

__all__ = ["lambda_handler"]

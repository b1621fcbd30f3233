"""EventBridge Scheduler, when a schedule of a flow is due: run the flow."""

from flowker.events.run_schedule import handle as lambda_handler

__all__ = ["lambda_handler"]

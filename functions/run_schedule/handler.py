"""EventBridge Scheduler, when a schedule is due: start its flow or workflow."""

from flowker.events.run_schedule import handle as lambda_handler

__all__ = ["lambda_handler"]

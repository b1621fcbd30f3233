"""EventBridge Scheduler, every minute: start what was accepted but never started."""

from flowker.events.reconcile import handle as lambda_handler

__all__ = ["lambda_handler"]

"""Scripts of flows: JSON in, JSON out."""

from flowker.events.run_script import handle as lambda_handler

__all__ = ["lambda_handler"]

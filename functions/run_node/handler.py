"""Step Functions task: run one node of an execution."""

from flowker.events.run_node import handle as lambda_handler

__all__ = ["lambda_handler"]

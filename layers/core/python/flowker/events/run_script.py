"""Runs scripts of flows, in a function that may do nothing else: its role has no permissions (architecture §8).

It knows no home and no store; what it needs is in the event, and what came of it is in the answer.
"""

from typing import Any

from flowker.expressions.scripts.quickjs_engine import evaluate

Event = dict[str, Any]


def handle(event: Event, context: object) -> dict[str, Any]:
    """See `flowker.expressions.scripts` for events and answers."""
    return evaluate(event)

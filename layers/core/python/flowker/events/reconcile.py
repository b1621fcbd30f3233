"""Every minute: start what was accepted but never started, end what nobody reported the end of (architecture §5)."""

from typing import Any

from flowker import wiring


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answers `{started, ended}`: how many executions were handed to the orchestrator again, and how many were failed
    because their time is over."""
    executions = wiring.executions()
    return {"started": executions.start_pending(), "ended": executions.end_overdue()}

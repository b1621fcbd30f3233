"""Every minute: start what was accepted but never started, end what nobody reported the end of, and chain what the change
feed has lost (architecture §5)."""

from typing import Any

from flowker import wiring


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answers `{started, ended, chained}`: how many executions were handed to the orchestrator again, how many were failed
    because their time is over, and how many notices the audit trail had missed."""
    executions = wiring.executions()
    return {
        "started": executions.start_pending(),
        "ended": executions.end_overdue(),
        "chained": wiring.audit_trail().append_pending(),
    }

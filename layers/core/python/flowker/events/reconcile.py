"""Every minute: start what was accepted but never started, end what nobody reported the end of, chain what the change
feed has lost, and delete the state machines that nobody uses (architecture §4, §5)."""

from typing import Any

from flowker import wiring


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answers `{started, ended, chained, collected}`: how many executions were handed to the orchestrator again, how many
    were failed because their time is over, how many notices the audit trail had missed, and how many state machines were
    deleted."""
    executions = wiring.executions()
    return {
        "started": executions.start_pending(),
        "ended": executions.end_overdue(),
        "chained": wiring.audit_trail().append_pending(),
        "collected": wiring.collection().collect(),
    }

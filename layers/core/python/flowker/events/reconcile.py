"""Every minute: start what was accepted but never started (architecture §5)."""

from typing import Any

from flowker import wiring


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answers `{started}`: how many executions were handed to the orchestrator again."""
    return {"started": wiring.executions().start_pending()}

"""Every minute: start what was accepted but never started, end what nobody reported the end of, chain what the change
feed has lost, and delete the state machines that nobody uses (architecture §4, §5)."""

from collections.abc import Callable, Mapping
from typing import Any

from flowker import wiring
from flowker.errors import FlowkerError
from flowker.model.telemetry import Metric, measure
from flowker.observability import logger, observed
from flowker.wiring.accounts import accounts
from flowker.wiring.runs import run_executions, runs, sweeping
from flowker.wiring.sockets import pushing, updates

HOLDER = "reconcile"
"""Of the lease of a run, where an invocation has no id."""
RESULTS = {
    "started": Metric.STARTED_AGAIN,
    "ended": Metric.ENDED_OVERDUE,
    "chained": Metric.CHAINED_LATE,
    "collected": Metric.MACHINES_COLLECTED,
}


def handle(event: dict[str, Any], context: object) -> dict[str, int]:
    """Answers `{started, ended, chained, collected, forgotten, cleared, swept, closed, kept_alive}`: how many executions were
    handed to the orchestrator again, how many were failed because their time is over, how many notices the audit trail had
    missed, how many state machines were deleted, how many runs of flows whose time is over, how many deleted accounts nothing
    is left of, how many large payloads nothing referred to any more, how many sockets were closed because their tokens have
    expired, and for how many runs sockets were given a sign of life."""
    with observed(wiring.home().settings):
        both = (wiring.executions(), run_executions())
        holder = str(getattr(context, "aws_request_id", HOLDER))
        return _each(
            {
                "started": lambda: sum(executions.start_pending() for executions in both),
                "ended": lambda: sum(executions.end_overdue() for executions in both),
                "chained": lambda: wiring.audit_trail().append_pending(),
                "collected": lambda: wiring.collection().collect(),
                "forgotten": lambda: runs().forget_expired(),
                "cleared": lambda: accounts().clear_departed(),
                "swept": lambda: sweeping().sweep(),
                "closed": lambda: updates().close_expired(),
                "kept_alive": lambda: pushing().keep_alive(holder),
            }
        )


def _each(jobs: Mapping[str, Callable[[], int]]) -> dict[str, int]:
    """How much each job has done. One that fails keeps no other from its turn; then the invocation fails, too."""
    done: dict[str, int] = {}
    failed: list[FlowkerError] = []
    for name, job in jobs.items():
        try:
            done[name] = job()
        except FlowkerError as problem:
            logger().exception("not everything was reconciled", extra={"job": name})
            failed.append(problem)
        else:
            if name in RESULTS:
                measure(RESULTS[name], done[name])
    if failed:
        raise failed[0]
    return done

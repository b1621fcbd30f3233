"""What is counted of what the audit trail is told: every execution and every call of a provider passes here exactly once,
whichever function it ended in."""

from collections.abc import Sequence

from flowker.adapters import keys
from flowker.adapters.stores.outbox import Notice
from flowker.errors import CIRCUIT_OPEN, EXECUTION_CANCELLED, EXECUTION_TIMED_OUT
from flowker.model.audit import AuditEvent, EventType, Result
from flowker.model.execution import ExecutionStatus
from flowker.model.instant import MILLISECOND, moment
from flowker.model.telemetry import Metric, measure

_FAILURES = {
    EXECUTION_TIMED_OUT: Metric.EXECUTIONS_TIMED_OUT,
    EXECUTION_CANCELLED: Metric.EXECUTIONS_CANCELLED,
}
_ENDS = {status.value for status in ExecutionStatus if status.terminal}


def measure_chained(notices: Sequence[Notice]) -> None:
    """Once they are chained, and so will not come again."""
    for notice in notices:
        for event in notice.events:
            _measure(event)
        for move in notice.moves:
            if move.kind == keys.EXECUTIONS and move.after in _ENDS and notice.events:
                took = moment(notice.events[-1].at) - moment(move.at)
                measure(Metric.EXECUTION_TIME, took / MILLISECOND)


def _measure(event: AuditEvent) -> None:
    error = str(event.metadata.get("error"))
    match event.type:
        case EventType.EXECUTION_STARTED if event.result is Result.SUCCESS:
            measure(Metric.EXECUTIONS_STARTED)
        case EventType.EXECUTION_COMPLETED:
            measure(Metric.EXECUTIONS_COMPLETED)
        case EventType.EXECUTION_FAILED:
            measure(_FAILURES.get(error, Metric.EXECUTIONS_FAILED))
        case EventType.PROVIDER_CALL_FAILED if error == CIRCUIT_OPEN:
            measure(Metric.CIRCUIT_REFUSALS)
        case EventType.PROVIDER_CALL_COMPLETED | EventType.PROVIDER_CALL_FAILED:
            measure(Metric.PROVIDER_CALLS)
            measure(Metric.PROVIDER_ERRORS, event.type is EventType.PROVIDER_CALL_FAILED)
            took = event.metadata.get("durationMs")
            if isinstance(took, int):
                measure(Metric.PROVIDER_TIME, took)

"""What an invocation says about itself while it is at work: ids for its log lines, and measurements.

Context, as who acts is: whatever knows an id or measures something says so here, and the edge that serves the invocation
writes it (`flowker/observability.py`). Where nobody listens, nothing happens.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum


class Metric(StrEnum):
    """Everything that is measured, by the name that it has in CloudWatch. Times are in milliseconds, all else is counted."""

    EXECUTIONS_STARTED = "ExecutionsStarted"
    EXECUTIONS_COMPLETED = "ExecutionsCompleted"
    EXECUTIONS_FAILED = "ExecutionsFailed"
    EXECUTIONS_TIMED_OUT = "ExecutionsTimedOut"
    EXECUTIONS_CANCELLED = "ExecutionsCancelled"
    EXECUTION_TIME = "ExecutionTime"
    """From being accepted to the end."""
    PROVIDER_CALLS = "ProviderCalls"
    PROVIDER_ERRORS = "ProviderErrors"
    PROVIDER_TIME = "ProviderTime"
    CIRCUIT_REFUSALS = "CircuitRefusals"
    """Calls that were not made because the provider's circuit breaker was open."""
    CIRCUITS_OPENED = "CircuitsOpened"
    CIRCUITS_CLOSED = "CircuitsClosed"
    AUDIT_LAG = "AuditLag"
    """From an event to its place in the audit trail."""
    NOTICES_UNREADABLE = "NoticesUnreadable"
    NODES_BROKE = "NodesBroke"
    """Nodes that failed for a reason that nobody foresaw."""
    REFUSALS_LOST = "RefusalsLost"
    """Refused requests that the audit trail could not be told of."""
    UNAVAILABLE = "Unavailable"
    """Requests that were answered 503: a store or a service that we depend on throttles, or does not answer."""
    STARTED_AGAIN = "StartedAgain"
    ENDED_OVERDUE = "EndedOverdue"
    CHAINED_LATE = "ChainedLate"
    MACHINES_COLLECTED = "MachinesCollected"

    @property
    def in_milliseconds(self) -> bool:
        return self in (Metric.EXECUTION_TIME, Metric.PROVIDER_TIME, Metric.AUDIT_LAG)


@dataclass(frozen=True, slots=True)
class Invocation:
    """What was said so far."""

    ids: dict[str, str]
    measured: list[tuple[Metric, float]] = field(default_factory=list)


_at_work: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


@contextmanager
def invocation(ids: Mapping[str, str | None]) -> Iterator[Invocation]:
    """Listen to what happens inside. Ids that are None are not known yet."""
    listening = Invocation({name: value for name, value in ids.items() if value is not None})
    token = _at_work.set(listening)
    try:
        yield listening
    finally:
        _at_work.reset(token)


def about(**ids: str | None) -> None:
    """From now on the invocation's log lines carry these ids, too."""
    if (listening := _at_work.get()) is not None:
        listening.ids.update((name, value) for name, value in ids.items() if value is not None)


def ids() -> Mapping[str, str]:
    """What the invocation's log lines carry."""
    listening = _at_work.get()
    return {} if listening is None else listening.ids


def measure(metric: Metric, value: float = 1) -> None:
    """Note a time in milliseconds, or that something happened so many times; nothing, if it did not happen."""
    listening = _at_work.get()
    if listening is not None and (value or metric.in_milliseconds):
        listening.measured.append((metric, value))

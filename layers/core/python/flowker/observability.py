"""The one place that configures logs and metrics. Inner rooms use `logging.getLogger(__name__)` and `model/telemetry.py`;
records become JSON here, with the ids of the invocation, and measurements become lines that CloudWatch reads metrics from.

Bodies, credentials and customer data are never logged; records carry ids (`correlation_id`, `execution_id`, `node_id`).
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from flowker.model import telemetry
from flowker.model.telemetry import Metric
from flowker.settings import Settings


@cache
def logger() -> Logger:
    """The structured logger of this process; standard loggers below `flowker` write through it."""
    configured = Logger(service="flowker", name="flowker", log_uncaught_exceptions=False)
    standard = logging.getLogger("flowker")
    standard.propagate = False
    for handler in standard.handlers:
        handler.addFilter(_with_ids)
    return configured


def _with_ids(record: logging.LogRecord) -> bool:
    """What a line says by itself is not replaced."""
    for name, value in telemetry.ids().items():
        record.__dict__.setdefault(name, value)
    return True


@contextmanager
def observed(settings: Settings, **ids: str | None) -> Iterator[None]:
    """One invocation: its log lines carry these ids, and what was measured is written when it ends, however it does."""
    logger()
    with telemetry.invocation(ids) as said:
        try:
            yield
        finally:
            if settings.metrics and said.measured:
                _write(settings, said.measured)


def _write(settings: Settings, measured: Sequence[tuple[Metric, float]]) -> None:
    """One line in CloudWatch's embedded metric format: counts as their sums, times each by itself, for percentiles."""
    metrics = EphemeralMetrics(namespace=settings.namespace)
    counts: dict[Metric, float] = defaultdict(float)
    for metric, value in measured:
        if metric.in_milliseconds:
            metrics.add_metric(
                metric, MetricUnit.Milliseconds, value
            )  # a hundred of them are written at once
        else:
            counts[metric] += value
    for metric, value in counts.items():
        metrics.add_metric(metric, MetricUnit.Count, value)
    if metrics.metric_set:
        metrics.flush_metrics()

"""What is watched: alarms, each with a line in the runbook of docs/operations.md, and one dashboard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from flowker.adapters import keys
from flowker.model.telemetry import Metric
from infra_cdk.functions import HTTP_FUNCTIONS, Functions
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

RUNBOOK = "docs/operations.md"
FIVE_MINUTES = cdk.Duration.minutes(5)


OWN_ALARMS = (
    ("nodes-broke", Metric.NODES_BROKE, 1, "nodes fail for a reason that nobody foresaw", 1),
    ("providers-failing", Metric.PROVIDER_ERRORS, 100, "providers do not answer", 3),
    ("circuits-opened", Metric.CIRCUITS_OPENED, 1, "a provider is not called for a while", 1),
    ("refusals-lost", Metric.REFUSALS_LOST, 1, "refused requests are not in the audit trail", 1),
    ("notices-unreadable", Metric.NOTICES_UNREADABLE, 1, "something is missing from the audit trail", 1),
    ("executions-vanished", Metric.ENDED_OVERDUE, 5, "runs end without telling", 1),
    ("unavailable", Metric.UNAVAILABLE, 20, "requests are answered 503", 2),
)
"""Name, metric, how many of it in five minutes, what it means, and how often in a row."""


OUTCOMES = (
    Metric.EXECUTIONS_STARTED,
    Metric.EXECUTIONS_COMPLETED,
    Metric.EXECUTIONS_FAILED,
    Metric.EXECUTIONS_TIMED_OUT,
    Metric.EXECUTIONS_CANCELLED,
)
PROVIDERS = (
    Metric.PROVIDER_CALLS,
    Metric.PROVIDER_ERRORS,
    Metric.CIRCUITS_OPENED,
    Metric.CIRCUITS_CLOSED,
    Metric.CIRCUIT_REFUSALS,
)
RECONCILED = (
    Metric.STARTED_AGAIN,
    Metric.ENDED_OVERDUE,
    Metric.CHAINED_LATE,
    Metric.MACHINES_COLLECTED,
)
FAULTS = (Metric.NODES_BROKE, Metric.REFUSALS_LOST, Metric.NOTICES_UNREADABLE)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the alarms and the dashboard are about."""

    api: str
    functions: Functions
    queues: Mapping[str, sqs.Queue]


class Observability(Construct):
    """Alarms to a topic, and a dashboard. Beside AWS's own metrics they read those of `flowker/model/telemetry.py`, which
    functions write into their logs."""

    def __init__(self, scope: Construct, stage: Stage, watched: Watched, key: kms.Key) -> None:
        super().__init__(scope, "observability")
        self._stage = stage
        self._watched = watched
        self._topic = self._alarm_topic(key)
        self._alarms()
        self._dashboard()

    def _alarm_topic(self, key: kms.Key) -> sns.Topic:
        topic = sns.Topic(
            self, "Alarms", topic_name=f"{self._stage.prefix}-alarms", master_key=key, enforce_ssl=True
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            )
        )
        if self._stage.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._stage.alarm_email))
            acknowledge(
                topic,
                {"Serverless-SNSRedrivePolicy": "mail has no queue; the dashboard shows alarms as well"},
            )
        return topic

    # --- metrics ------------------------------------------------------------------------------------------------------

    def _own(self, metric: Metric, statistic: str = "Sum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=self._stage.prefix,
            metric_name=metric.value,
            statistic=statistic,
            period=FIVE_MINUTES,
            label=f"{metric.value} {statistic}" if metric.in_milliseconds else metric.value,
        )

    def _times(self, *metrics: Metric) -> list[cloudwatch.IMetric]:
        return [self._own(metric, statistic) for metric in metrics for statistic in ("p50", "p99")]

    def _aws(self, service: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=f"AWS/{service}",
            metric_name=name,
            statistic=statistic,
            period=FIVE_MINUTES,
            dimensions_map=dimensions,
            label=" ".join([*dimensions.values(), name]) if service in ("Lambda", "DynamoDB") else name,
        )

    def _of_function(self, function: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._aws("Lambda", name, statistic, FunctionName=f"{self._stage.prefix}-{function}")

    def _of_table(self, table: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._aws("DynamoDB", name, statistic, TableName=f"{self._stage.prefix}-{table}")

    def _throttled(self, table: str) -> cloudwatch.MathExpression:
        metrics = {
            f"{table}{kind}": self._of_table(table, f"{kind}ThrottleEvents") for kind in ("Read", "Write")
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(metrics),
            using_metrics=metrics,
            label=f"{table} throttles",
            period=FIVE_MINUTES,
        )

    def _of_api(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._aws("ApiGateway", name, statistic, ApiId=self._watched.api)

    def _of_queue(self, queue: sqs.Queue) -> cloudwatch.Metric:
        return queue.metric_approximate_number_of_messages_visible(period=FIVE_MINUTES, statistic="Maximum")

    def _of_machines(self, name: str) -> cloudwatch.MathExpression:
        """The sum over all state machines, which come and go."""
        search = f"SEARCH('{{AWS/States,StateMachineArn}} flowker {self._stage.name} MetricName=\"{name}\"', 'Sum', 300)"
        return cloudwatch.MathExpression(expression=f"SUM({search})", label=name, period=FIVE_MINUTES)

    # --- alarms -------------------------------------------------------------------------------------------------------

    def _alarms(self) -> None:
        functions = self._watched.functions.all
        self._alarm("api-errors", self._of_api("5xx"), 5, "the API answers 5xx")
        self._alarm(
            "api-slow", self._of_api("Latency", "p99"), 5000, "one answer in a hundred takes over 5 s", 3
        )
        for name in functions:
            self._alarm(f"errors-{name}", self._of_function(name, "Errors"), 5, f"the function {name} fails")
        for name in ("executions", "webhooks", "run_node", "append_audit"):
            self._alarm(
                f"throttles-{name}",
                self._of_function(name, "Throttles"),
                1,
                f"the function {name} is throttled",
            )
        for name, metric, threshold, meaning, periods in OWN_ALARMS:
            self._alarm(name, self._own(metric), threshold, meaning, periods)
        lag = self._of_function("append_audit", "IteratorAge", "Maximum")
        self._alarm("audit-lag", lag, 60_000, "the audit trail is more than a minute behind", 2)
        silent = self._of_function("reconcile", "Invocations")
        self._alarm("reconcile-silent", silent, 1, "reconcile does not run", below=True)
        for table in keys.TABLES:
            self._alarm(
                f"table-throttles-{table}", self._throttled(table), 10, f"the table {table} throttles"
            )
        for name, queue in self._watched.queues.items():
            self._alarm(f"dead-letters-{name}", self._of_queue(queue), 1, f"{name} gave something up")

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        meaning: str,
        periods: int = 1,
        *,
        below: bool = False,
    ) -> None:
        operator = cloudwatch.ComparisonOperator
        silence = (
            cloudwatch.TreatMissingData.BREACHING if below else cloudwatch.TreatMissingData.NOT_BREACHING
        )
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._stage.prefix}-{name}",
            alarm_description=f"{meaning}; what to do: {RUNBOOK}, {name}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=operator.LESS_THAN_THRESHOLD
            if below
            else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=silence,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))
        alarm.add_ok_action(actions.SnsAction(self._topic))

    # --- dashboard ----------------------------------------------------------------------------------------------------

    def _dashboard(self) -> None:
        http = sorted(HTTP_FUNCTIONS)
        workers = sorted({*self._watched.functions.all} - HTTP_FUNCTIONS)
        capacity = ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
        rows: Sequence[Sequence[tuple[str, Sequence[cloudwatch.IMetric]]]] = [
            [
                ("Executions by outcome", [self._own(metric) for metric in OUTCOMES]),
                (
                    "Requests",
                    [
                        *(self._of_api(name) for name in ("Count", "4xx", "5xx")),
                        self._own(Metric.UNAVAILABLE),
                    ],
                ),
            ],
            [
                ("Latency of the API, ms", [self._of_api("Latency", p) for p in ("p50", "p99")]),
                (
                    "Executions and provider calls, ms",
                    self._times(Metric.EXECUTION_TIME, Metric.PROVIDER_TIME),
                ),
                (
                    "Latency of functions p99, ms",
                    [self._of_function(name, "Duration", "p99") for name in http],
                ),
                (
                    "Latency of workers p99, ms",
                    [self._of_function(name, "Duration", "p99") for name in workers],
                ),
            ],
            [
                (
                    "Provider calls and circuit breakers",
                    [self._own(metric) for metric in PROVIDERS],
                ),
                (
                    "Throttles",
                    [
                        *(self._of_function(name, "Throttles") for name in [*http, *workers]),
                        *(self._throttled(name) for name in keys.TABLES),
                    ],
                ),
            ],
            [
                (
                    "Audit lag, ms",
                    [
                        *self._times(Metric.AUDIT_LAG),
                        self._of_function("append_audit", "IteratorAge", "Maximum"),
                    ],
                ),
                ("Reconciliation", [self._own(metric) for metric in RECONCILED]),
                ("Should not happen", [self._own(metric) for metric in FAULTS]),
                ("Dead letters", [self._of_queue(queue) for queue in self._watched.queues.values()]),
                ("Errors of functions", [self._of_function(name, "Errors") for name in [*http, *workers]]),
            ],
            [
                ("Cost: invocations", [self._of_function(name, "Invocations") for name in [*http, *workers]]),
                (
                    "Cost: capacity units",
                    [self._of_table(table, name) for table in keys.TABLES for name in capacity],
                ),
                ("Cost: state transitions", [self._of_machines("ExecutionsStarted")]),
            ],
        ]
        board = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=self._stage.prefix)
        for row in rows:
            width = 24 // len(row)
            board.add_widgets(
                *(
                    cloudwatch.GraphWidget(title=title, left=list(metrics), width=width)
                    for title, metrics in row
                )
            )

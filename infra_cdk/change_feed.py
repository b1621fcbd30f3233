"""The stream of the executions table, which carries announcements to the audit trail and events of runs to sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from flowker.adapters import keys

RECORDS = 100
ATTEMPTS = 5
"""With batches halved in between, or cut where the function says. What is given up is not lost: announcements wait in the
outbox, events are stored, and `reconcile` takes up both."""


@dataclass(frozen=True, slots=True)
class Consumer:
    """Which records a function is called for; it would pass over the rest, but would have to be paid for that. `gather` is
    how many seconds records may wait for others, `parallel` how many batches of a part of the table are under way at once."""

    function: str
    partition: str
    sort: str = ""
    gather: int = 0
    parallel: int = 1

    @property
    def pattern(self) -> Mapping[str, object]:
        prefixes = {"pk": self.partition} | ({"sk": self.sort} if self.sort else {})
        wanted = {name: {"S": [{"prefix": prefix}]} for name, prefix in prefixes.items()}
        return {"eventName": ["INSERT"], "dynamodb": {"Keys": wanted}}


CONSUMERS = (
    # There is one chain. An event may be a second late there; a transaction for each of them alone would be dear.
    Consumer("append_audit", keys.outbox_of(""), gather=1),
    # Events of one run are in one partition, and so stay in order.
    Consumer("push_updates", keys.execution("").pk, keys.EVENTS, parallel=4),
)


class ChangeFeed(Construct):
    """From the stream to the functions, with a queue for what each of them cannot handle."""

    def __init__(
        self,
        scope: Construct,
        executions: dynamodb.TableV2,
        functions: Mapping[str, lambda_.Function],
        dead_letters: Mapping[str, sqs.Queue],
    ) -> None:
        super().__init__(scope, "change_feed")
        for consumer in CONSUMERS:
            self._deliver(consumer, executions, functions[consumer.function], dead_letters[consumer.function])

    def _deliver(
        self,
        consumer: Consumer,
        executions: dynamodb.TableV2,
        function: lambda_.Function,
        dead_letters: sqs.Queue,
    ) -> None:
        source = lambda_.CfnEventSourceMapping
        source(
            self,
            consumer.function,
            function_name=function.function_arn,
            event_source_arn=executions.table_stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=RECORDS,
            maximum_batching_window_in_seconds=consumer.gather,
            parallelization_factor=consumer.parallel,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            maximum_retry_attempts=ATTEMPTS,
            filter_criteria=source.FilterCriteriaProperty(
                filters=[source.FilterProperty(pattern=json.dumps(consumer.pattern))]
            ),
            destination_config=source.DestinationConfigProperty(
                on_failure=source.OnFailureProperty(destination=dead_letters.queue_arn)
            ),
        )

"""The stream of the executions table, which carries announcements to the audit trail."""

import json

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from flowker.adapters import keys

ANNOUNCEMENTS = {
    "eventName": ["INSERT"],
    "dynamodb": {"Keys": {"pk": {"S": [{"prefix": keys.outbox_of("")}]}}},
}
"""What the function is called for; it would pass over the rest, but would have to be paid for that."""
RECORDS = 100
GATHER_SECONDS = 1
"""An audit event may be a second late; a transaction for each of them alone would be dear."""
ATTEMPTS = 5
"""With batches halved in between. What is given up is not lost: it waits in the outbox, and `reconcile` takes it up."""


class ChangeFeed(Construct):
    """From the stream to the function, with a queue for what it cannot handle."""

    def __init__(
        self,
        scope: Construct,
        executions: dynamodb.TableV2,
        append_audit: lambda_.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, "change_feed")
        lambda_.CfnEventSourceMapping(
            self,
            "Announcements",
            function_name=append_audit.function_arn,
            event_source_arn=executions.table_stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=RECORDS,
            maximum_batching_window_in_seconds=GATHER_SECONDS,
            parallelization_factor=1,  # there is one chain
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=ATTEMPTS,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=json.dumps(ANNOUNCEMENTS))]
            ),
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=dead_letters.queue_arn)
            ),
        )

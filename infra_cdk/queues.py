"""Where events go that could not be handled. They hold ids and places in a stream, so the service's own key will do."""

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


def dead_letters(scope: Construct, stage: Stage, name: str) -> sqs.Queue:
    """A queue that somebody has to look at; an alarm tells when there is something in it."""
    queue = sqs.Queue(
        scope,
        f"{name}-dead-letters",
        queue_name=f"{stage.prefix}-{name}-dead-letters",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(14),
    )
    acknowledge(
        queue,
        dict.fromkeys(["AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"], "it holds the dead letters"),
    )
    return queue

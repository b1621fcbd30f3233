"""What happens by the clock: `reconcile`, every minute."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


class Schedules(Construct):
    """Nothing is retried and nothing is kept: what one minute misses, the next one does."""

    def __init__(self, scope: Construct, stage: Stage, reconcile: lambda_.Function) -> None:
        super().__init__(scope, "schedules")
        reconcile.configure_async_invoke(retry_attempts=0, max_event_age=cdk.Duration.minutes(1))
        reason = "what one minute misses, the next one does; an alarm tells when it does not run"
        acknowledge(reconcile, {"Serverless-LambdaAsyncFailureDestination": reason})
        role = iam.Role(
            self,
            "Role",
            description="Flowker: schedules",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
            inline_policies={
                "flowker": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["lambda:InvokeFunction"], resources=[reconcile.function_arn]
                        )
                    ]
                )
            },
        )
        scheduler.CfnSchedule(
            self,
            "Reconcile",
            name=f"{stage.prefix}-reconcile",
            description="Flowker: start what was accepted, end what died, chain what the stream has lost",
            schedule_expression="rate(1 minute)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=reconcile.function_arn,
                role_arn=role.role_arn,
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=0, maximum_event_age_in_seconds=60
                ),
            ),
        )

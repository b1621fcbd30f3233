"""What happens by the clock: `reconcile`, every minute, and flows and workflows when their schedules are due."""

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.names import function_arn
from infra_cdk.stages import Stage


class Schedules(Construct):
    """Nothing is retried and nothing is kept: what one minute misses, the next one does."""

    def __init__(self, scope: Construct, stage: Stage, reconcile: lambda_.Function) -> None:
        super().__init__(scope, "schedules")
        reconcile.configure_async_invoke(retry_attempts=0, max_event_age=cdk.Duration.minutes(1))
        reason = "what one minute misses, the next one does; an alarm tells when it does not run"
        acknowledge(reconcile, {"Serverless-LambdaAsyncFailureDestination": reason})
        role = _calling(self, "schedules", reconcile.function_arn)
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


class FlowSchedules(Construct):
    """The group of the schedules that flows make while they run and workflows when they are activated, and the role under which
    these call `run_schedule`."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "flow_schedules")
        group = scheduler.CfnScheduleGroup(self, "Group", name=stage.prefix)
        self.timers = cdk.Stack.of(self).format_arn(
            service="scheduler", resource="schedule", resource_name=f"{group.name}/*"
        )
        self.role = _calling(
            self, "schedules of flows and workflows", function_arn(self, stage, "run_schedule")
        )


def _calling(scope: Construct, purpose: str, function: str) -> iam.Role:
    """Lets EventBridge Scheduler, on behalf of this account, call one function."""
    return iam.Role(
        scope,
        "Role",
        description=f"Flowker: {purpose}",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}},
        ),
        inline_policies={
            "flowker": iam.PolicyDocument(
                statements=[iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function])]
            )
        },
    )

"""What state machines need. The machines themselves are made when workflows are activated, one to a revision."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.data import Data
from infra_cdk.log_groups import encrypted_log_group
from infra_cdk.nag import acknowledge
from infra_cdk.names import function_arn, machines_arn
from infra_cdk.queues import dead_letters
from infra_cdk.roles import TRACE
from infra_cdk.stages import Stage

CALLED = ("run_node", "record_execution")
"""The functions that definitions name."""
ENDS = ("FAILED", "TIMED_OUT", "ABORTED")
"""Success is recorded by the last task itself."""
LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
"""What Step Functions asks of a role to write to a log group; these know no narrower resource than all."""


SAMPLING = ("xray:GetSamplingRules", "xray:GetSamplingTargets")
"""What a service asks for that decides by itself which runs are traced."""


class Engine(Construct):
    """The role of all state machines, and the group that their logs go to."""

    def __init__(self, scope: Construct, stage: Stage, data: Data) -> None:
        super().__init__(scope, "engine")
        self._stage = stage
        self.log_group = encrypted_log_group(
            self, "Log", f"/aws/vendedlogs/states/{stage.prefix}", stage, data.key
        )
        stack = cdk.Stack.of(self)
        functions = [function_arn(self, stage, name) for name in CALLED]
        self.role = iam.Role(
            self,
            "Role",
            description="Flowker: state machines",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}
            ),
            inline_policies={
                "flowker": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=functions),
                        iam.PolicyStatement(actions=list(LOG_DELIVERY), resources=["*"]),
                        iam.PolicyStatement(actions=[*TRACE, *SAMPLING], resources=["*"]),
                    ]
                )
            },
        )
        acknowledge(
            self.role,
            {
                "AwsSolutions-IAM5[Resource::*]": "log deliveries and traces are no resources that could be named"
            },
        )

    def report_ends(self, record_execution: lambda_.IFunction) -> None:
        """Tell the function when an execution ended in a way that its own tasks cannot report."""
        self.dead_letters = dead_letters(self, self._stage, "status-events")
        events.Rule(
            self,
            "Ends",
            description="Flowker: executions that failed, timed out or were aborted",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "status": list(ENDS),
                    "stateMachineArn": [{"prefix": machines_arn(self, self._stage).removesuffix("*")}],
                },
            ),
            targets=[
                targets.LambdaFunction(
                    record_execution,
                    dead_letter_queue=self.dead_letters,
                    retry_attempts=10,
                    max_event_age=cdk.Duration.hours(2),
                )
            ],
        )

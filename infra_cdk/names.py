"""Names of what others have to know before it is: functions, and the state machines that activation makes."""

import aws_cdk as cdk
from constructs import Construct

from infra_cdk.stages import Stage


def function_arn(scope: Construct, stage: Stage, name: str) -> str:
    return cdk.Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=f"{stage.prefix}-{name}",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )


def machines_arn(scope: Construct, stage: Stage) -> str:
    """All state machines that activation makes in this stage."""
    return cdk.Stack.of(scope).format_arn(
        service="states",
        resource="stateMachine",
        resource_name=f"{stage.prefix}-*",
        arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
    )

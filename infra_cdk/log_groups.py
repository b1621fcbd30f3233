"""Log groups: encrypted, and kept for as long as the stage says."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra_cdk.stages import Stage

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    365: logs.RetentionDays.ONE_YEAR,
}


def encrypted_log_group(
    scope: Construct, key_id: str, name: str, stage: Stage, key: kms.IKey
) -> logs.LogGroup:
    """Logs hold ids, never customer data, so they go with the stack."""
    return logs.LogGroup(
        scope,
        key_id,
        log_group_name=name,
        encryption_key=key,
        retention=_RETENTION[stage.log_days],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )

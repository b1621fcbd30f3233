"""What lasts: the three tables, the bucket of large payloads, and the key that encrypts all of it (architecture §6)."""

import math
from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from flowker.adapters import keys
from flowker.adapters.keys import Index
from flowker.model.run import RUN_PREFIX
from flowker.settings import Settings
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

EXPIRES_AT = "expires_at"
"""Items of the executions table are deleted some time after the second that this attribute says, if it says one."""

_RESTORABLE_DAYS = 35
"""So long a table can be set back to a point in time, and needs the payloads of then."""


class Data(Construct):
    """`tables` by their names in `keys.TABLES`."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "data")
        self._stage = stage
        self._after = cdk.RemovalPolicy.RETAIN if stage.durable else cdk.RemovalPolicy.DESTROY
        self.key = self._key()
        self.tables = {name: self._table(name) for name in keys.TABLES}
        self.bucket = self._bucket()

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            alias=f"alias/{self._stage.prefix}",
            description=f"Flowker {self._stage.name}: tables, payloads, logs, secrets",
            enable_key_rotation=True,
            removal_policy=self._after,
        )
        stack = cdk.Stack.of(self)
        key.add_to_resource_policy(_through_services(stack, ["dynamodb", "s3", "secretsmanager"]))
        key.add_to_resource_policy(_for_logs(stack))
        return key

    def _table(self, name: str) -> dynamodb.TableV2:
        streamed = name == keys.EXECUTIONS
        return dynamodb.TableV2(
            self,
            name,
            table_name=f"{self._stage.prefix}-{name}",
            partition_key=_text("pk"),
            sort_key=_text("sk"),
            global_secondary_indexes=[_index(*each) for each in keys.TABLES[name].items()],
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(self.key),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self._stage.durable,
            removal_policy=self._after,
            time_to_live_attribute=EXPIRES_AT if streamed else None,
            dynamo_stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if streamed else None,
        )

    def _bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Payloads",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=self._after,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="unfinished-uploads", abort_incomplete_multipart_upload_after=cdk.Duration.days(1)
                ),
                s3.LifecycleRule(
                    id="replaced-payloads",
                    noncurrent_version_expiration=cdk.Duration.days(_RESTORABLE_DAYS),
                    expired_object_delete_marker=True,
                ),
                s3.LifecycleRule(
                    id="payloads-of-forgotten-runs",
                    prefix=keys.folder(keys.execution(RUN_PREFIX)).removesuffix("/"),
                    expiration=cdk.Duration.days(_kept_days(Settings())),
                ),
                s3.LifecycleRule(
                    id="payloads-of-executions",
                    prefix=f"{keys.EXECUTIONS}/",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INFREQUENT_ACCESS,
                            transition_after=cdk.Duration.days(30),
                        )
                    ],
                ),
            ],
        )
        reason = "the functions' logs tell who reads payloads; data events of CloudTrail can be turned on for the rest"
        acknowledge(bucket, {"AwsSolutions-S1": reason})
        return bucket


def _kept_days(settings: Settings) -> int:
    """When the last payload of a run can be forgotten, and a week more: usually the function `reconcile` is faster. Payloads of
    workflows' executions, of the key/value store and of definitions stay until what refers to them is deleted."""
    return settings.retention_days + math.ceil(settings.longest_run / 86_400) + 7


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


def _index(name: str, index: Index) -> dynamodb.GlobalSecondaryIndexPropsV2:
    return dynamodb.GlobalSecondaryIndexPropsV2(
        index_name=name,
        partition_key=_text(index.pk),
        sort_key=_text(index.sk),
        projection_type=dynamodb.ProjectionType.INCLUDE
        if index.projects
        else dynamodb.ProjectionType.KEYS_ONLY,
        non_key_attributes=list(index.projects) or None,
    )


def _through_services(stack: cdk.Stack, services: Sequence[str]) -> iam.PolicyStatement:
    """Whoever may use a table or the bucket may use the key for it, but for nothing else."""
    return iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        resources=["*"],
        conditions={
            "StringEquals": {
                "kms:CallerAccount": stack.account,
                "kms:ViaService": [f"{service}.{stack.region}.amazonaws.com" for service in services],
            }
        },
    )


def _for_logs(stack: cdk.Stack) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
        actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        resources=["*"],
        conditions={
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                    service="logs", resource="*", arn_format=cdk.ArnFormat.NO_RESOURCE_NAME
                )
            }
        },
    )

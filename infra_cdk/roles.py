"""One role for each function, made of `permissions.PERMISSIONS`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from flowker.adapters import keys
from flowker.adapters.items import Key
from infra_cdk.grants import (
    AuthSecret,
    Calls,
    ChangeFeed,
    Grant,
    Items,
    Lists,
    Machines,
    Payloads,
    ProviderRoles,
    Secrets,
    Sockets,
    Timers,
)
from infra_cdk.nag import acknowledge
from infra_cdk.permissions import BARE

CONTEXT = {"kms:EncryptionContext:app": "flowker"}
"""What `KmsCipher` seals data keys with: the key's other uses, such as those of DynamoDB, are not opened by it."""
_WIDE = (
    "payloads are named by their content, state machines by their definition, roles by whoever configures a provider; a few "
    "actions that list know no resource. Within that, tests/infra/test_permissions.py holds roles to what is used."
)
TRACE = ("xray:PutTraceSegments", "xray:PutTelemetryRecords")
"""What Lambda does in the name of the function; these know no narrower resource than all."""
READ_STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")


@dataclass(frozen=True, slots=True)
class Names:
    """ARNs of what the grants are about."""

    tables: Mapping[str, str]
    bucket: str
    key: str
    machines: str
    """Of all state machines; `:execution:` in place of `:stateMachine:` gives their executions."""
    machine_role: str
    provider_roles: Sequence[str]
    auth_secret: str
    functions: Mapping[str, str]
    timers: str
    """Of all schedules that flows and workflows make."""
    timer_role: str
    sockets: str
    """Of all sockets, with any method."""
    stream: str
    dead_letters: Mapping[str, str]
    """Of functions that something is given up for, by their names."""


class FunctionRole(Construct):
    """The identity of one function."""

    def __init__(
        self, scope: Construct, name: str, grants: Sequence[Grant], names: Names, log_group: logs.ILogGroup
    ) -> None:
        super().__init__(scope, f"{name}_role")
        statements = [
            *_logging(log_group),
            *(() if name == BARE else _tracing()),
            *_statements(grants, names),
        ]
        if name in names.dead_letters:
            statements.append(allow(["sqs:SendMessage"], [names.dead_letters[name]]))
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Flowker: the function {name}",
            inline_policies={"flowker": iam.PolicyDocument(statements=statements)},
        )
        wide = {resource for statement in statements for resource in statement.resources if "*" in resource}
        acknowledge(self, {f"AwsSolutions-IAM5[Resource::{shown(self, each)}]": _WIDE for each in wide})
        if "*" in wide:
            acknowledge(self, {"Serverless-LambdaStarPermissions": _WIDE})


def shown(scope: Construct, resource: str) -> str:
    """A resource as cdk-nag shows it: references in angle brackets."""

    def text(part: object) -> str:
        match part:
            case {"Fn::Join": [str(separator), list(parts)]}:
                return separator.join(map(text, parts))
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                return f"<{name}.{attribute}>"
            case {"Ref": str(name)}:
                return f"<{name}>"
        return str(part)

    return text(cdk.Stack.of(scope).resolve(resource))


def allow(
    actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, object] | None = None
) -> iam.PolicyStatement:
    """A statement that allows."""
    return iam.PolicyStatement(
        actions=list(actions), resources=list(resources), conditions=dict(conditions) if conditions else None
    )


def _logging(log_group: logs.ILogGroup) -> Iterator[iam.PolicyStatement]:
    yield allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])


def _tracing() -> Iterator[iam.PolicyStatement]:
    yield allow(list(TRACE), ["*"])


def _statements(grants: Sequence[Grant], names: Names) -> Iterator[iam.PolicyStatement]:
    yield from _item_statements([grant for grant in grants if isinstance(grant, Items)], names)
    if any(isinstance(grant, Payloads) and needs_list(grant) for grant in grants):
        yield allow(["s3:ListBucket"], [names.bucket])
    for grant in grants:
        match grant:
            case Lists(table, indexes):
                yield allow(["dynamodb:Query"], [f"{names.tables[table]}/index/{index}" for index in indexes])
            case Payloads(table, actions, prefixes):
                folders = [folder(table, prefix) for prefix in prefixes]
                yield allow(
                    [f"s3:{action}" for action in actions.split()],
                    [f"{names.bucket}/{folder}*" for folder in folders],
                )
            case _:
                yield from _others(grant, names)


def needs_list(grant: Payloads) -> bool:
    """To get, for without it S3 answers 403 for a key that is not there; to delete, which it does by prefix."""
    return any(action in grant.actions.split() for action in ("GetObject", "DeleteObject"))


def _others(grant: Grant, names: Names) -> Iterator[iam.PolicyStatement]:
    """Of grants that are about neither items nor their payloads."""
    match grant:
        case Secrets(actions):
            opened = [f"kms:{action}" for action in actions.split()]
            yield allow(opened, [names.key], {"StringEquals": CONTEXT})
        case Machines(actions):
            yield from _machine_statements(actions.split(), names)
        case ProviderRoles():
            yield allow(["sts:AssumeRole"], names.provider_roles)
        case AuthSecret():
            yield allow(["secretsmanager:GetSecretValue"], [names.auth_secret])
        case Calls(functions):
            yield allow(["lambda:InvokeFunction"], [names.functions[each] for each in functions])
        case Sockets(methods):
            sockets = [names.sockets.replace("/*/@", f"/{method}/@") for method in methods.split()]
            yield allow(["execute-api:ManageConnections"], sockets)
        case Timers(actions):
            yield from _timer_statements(actions.split(), names)
        case ChangeFeed():
            yield allow(list(READ_STREAM), [names.stream])
            yield allow(["dynamodb:ListStreams"], ["*"])  # knows no narrower resource


def _timer_statements(actions: Sequence[str], names: Names) -> Iterator[iam.PolicyStatement]:
    yield allow([f"scheduler:{action}" for action in actions], [names.timers])
    if "CreateSchedule" in actions:
        service = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        yield allow(["iam:PassRole"], [names.timer_role], service)


def folder(table: str, prefix: str) -> str:
    """Where the payloads of items with this prefix are in the bucket."""
    return keys.blob(Key(table, prefix, ""), "").removesuffix("/")


def _item_statements(grants: Sequence[Items], names: Names) -> Iterator[iam.PolicyStatement]:
    """One statement for all items of a table that may be used alike."""

    def alike(grant: Items) -> tuple[str, str]:
        return grant.table, grant.actions

    for (table, actions), group in groupby(sorted(grants, key=alike), key=alike):
        prefixes = sorted({prefix for grant in group for prefix in grant.prefixes})
        named = [f"{prefix}*" if prefix.endswith("#") else prefix for prefix in prefixes]
        asked = [f"dynamodb:{action}" for action in actions.split()]
        both = ["dynamodb:BatchGetItem"] if "dynamodb:GetItem" in asked else []
        yield allow(
            [*asked, *both],
            [names.tables[table]],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": named}},
        )


def _machine_statements(actions: Sequence[str], names: Names) -> Iterator[iam.PolicyStatement]:
    for action in actions:
        match action:
            case "ListStateMachines":
                yield allow(["states:ListStateMachines"], ["*"])  # knows no narrower resource
            case "StopExecution":
                executions = names.machines.replace(":stateMachine:", ":execution:") + ":*"
                yield allow(["states:StopExecution"], [executions])
            case _:
                yield allow([f"states:{action}"], [names.machines])
                if action == "CreateStateMachine":
                    service = {"StringEquals": {"iam:PassedToService": "states.amazonaws.com"}}
                    yield allow(["iam:PassRole"], [names.machine_role], service)

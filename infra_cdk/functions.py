"""The functions: a folder of functions/ is a Lambda function with a role, a log group and limits of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from flowker.adapters import keys
from flowker.compiler.policy import EXECUTION_SECONDS, SLACK_SECONDS
from flowker.http.routes import FALLBACK, PUBLIC, ROUTES
from infra_cdk.data import Data
from infra_cdk.log_groups import encrypted_log_group
from infra_cdk.nag import acknowledge
from infra_cdk.permissions import PERMISSIONS, Machines, Payloads, Secrets, needs
from infra_cdk.queues import dead_letters
from infra_cdk.roles import FunctionRole, Names
from infra_cdk.stages import Stage

ACCEPTED = {
    "AwsSolutions-L1": "the layers are built and tested for this version; the next one is a change of its own",
    "Serverless-LambdaLatestVersion": "the layers are built and tested for this version; the next one is a change of its own",
    "Serverless-LambdaDLQ": "callers wait for their answer, or have a queue of their own for what fails",
    "Serverless-LambdaTracing": "the tracer costs 0.4 s at every cold start; logs have the ids that tie a request together",
}
RUNTIME = lambda_.Runtime.PYTHON_3_13
FOLDER = Path(__file__).resolve().parents[1] / "functions"
HTTP_FUNCTIONS = frozenset({*(route.function for route in ROUTES), FALLBACK})


@dataclass(frozen=True, slots=True)
class Size:
    """Memory in MB, which also buys CPU (1769 MB is one whole), and the time limit in seconds."""

    memory: int
    seconds: int
    why: str


_ANSWER = 29
"""API Gateway waits for 30 seconds."""

SIZES: Mapping[str, Size] = {
    "workflows": Size(1024, _ANSWER, "checks and compiles graphs of 100 nodes: CPU, once in a while"),
    "executions": Size(
        1024, _ANSWER, "the start of an execution is the path people wait on; `Prefer: wait` takes 25 s"
    ),
    "webhooks": Size(1024, _ANSWER, "as executions, and strangers' systems have short patience"),
    "provider_configurations": Size(
        1024, _ANSWER, "a connectivity test opens TLS connections, three in a row"
    ),
    "executors": Size(1024, _ANSWER, "as provider_configurations"),
    "catalog": Size(512, _ANSWER, "data that are in memory already"),
    "dashboards": Size(512, _ANSWER, "a handful of reads, whatever the span of time"),
    "audit_events": Size(1769, _ANSWER, "export and verification hash thousands of entries: all CPU"),
    "health": Size(512, _ANSWER, "two small requests"),
    "api_docs": Size(512, _ANSWER, "a document that is made once"),
    "not_found": Size(512, _ANSWER, "answers from memory, also to scanners: cheap"),
    "run_node": Size(
        1024,
        EXECUTION_SECONDS + SLACK_SECONDS,
        "waits for providers; no node may take longer than an execution",
    ),
    "record_execution": Size(512, 30, "one read, one write"),
    "append_audit": Size(1024, 60, "a batch of notices takes a transaction for every few of them"),
    "reconcile": Size(1024, 55, "ends before the next minute's begins, which goes on where it stopped"),
}
"""Chosen from measured import times and the work itself, not yet from bills: revisit with the dashboard's durations."""


@dataclass(frozen=True, slots=True)
class LayerFiles:
    """What `make build` has made."""

    core: Path
    vendor: Path


class Functions(Construct):
    """`all` by the names of their folders."""

    def __init__(
        self, scope: Construct, stage: Stage, data: Data, machine_role: str, files: LayerFiles
    ) -> None:
        super().__init__(scope, "functions")
        self._stage = stage
        self._data = data
        self._machine_role = machine_role
        self.stream_dead_letters = dead_letters(self, stage, "change-feed")
        self._layers = [self._layer("core", files.core), self._layer("vendor", files.vendor)]
        self._names = self._arns()
        self.logs: dict[str, logs.LogGroup] = {}
        self.all = {name: self._function(name) for name in SIZES}
        acknowledge(self, ACCEPTED)

    def _layer(self, name: str, archive: Path) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            f"{name}_layer",
            layer_version_name=f"{self._stage.prefix}-{name}",
            code=lambda_.Code.from_asset(str(archive)),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )

    def _function(self, name: str) -> lambda_.Function:
        group = f"/aws/lambda/{self._stage.prefix}-{name}"
        self.logs[name] = log_group = encrypted_log_group(
            self, f"{name}_log", group, self._stage, self._data.key
        )
        size = SIZES[name]
        return lambda_.Function(
            self,
            name,
            function_name=f"{self._stage.prefix}-{name}",
            description=f"Flowker: functions/{name}",
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(FOLDER / name), exclude=["__pycache__"]),
            handler="handler.lambda_handler",
            layers=self._layers,
            memory_size=size.memory,
            timeout=cdk.Duration.seconds(size.seconds),
            reserved_concurrent_executions=self._stage.reserved.get(name),
            role=FunctionRole(
                self, name, PERMISSIONS[name], self._names, log_group
            ).role.without_policy_updates(),
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            environment=self._environment(name),
        )

    def _environment(self, name: str) -> dict[str, str]:
        """The variables of `flowker.settings` that the function reads something from."""
        stage, names = self._stage, self._names
        environment = {"FLOWKER_STAGE": stage.name, "FLOWKER_DEPLOYMENT_MODE": "byoc"}
        if name in HTTP_FUNCTIONS:
            environment["FLOWKER_CORS_ORIGINS"] = stage.cors_origins
            environment["FLOWKER_FAULT_INJECTION"] = str(stage.fault_injection).lower()
            if name not in PUBLIC:
                environment["FLOWKER_API_KEYS"] = stage.api_keys
        if needs(name, Payloads):
            environment["FLOWKER_BUCKET"] = self._data.bucket.bucket_name
        if needs(name, Secrets):
            environment["FLOWKER_KMS_KEY"] = self._data.key.key_arn
        if Machines("CreateStateMachine") in PERMISSIONS[name]:
            environment["FLOWKER_RUN_NODE"] = self.arn("run_node")
            environment["FLOWKER_RECORD_EXECUTION"] = self.arn("record_execution")
            environment["FLOWKER_STATE_MACHINE_ROLE"] = names.machine_role
        return environment

    def arn(self, name: str) -> str:
        """Known before the function is: state machines' role and definitions name functions, and functions name the role."""
        return function_arn(self, self._stage, name)

    def _arns(self) -> Names:
        data = self._data
        return Names(
            tables={name: table.table_arn for name, table in data.tables.items()},
            bucket=data.bucket.bucket_arn,
            key=data.key.key_arn,
            machines=machines_arn(self, self._stage),
            machine_role=self._machine_role,
            provider_roles=self._stage.provider_roles,
            stream=str(data.tables[keys.EXECUTIONS].table_stream_arn),
            dead_letters=self.stream_dead_letters.queue_arn,
        )


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

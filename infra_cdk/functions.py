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
from infra_cdk.engine import Engine
from infra_cdk.grants import AuthSecret, Calls, Machines, Payloads, Secrets, Sockets, Timers
from infra_cdk.log_groups import encrypted_log_group
from infra_cdk.nag import acknowledge
from infra_cdk.names import function_arn, machines_arn
from infra_cdk.permissions import BARE, PERMISSIONS, needs
from infra_cdk.queues import dead_letters
from infra_cdk.roles import FunctionRole, Names
from infra_cdk.schedules import FlowSchedules
from infra_cdk.secrets import Secrets as StageSecrets
from infra_cdk.socket_api import SocketApi
from infra_cdk.stages import Stage

ACCEPTED = {
    "AwsSolutions-L1": "the layers are built and tested for this version; the next one is a change of its own",
    "Serverless-LambdaLatestVersion": "the layers are built and tested for this version; the next one is a change of its own",
    "Serverless-LambdaDLQ": "callers wait for their answer, or have a queue of their own for what fails",
}
RUNTIME = lambda_.Runtime.PYTHON_3_13
FOLDER = Path(__file__).resolve().parents[1] / "functions"
HTTP_FUNCTIONS = frozenset({*(route.function for route in ROUTES), FALLBACK})
QUEUES = {"append_audit": "change-feed", "push_updates": "socket-updates", "run_schedule": "schedules"}
"""Where goes what a function has to give up, by its name."""
CALLED = {"run_script": "FLOWKER_RUN_SCRIPT", "push_updates": "FLOWKER_PUSH_UPDATES"}
"""How a function that is called by others is named to them."""


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
    "run_schedule": Size(512, 30, "as webhooks, and nobody waits for it"),
    "record_execution": Size(512, 30, "one read, one write"),
    "append_audit": Size(1024, 60, "a batch of notices takes a transaction for every few of them"),
    "auth": Size(
        1769, _ANSWER, "Argon2id takes a whole CPU and 64 MB for a tenth of a second, for each password"
    ),
    "accounts": Size(1769, _ANSWER, "as auth"),
    "flows": Size(1024, _ANSWER, "reads and checks YAML of up to a megabyte"),
    "runs": Size(1024, _ANSWER, "as executions"),
    "websocket": Size(512, _ANSWER, "a token, a read and a write for each socket"),
    "push_updates": Size(1024, 60, "posts to sixteen sockets at a time"),
    "run_script": Size(1024, 10, "a script has a second and 64 MB, and is all CPU"),
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
        self,
        scope: Construct,
        stage: Stage,
        data: Data,
        engine: Engine,
        sockets: SocketApi,
        schedules: FlowSchedules,
        secrets: StageSecrets,
        files: LayerFiles,
    ) -> None:
        super().__init__(scope, "functions")
        self._stage = stage
        self._data = data
        self._engine = engine
        self._sockets = sockets
        self._schedules = schedules
        self._secrets = secrets
        self.dead_letters = {name: dead_letters(self, stage, queue) for name, queue in QUEUES.items()}
        self._layers = [self._layer("core", files.core), self._layer("vendor", files.vendor)]
        self._names = self._arns()
        self.logs: dict[str, logs.LogGroup] = {}
        self.all = {name: self._function(name) for name in SIZES}
        for name in ("push_updates", "run_schedule"):
            self._put_aside(name)
        acknowledge(self, ACCEPTED)
        acknowledge(
            self.all[BARE], {"Serverless-LambdaTracing": "it has no permissions at all, not even that"}
        )

    def _put_aside(self, name: str) -> None:
        """Of what nobody waits for: try it again, then keep the request with the reason."""
        lambda_.CfnEventInvokeConfig(
            self,
            f"{name}_invocations",
            function_name=self.all[name].function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=2,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(
                    destination=self.dead_letters[name].queue_arn
                )
            ),
        )

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
            application_log_level_v2=lambda_.ApplicationLogLevel[self._stage.log_level],
            tracing=lambda_.Tracing.DISABLED if name == BARE else lambda_.Tracing.ACTIVE,
            environment=self._environment(name),
        )

    def _environment(self, name: str) -> dict[str, str]:
        """The variables of `flowker.settings` that the function reads something from."""
        if name == BARE:
            return {}
        return {
            "FLOWKER_STAGE": self._stage.name,
            "FLOWKER_DEPLOYMENT_MODE": "byoc",
            "FLOWKER_METRICS": "true",
            **(self._for_requests(name) if name in HTTP_FUNCTIONS else {}),
            **self._for_grants(name),
            **{
                variable: self.arn(called)
                for called, variable in CALLED.items()
                if any(isinstance(grant, Calls) and called in grant.functions for grant in PERMISSIONS[name])
            },
        }

    def _for_requests(self, name: str) -> dict[str, str]:
        stage = self._stage
        return {
            "FLOWKER_CORS_ORIGINS": stage.cors_origins,
            "FLOWKER_FAULT_INJECTION": str(stage.fault_injection).lower(),
            "FLOWKER_ORIGIN_SECRET": self._secrets.origin.unsafe_unwrap() if stage.edge else "",
            **({} if name in PUBLIC else {"FLOWKER_API_KEYS": stage.api_keys}),
        }

    def _for_grants(self, name: str) -> dict[str, str]:
        """What it has to know to make use of its permissions."""
        found: dict[str, str] = {}
        if needs(name, Payloads):
            found["FLOWKER_BUCKET"] = self._data.bucket.bucket_name
        if needs(name, Secrets):
            found["FLOWKER_KMS_KEY"] = self._data.key.key_arn
        if needs(name, AuthSecret):
            found["FLOWKER_AUTH_SECRET"] = self._secrets.auth.secret_arn
            found["FLOWKER_ADMIN_EMAIL"] = self._stage.admin_email
        if needs(name, Sockets):
            found["FLOWKER_SOCKET_ENDPOINT"] = self._sockets.endpoint
        if needs(name, Timers):
            found["FLOWKER_RUN_SCHEDULE"] = self.arn("run_schedule")
            found["FLOWKER_SCHEDULER_ROLE"] = self._schedules.role.role_arn
        if Machines("CreateStateMachine") in PERMISSIONS[name]:
            found["FLOWKER_RUN_NODE"] = self.arn("run_node")
            found["FLOWKER_RECORD_EXECUTION"] = self.arn("record_execution")
            found["FLOWKER_STATE_MACHINE_ROLE"] = self._names.machine_role
            found["FLOWKER_STATE_MACHINE_LOGS"] = self._engine.log_group.log_group_arn
        return found

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
            machine_role=self._engine.role.role_arn,
            provider_roles=self._stage.provider_roles,
            stream=str(data.tables[keys.EXECUTIONS].table_stream_arn),
            auth_secret=self._secrets.auth.secret_arn,
            functions={name: self.arn(name) for name in SIZES},
            sockets=self._sockets.connections,
            timers=self._schedules.timers,
            timer_role=self._schedules.role.role_arn,
            dead_letters={name: queue.queue_arn for name, queue in self.dead_letters.items()},
        )

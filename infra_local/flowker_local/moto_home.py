"""The `moto` profile: the AWS adapters and the very definitions we deploy, on AWS emulated in this process.

It proves the code that deploys and forgets everything when it stops. Moto's stores are not atomic under threads, so their
clients are used by one thread at a time; the resolver of the HTTP functions allows one event at a time in a process.
"""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.core.model_instances import reset_model_data

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.aws import aws_parts
from flowker.adapters.dynamodb import create_tables
from flowker.errors import StoreUnavailable
from flowker.events import reconcile, record_execution
from flowker.model.exact_json import Json
from flowker.model.execution import Execution, run_name
from flowker.model.workflow import MachineType
from flowker.ports import StateMachines
from flowker.settings import Settings
from flowker_local.change_feed import AnnouncingTable, ChangeFeed
from flowker_local.functions import Context, handler
from flowker_local.lambda_service import lambda_service
from flowker_local.pool import Answer, Event
from flowker_local.pusher import LocalPusher
from flowker_local.schedules import keep_time
from flowker_local.script_workers import FUNCTION, ScriptWorkers, serve_scripts
from flowker_local.sockets import LocalSockets
from flowker_local.workers import Zygote

logger = logging.getLogger(__name__)

ACCOUNT = "123456789012"
REGION = "eu-central-1"
WATCH_SECONDS = 0.2
GATHER_SECONDS = 0.5
"""For the audit trail: each transaction keeps everybody else from moto for a while."""
RECONCILE_SECONDS = 60.0


class MotoHome:
    """Everything of the `moto` profile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._one_event = asyncio.Lock()
        self._stack = contextlib.ExitStack()
        self._wake: Callable[[], object] = lambda: None
        self._tell_run: Callable[[str], object] = lambda execution_id: None

    async def start(self) -> None:
        """Start the emulated services and create what the stack would have created. Before any thread exists."""
        zygote = Zygote(serve_scripts, [FUNCTION])
        scripts = ScriptWorkers(zygote.spawn)
        self.open()
        self._stack.callback(zygote.close)
        self._stack.callback(scripts.close)
        loop = asyncio.get_running_loop()
        self.sockets = LocalSockets(loop)
        self._pusher = LocalPusher(loop, self.sockets)
        self._tell_run = self._pusher.wake
        wiring.use(
            replace(
                wiring.home(),
                scripts=lambda: scripts,
                sockets=lambda: self.sockets,
                pusher=lambda: self._pusher,
            )
        )
        self._feed = ChangeFeed(asyncio.to_thread, gather=GATHER_SECONDS)
        self._wake = lambda: loop.call_soon_threadsafe(self._feed.wake)
        self._feed.start()
        self._background = [
            asyncio.create_task(each)
            for each in (self._watch(), self._reconcile(), keep_time(asyncio.to_thread))  # moto calls nobody
        ]

    def open(self) -> None:
        """As `start`, without the tasks in the background."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(_environment(lambda_endpoint=stack.enter_context(lambda_service())))
            stack.enter_context(mock_aws(config={"stepfunctions": {"execute_state_machine": True}}))
            self._create()
            stack.callback(self.clients["lambda"].close)
            self._stack = stack.pop_all()  # all went well: what was entered stays until `shut`

    def _create(self) -> None:
        session = boto3.Session(aws_access_key_id="moto", aws_secret_access_key="moto", region_name=REGION)  # noqa: S106
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        self.clients: dict[str, Any] = {
            name: _OneAtATime(session.client(name, config=config))
            for name in ("dynamodb", "s3", "kms", "stepfunctions", "secretsmanager", "scheduler")
        }
        self.clients["lambda"] = session.client("lambda", config=config)  # not moto's, see `_environment`
        settings = replace(
            self._settings,
            region=REGION,
            bucket="flowker-payloads",
            kms_key=self.clients["kms"].create_key()["KeyMetadata"]["KeyId"],
            run_node=_function_arn("run_node"),
            record_execution=_function_arn("record_execution"),
            run_script=_function_arn("run_script"),
            run_schedule=_function_arn("run_schedule"),
            scheduler_role=f"arn:aws:iam::{ACCOUNT}:role/flowker-schedules",
            state_machine_role=f"arn:aws:iam::{ACCOUNT}:role/flowker-state-machines",
            auth_secret=self._keep_auth_secret(),
        )
        names = {name: settings.table(name) for name in keys.TABLES}
        create_tables(
            self.clients["dynamodb"], names, streams=False
        )  # nothing reads them, and moto copies them a lot
        location = {"LocationConstraint": REGION}
        self.clients["s3"].create_bucket(Bucket=settings.bucket, CreateBucketConfiguration=location)
        self.clients["scheduler"].create_schedule_group(Name=settings.namespace)
        parts = aws_parts(settings, self.clients.__getitem__)
        for probe in parts.probes.values():
            probe()  # moto loads a service on its first request, which takes seconds that no caller should wait for
        self._started = _Started(parts.machines)
        table = AnnouncingTable(parts.table, lambda: self._wake(), lambda each: self._tell_run(each))
        wiring.use(wiring.home_of(settings, replace(parts, table=table, machines=self._started)))

    def _keep_auth_secret(self) -> str:
        """What the stack would have put there, and where it is."""
        keys = {name: secret.decode() for name, secret in self._settings.jwt_keys.items()}
        document = {
            "keys": keys or {"moto": secrets.token_hex(32)},
            "admin_password": self._settings.admin_password,
        }
        kept = self.clients["secretsmanager"].create_secret(
            Name="flowker-auth", SecretString=json.dumps(document)
        )
        return str(kept["ARN"])

    async def invoke(self, function: str, event: Event) -> Answer:
        """Run an HTTP function in a thread, one event at a time."""
        context = Context(function, event["requestContext"]["requestId"])
        async with self._one_event:
            answer: Answer = await asyncio.to_thread(handler(function), event, context)
        return answer

    async def close(self) -> None:
        """Forget everything."""
        for task in self._background:
            task.cancel()
        await self._feed.stop()
        await self._pusher.stop()
        self.shut()

    def shut(self) -> None:
        """Counterpart of `open`."""
        self._stack.close()

    async def _watch(self) -> None:
        """Report the ends of executions as EventBridge would: moto sends no status events."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await asyncio.to_thread(self.report_ends)

    @property
    def unreported(self) -> set[str]:
        """ARNs of the executions that were started and whose ends were not reported yet."""
        return set(self._started.arns)

    def report_ends(self) -> None:
        """Deliver a status event for each execution that has ended since the last call."""
        for arn in list(self._started.arns):
            described = self.clients["stepfunctions"].describe_execution(executionArn=arn)
            if described["status"] != "RUNNING":
                self._started.arns.discard(arn)
                detail = {name: described.get(name) for name in ("name", "status", "error", "cause")}
                record_execution.handle({"detail": detail}, None)

    async def _reconcile(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            await asyncio.to_thread(reconcile.handle, {}, None)


class _Started:
    """Remembers which executions were started, so that their ends can be watched for. Moto has no Express machines, so what
    is meant for one runs on a Standard one."""

    def __init__(self, machines: StateMachines) -> None:
        self._machines = machines
        self.arns: set[str] = set()

    def reference(self, definition: Any, kind: MachineType) -> str:
        return self._machines.reference(definition, MachineType.STANDARD)

    def delete(self, reference: str) -> None:
        self._machines.delete(reference)

    def publish(self, definition: Any, kind: MachineType) -> str:
        return self._machines.publish(definition, MachineType.STANDARD)

    def start(self, execution: Execution) -> bool:
        self._machines.start(_as_standard(execution))
        self._note(execution, execution.id)
        return execution.launch.type is MachineType.EXPRESS  # so that it is noted, as on AWS

    def resume(self, execution: Execution, at: Mapping[str, Json], leg: int) -> None:
        self._machines.resume(_as_standard(execution), at, leg)
        self._note(execution, run_name(execution.id, leg))

    def _note(self, execution: Execution, name: str) -> None:
        machine = execution.launch.machine.rsplit(":", 1)[1]
        self.arns.add(f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{machine}:{name}")

    def answer(self, token: str, output: Json) -> bool:
        return self._machines.answer(token, output)

    def stop(self, execution: Execution) -> None:
        try:
            self._machines.stop(_as_standard(execution))
        except AttributeError as error:  # moto's, for a run whose thread has not got going yet
            raise StoreUnavailable("the run cannot be stopped yet") from error


def _as_standard(execution: Execution) -> Execution:
    launch = execution.launch.model_copy(update={"type": MachineType.STANDARD})
    return execution.model_copy(update={"launch": launch})


class _OneAtATime:
    """A client whose operations exclude each other and those of all other clients."""

    _lock = threading.RLock()

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not callable(attribute) or name == "exceptions":
            return attribute

        def serially(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                try:
                    return attribute(*arguments, **named)
                finally:
                    reset_model_data()  # moto keeps a copy of its tables for every transaction there ever was

        return serially


def _function_arn(name: str) -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:flowker-{name}"


@contextlib.contextmanager
def _environment(lambda_endpoint: str) -> Iterator[None]:
    """What the clients that moto makes itself read: harmless credentials, and where functions are invoked."""
    wanted = {
        "AWS_ACCESS_KEY_ID": "moto",
        "AWS_SECRET_ACCESS_KEY": "moto",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL_LAMBDA": lambda_endpoint,
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

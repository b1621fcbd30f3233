"""Every function of the deployment against emulated AWS, and a note of each AWS call with the function that made it."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from typing import Any, NamedTuple

import boto3
import httpx
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.model import OperationModel
from moto import mock_aws

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.aws import aws_parts
from flowker.adapters.aws_signature import sts_client
from flowker.adapters.destinations import Destinations
from flowker.adapters.dynamodb import create_tables
from flowker.adapters.dynamodb.expressions import from_attributes
from flowker.adapters.outbound_http import OutboundHttp
from flowker.adapters.stepfunctions import state_input
from flowker.errors import FlowkerError, NodeError
from flowker.model import exact_json
from flowker.model.run import RUN_PREFIX
from flowker.settings import Settings
from flowker.settings.variables import EngineSetting
from flowker.wiring.runs import run_store
from flowker_local.engine import Engine, RunEnd, TaskError
from flowker_local.functions import Context, handler
from flowker_local.gateway import Gateway
from tests.engine_world import InstantClock, InstantLoop, MemoryJournal
from tests.fakes import ManualClock
from tests.servers import ADMIN, KEY, PASSWORD, Api
from tests.trails import records

ACCOUNT = "123456789012"
REGION = "eu-central-1"
BUCKET = "flowker-payloads"


class Use(NamedTuple):
    """One permission that a function made use of. `resource` names the thing without its account: `table/executions`,
    `index/executions/by_started`, `bucket/executions/…`, `key`, `secret`, `stateMachine/…`, `function/…`, `sockets/POST`,
    `role/…`, or `*`. `partition` is the partition key of a DynamoDB item, `context` the encryption context of a key."""

    function: str
    action: str
    resource: str
    partition: str = ""
    context: str = ""


@dataclass
class Recorder:
    """Derives permissions from the parameters of calls, as the services ask for them. `function` is the one at work, if
    one is; `tables` gives the logical names of the physical tables."""

    tables: Mapping[str, str]
    function: str = ""
    uses: set[Use] = field(default_factory=set)

    def attach(self, client: Any) -> Any:
        client.meta.events.register("before-parameter-build", self._note)
        return client

    def _note(self, params: dict[str, Any], model: OperationModel, **_: Any) -> None:
        if self.function:
            service = model.service_model.service_name
            noted = getattr(self, f"_{service}")(model.name, params)
            self.uses |= {
                Use(self.function, action if ":" in action else f"{service}:{action}", *what)
                for action, *what in noted
            }

    def _dynamodb(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        """A transaction and a batch need what their parts need."""
        if operation == "TransactWriteItems":
            for part in params["TransactItems"]:
                for kind, request in part.items():
                    action = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                    yield action, *self._table(request), _partition(request.get("Item") or request["Key"])
        elif operation == "BatchGetItem":
            for table, request in params["RequestItems"].items():
                for key in request["Keys"]:
                    yield operation, *self._table({"TableName": table}), _partition(key)
        elif operation == "Query":
            values = [value["S"] for value in params["ExpressionAttributeValues"].values() if "S" in value]
            yield operation, *self._table(params), values[0]
        else:
            yield operation, *self._table(params), _partition(params.get("Item") or params["Key"])

    def _table(self, request: dict[str, Any]) -> tuple[str]:
        table = self.tables[request["TableName"]]
        return (f"index/{table}/{request['IndexName']}" if "IndexName" in request else f"table/{table}",)

    def _s3(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        match operation:
            case "ListObjectsV2":
                yield "ListBucket", "bucket"
            case "DeleteObjects":
                for each in params["Delete"]["Objects"]:
                    yield "DeleteObject", f"bucket/{each['Key']}"
            case _:
                yield operation, f"bucket/{params['Key']}"

    def _kms(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        yield operation, "key", "", json.dumps(params["EncryptionContext"])

    def _stepfunctions(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        match operation:
            case "CreateStateMachine":
                yield f"states:{operation}", f"stateMachine/{params['name']}"
                yield "iam:PassRole", f"role/{params['roleArn'].rsplit('/')[-1]}"
            case "SendTaskSuccess":
                yield f"states:{operation}", f"stateMachine/{next(iter(self.tables)).rsplit('-', 1)[0]}-any"
            case "StartExecution" | "DeleteStateMachine":
                yield f"states:{operation}", f"stateMachine/{params['stateMachineArn'].rsplit(':')[-1]}"
            case "StopExecution":
                yield f"states:{operation}", f"execution/{':'.join(params['executionArn'].rsplit(':')[-2:])}"
            case _:
                yield f"states:{operation}", "*"

    def _secretsmanager(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        yield operation, "secret"

    def _lambda(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        yield "InvokeFunction", f"function/{params['FunctionName'].rsplit(':')[-1]}"

    def _apigatewaymanagementapi(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        method = {"PostToConnection": "POST", "DeleteConnection": "DELETE"}[operation]
        yield "execute-api:ManageConnections", f"sockets/{method}"

    def _scheduler(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        yield operation, f"schedule/{params['GroupName']}/{params['Name']}"
        if "Target" in params:
            yield "iam:PassRole", f"role/{params['Target']['RoleArn'].rsplit('/')[-1]}"

    def _sts(self, operation: str, params: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        yield operation, f"role/{params['RoleArn'].rsplit('/')[-1]}"


def _partition(key: Mapping[str, Any]) -> str:
    return str(key["pk"]["S"])


class Deployment:
    """The functions behind their gateway, their state machines, and the stream; `api` is what a client uses."""

    def __init__(self, recorder: Recorder, clients: Mapping[str, Any], settings: Settings) -> None:
        self.recorder = recorder
        self.clock = ManualClock()
        self.api = _Api(Gateway(self._answer))
        self._clients = clients
        self._settings = settings
        self._outbound: list[OutboundHttp] = []
        self._to_push: list[dict[str, Any]] = []
        clients["lambda"].meta.events.register("before-call.lambda.Invoke", self._invoked)
        self._cold_start()

    def set_engine(self, engine: EngineSetting) -> None:
        """For workflows that are activated from now on."""
        self._settings = replace(self._settings, engine=engine)

    def close(self) -> None:
        """Let all connections go."""
        self.api.close()
        for http in self._outbound:
            http.close()

    def _cold_start(self) -> None:
        """Forget what the process has cached, so that what one function was given does not save another one a call."""
        parts = aws_parts(self._settings, self._clients.__getitem__)
        home = wiring.home_of(self._settings, replace(parts, http=self._http))
        wiring.use(replace(home, clock=self.clock))

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """What the function answers."""
        self._cold_start()
        self.recorder.function = function
        try:
            return handler(function)(event, Context(function, "request"))
        finally:
            self.recorder.function = ""

    async def _answer(self, function: str, event: dict[str, Any]) -> Any:
        return self.invoke(function, event)

    def _http(self) -> OutboundHttp:
        def sts(region: str, seconds: float) -> Any:
            return self.recorder.attach(sts_client(region, seconds))

        self._outbound.append(OutboundHttp(Destinations(allow_private=True), tls=_no_tls, sts=sts))
        return self._outbound[-1]

    def as_account(self, token: str) -> Api:
        """What an account uses; nobody has to close it."""
        return _Api(Gateway(self._answer), {"Authorization": f"Bearer {token}"})

    def _invoked(self, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        """What Lambda does: scripts run at once, runs whose sockets have to be told something wait for `push`."""
        payload = exact_json.loads(params["body"])
        accepted = AWSResponse(params["url"], 200, HTTPHeaders(), None)
        if "run_script" in params["url"]:
            answer = exact_json.dumps(handler("run_script")(payload, None)).encode()
            return accepted, {"StatusCode": 200, "Payload": BytesIO(answer)}
        self._to_push.append(payload)
        return accepted, {"StatusCode": 202, "Payload": BytesIO()}

    def push(self) -> None:
        """Invoke the function that was asked for, until nobody asks any more."""
        while self._to_push:
            self.invoke("push_updates", self._to_push.pop(0))

    def run(self, execution_id: str) -> None:
        """What Step Functions does once an execution was started, and once that has started others."""
        with closing(InstantLoop()) as loop:
            loop.run_until_complete(self._run(execution_id))

    async def _run(self, execution_id: str) -> None:
        async def ended(_: RunEnd) -> None:
            """The functions have recorded it."""

        engine = Engine(self._task, MemoryJournal(), clock=InstantClock(), on_end=ended)
        begun: list[str] = []
        while engine.running() or not begun:
            for each in {execution_id, *run_store().children(execution_id)} - {*begun}:
                store = run_store() if each.startswith(RUN_PREFIX) else wiring.execution_store()
                execution = store.get(each)
                machine = self._clients["stepfunctions"].describe_state_machine(
                    stateMachineArn=execution.launch.machine
                )
                engine.create(machine["name"], exact_json.loads(machine["definition"]))
                engine.start(machine["name"], each, state_input(execution))
                begun.append(each)
            await asyncio.sleep(1)
        await engine.drain(1)

    async def _task(self, resource: str, payload: Any) -> Any:
        try:
            return self.invoke(resource.rsplit(":", 1)[-1], payload)
        except (NodeError, FlowkerError) as error:
            raise TaskError(type(error).__name__, str(error)) from error

    def deliver(self) -> None:
        """What waits in the outbox, as the stream delivers it: twice, as it may."""
        found = self._clients["dynamodb"].scan(TableName=_physical(self.recorder, "executions"))["Items"]
        new = (from_attributes(item) for item in found if item["pk"]["S"].startswith(keys.outbox_of("")))
        batch = records(new)
        for event in (batch, batch, {"Records": batch["Records"][:1]}):
            self.invoke("append_audit", event)

    def tell(self, execution_id: str) -> None:
        """What the stream says about the events of a run."""
        told = [keys.event(execution_id, number) for number in (1, 2)]
        self.invoke("push_updates", records({"pk": key.pk, "sk": key.sk} for key in told))
        self.push()


def _no_tls() -> ssl.SSLContext:
    raise AssertionError("providers are on loopback")


def _physical(recorder: Recorder, table: str) -> str:
    return next(physical for physical, logical in recorder.tables.items() if logical == table)


class _Api(Api):
    """The API without a socket."""

    def __init__(self, gateway: Gateway, headers: Mapping[str, str] | None = None) -> None:
        self.http = httpx.Client(
            transport=_InProcess(gateway),
            base_url="http://flowker.test",
            headers=headers or {"X-API-Key": KEY},
        )


class _InProcess(httpx.BaseTransport):
    def __init__(self, gateway: Gateway) -> None:
        self._transport = httpx.ASGITransport(app=gateway)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._exchange(request))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        content = [part async for part in answer.aiter_raw()]
        return httpx.Response(answer.status_code, headers=answer.headers, content=b"".join(content))


@contextmanager
def recorded_deployment(stage: str) -> Iterator[Deployment]:
    """Everything a stage consists of, empty, in this process."""
    session: Any = boto3.Session("testing", "testing", region_name=REGION)
    with mock_aws():
        settings = Settings(
            stage=stage,
            api_keys={"tests": sha256(KEY.encode()).hexdigest()},
            allow_private_destinations=True,
            region=REGION,
            bucket=BUCKET,
            run_node=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:run_node",
            record_execution=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:record_execution",
            state_machine_role=f"arn:aws:iam::{ACCOUNT}:role/machines",
            run_script=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:run_script",
            push_updates=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:push_updates",
            run_schedule=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:run_schedule",
            scheduler_role=f"arn:aws:iam::{ACCOUNT}:role/schedules",
            auth_secret="auth",
            admin_email=ADMIN,
            engine="standard",  # does all that Express does, and can be stopped
        )
        recorder = Recorder({settings.table(name): name for name in keys.TABLES})
        services = (
            "dynamodb", "s3", "kms", "stepfunctions", "secretsmanager", "lambda", "apigatewaymanagementapi",
            "scheduler",
        )  # fmt: skip
        clients = {service: recorder.attach(session.client(service)) for service in services}
        create_tables(
            clients["dynamodb"], {name: settings.table(name) for name in keys.TABLES}, streams=False
        )
        clients["s3"].create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        auth = {"keys": {"first": "k" * 64}, "order": ["first"], "admin_password": PASSWORD}
        clients["secretsmanager"].create_secret(Name="auth", SecretString=json.dumps(auth))
        clients["scheduler"].create_schedule_group(Name=settings.namespace)
        key = clients["kms"].create_key()["KeyMetadata"]["KeyId"]
        deployment = Deployment(recorder, clients, replace(settings, kms_key=key))
        with closing(deployment):
            yield deployment

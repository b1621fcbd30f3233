"""The AWS adapters, put together from the settings of a deployed function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from flowker.adapters import keys
from flowker.adapters.items import Blobs, Cipher, Table
from flowker.adapters.polling import PollingCompletions
from flowker.adapters.stores.executions import ItemExecutionStore
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.model.account import FirstAdmin
from flowker.settings import Settings, product_version

if TYPE_CHECKING:
    from flowker.adapters.auth_secret import AuthSecret
    from flowker.ports import Completions, Http, StateMachines
    from flowker.ports.accounts import Signing
    from flowker.ports.runs import Scripts
    from flowker.ports.schedules import Timer
    from flowker.ports.sockets import Pusher, Sockets

ClientFor = Callable[[str], Any]
"""The boto3 client of a service by its name."""


@dataclass(frozen=True)
class Parts:
    """What a home needs, behind the ports."""

    table: Table
    blobs: Blobs
    cipher: Cipher
    machines: StateMachines
    completions: Completions
    http: Callable[[], Http]
    probes: Mapping[str, Callable[[], None]]
    scripts: Callable[[], Scripts]
    sockets: Callable[[], Sockets]
    pusher: Callable[[], Pusher]
    timer: Callable[[], Timer]
    signing: Signing | None = None
    first_admin: Callable[[], FirstAdmin | None] | None = None
    """None where keys and password are in the settings, not in a secret; `signing` likewise."""


def boto_client(settings: Settings) -> ClientFor:
    """Clients with short, bounded retries. Those of the table are its own, see `DynamoTable`, and it answers soon or never."""
    import boto3
    from botocore.config import Config

    def config(service: str) -> Config:
        table = service == "dynamodb"
        return Config(
            region_name=settings.region,
            retries={"mode": "standard", "total_max_attempts": 1 if table else 3},
            connect_timeout=2,
            read_timeout=5 if table else 10,
            max_pool_connections=16,
        )

    session = boto3.Session()
    endpoints = {"apigatewaymanagementapi": settings.socket_endpoint or None}
    return lambda service: session.client(  # type: ignore[call-overload]
        service, config=config(service), endpoint_url=endpoints.get(service)
    )


def aws_parts(settings: Settings, client: ClientFor) -> Parts:
    """Every adapter with its client. Clients are made at once: a function that is called needs most of them."""
    from flowker.adapters.dynamodb import DynamoTable
    from flowker.adapters.kms import KmsCipher
    from flowker.adapters.s3 import S3Blobs
    from flowker.adapters.stepfunctions import StepFunctions

    table = DynamoTable(client("dynamodb"), {name: settings.table(name) for name in keys.TABLES})
    blobs = S3Blobs(client("s3"), settings.bucket)
    functions = {RUN_NODE: settings.run_node, RECORD_EXECUTION: settings.record_execution}
    role, prefix = settings.state_machine_role, f"flowker-{settings.stage}"
    machines = StepFunctions(client("stepfunctions"), role, functions, prefix, settings.state_machine_logs)
    secret = cache(lambda: _auth_secret(client, settings))
    return Parts(
        table=table,
        blobs=blobs,
        cipher=KmsCipher(client("kms"), settings.kms_key),
        machines=machines,
        completions=PollingCompletions(ItemExecutionStore(table, blobs)),
        http=lambda: outbound_http(settings),
        probes={"dynamodb": lambda: _read_nothing(table), "stepfunctions": machines.ping},
        scripts=lambda: _scripts(client, settings),
        sockets=lambda: _sockets(client),
        pusher=lambda: _pusher(client, settings),
        timer=cache(lambda: _timer(client, settings)),
        signing=(lambda wanted=None: secret().signing(wanted)) if settings.auth_secret else None,
        first_admin=(lambda: _first_admin(secret(), settings)) if settings.auth_secret else None,
    )


def _auth_secret(client: ClientFor, settings: Settings) -> AuthSecret:
    from flowker.adapters.auth_secret import AuthSecret

    return AuthSecret(client("secretsmanager"), settings.auth_secret)


def _first_admin(secret: AuthSecret, settings: Settings) -> FirstAdmin | None:
    password = secret.admin_password() if settings.admin_email else ""
    return FirstAdmin(settings.admin_email, password) if password else None


def _scripts(client: ClientFor, settings: Settings) -> Scripts:
    from flowker.adapters.scripts import LambdaScripts

    return LambdaScripts(client("lambda"), settings.run_script)


def _sockets(client: ClientFor) -> Sockets:
    from flowker.adapters.sockets import ApiGatewaySockets

    return ApiGatewaySockets(client("apigatewaymanagementapi"))


def _pusher(client: ClientFor, settings: Settings) -> Pusher:
    from flowker.adapters.sockets import LambdaPusher

    return LambdaPusher(client("lambda"), settings.push_updates)


def _timer(client: ClientFor, settings: Settings) -> Timer:
    from flowker.adapters.scheduler import EventBridgeTimer

    role = settings.scheduler_role
    return EventBridgeTimer(client("scheduler"), settings.namespace, settings.run_schedule, role)


def outbound_http(settings: Settings) -> Http:
    """Calls to providers, with the destinations that the settings allow."""
    from flowker.adapters.destinations import Destinations
    from flowker.adapters.outbound_http import OutboundHttp

    destinations = Destinations(allow_private=settings.allow_private_destinations)
    return OutboundHttp(destinations, user_agent=f"flowker/{product_version()}")


def _read_nothing(table: Table) -> None:
    table.get([keys.workflow("probe")])

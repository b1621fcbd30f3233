"""The composition root: which adapter stands behind each port. Nothing is built or imported before its first use, so a
function's cold start pays only for what it needs.

On AWS the home is built from the environment. Another home (one machine, tests) calls `use` before the first request.
What only accounts, flows and sockets need is in modules of its own beside this one. Longer than other modules, because the
rest is one list of factories.
"""

import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TypeVar

from flowker.settings import Settings

if TYPE_CHECKING:
    from flowker.adapters.aws import Parts
    from flowker.adapters.items import Blobs, Cipher, Table
    from flowker.adapters.stores.chain import ItemAuditChain
    from flowker.adapters.stores.executions import ItemExecutionStore
    from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore
    from flowker.adapters.stores.machines import ItemMachineRegistry
    from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
    from flowker.adapters.stores.workflows import ItemWorkflowStore
    from flowker.model.account import FirstAdmin, SigningKeys
    from flowker.ports import Clock, Completions, Http, Ids, StateMachines
    from flowker.ports.accounts import Signing
    from flowker.ports.runs import Scripts
    from flowker.ports.schedules import Timer
    from flowker.ports.sockets import Pusher, Sockets
    from flowker.usecases.audit_trail import AuditTrail
    from flowker.usecases.collection import Collection
    from flowker.usecases.connection_tests import ConnectionTests
    from flowker.usecases.dashboards import Dashboards
    from flowker.usecases.executions import Executions
    from flowker.usecases.executor_configurations import ExecutorConfigurations
    from flowker.usecases.health import Health
    from flowker.usecases.node_runs import NodeRuns
    from flowker.usecases.provider_configurations import ProviderConfigurations
    from flowker.usecases.templates import Templates
    from flowker.usecases.webhooks import Webhooks
    from flowker.usecases.workflows import Workflows


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    def new(self) -> str:
        return str(uuid.uuid4())


def _absent() -> NoReturn:
    raise RuntimeError("this home has none")


def _signing(wanted: str | None = None) -> "SigningKeys":
    """The keys of the settings, which never change."""
    from flowker.model.account import SigningKeys

    return SigningKeys(home().settings.jwt_keys)


def _first_admin() -> "FirstAdmin | None":
    from flowker.model.account import FirstAdmin

    settings = home().settings
    named = settings.admin_email and settings.admin_password
    return FirstAdmin(settings.admin_email, settings.admin_password) if named else None


@dataclass(frozen=True)
class Home:
    """Where Flowker runs: everything that differs between AWS, one machine and the tests.

    `probes` are readiness checks by name; each raises when its dependency is down. `http` is made on first use, because
    only the functions that call providers need it.
    """

    settings: Settings
    table: "Table"
    blobs: "Blobs"
    cipher: "Cipher"
    machines: "StateMachines"
    completions: "Completions"
    http: "Callable[[], Http]"
    probes: Mapping[str, Callable[[], None]]
    clock: "Clock" = field(default_factory=SystemClock)
    ids: "Ids" = field(default_factory=RandomIds)
    sleep: Callable[[float], None] = time.sleep
    scripts: "Callable[[], Scripts]" = _absent
    sockets: "Callable[[], Sockets]" = _absent
    pusher: "Callable[[], Pusher]" = _absent
    timer: "Callable[[], Timer]" = _absent
    signing: "Signing" = _signing
    first_admin: "Callable[[], FirstAdmin | None]" = _first_admin


T = TypeVar("T")

_installed: list[Home] = []
_forget: list[Callable[[], None]] = []


def use(chosen: Home) -> None:
    """Make this the home of the process; what was built for an earlier one is forgotten."""
    _installed[:] = [chosen]
    for forget in _forget:
        forget()


def per_home(factory: Callable[[], T]) -> Callable[[], T]:
    """Build once, for the home in use."""
    built = cache(factory)
    _forget.append(built.cache_clear)
    return built


@per_home
def home() -> Home:
    """The home in use; on AWS it is built from the environment."""
    if _installed:
        return _installed[0]
    from flowker.adapters.aws import aws_parts, boto_client

    settings = Settings.from_env(os.environ)
    return home_of(settings, aws_parts(settings, boto_client(settings)))


def home_of(settings: Settings, parts: "Parts") -> Home:
    """A home of AWS adapters."""
    return Home(
        settings=settings,
        table=parts.table,
        blobs=parts.blobs,
        cipher=parts.cipher,
        machines=parts.machines,
        completions=parts.completions,
        http=parts.http,
        probes=parts.probes,
        scripts=parts.scripts,
        sockets=parts.sockets,
        pusher=parts.pusher,
        timer=parts.timer,
        signing=parts.signing or _signing,
        first_admin=parts.first_admin or _first_admin,
    )


@per_home
def workflow_store() -> "ItemWorkflowStore":
    from flowker.adapters.stores.workflows import ItemWorkflowStore

    return ItemWorkflowStore(home().table, home().blobs, home().cipher)


@per_home
def provider_configuration_store() -> "ItemProviderConfigurationStore":
    from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore

    return ItemProviderConfigurationStore(home().table, home().blobs, home().cipher)


@per_home
def executor_configuration_store() -> "ItemExecutorConfigurationStore":
    from flowker.adapters.stores.executor_configurations import ItemExecutorConfigurationStore

    return ItemExecutorConfigurationStore(home().table, home().blobs, home().cipher)


@per_home
def execution_store() -> "ItemExecutionStore":
    from flowker.adapters.stores.executions import ItemExecutionStore

    return ItemExecutionStore(home().table, home().blobs)


@per_home
def machine_registry() -> "ItemMachineRegistry":
    from flowker.adapters.stores.machines import ItemMachineRegistry

    return ItemMachineRegistry(home().table)


@per_home
def collection() -> "Collection":
    from flowker.usecases.collection import Collection
    from flowker.wiring.flows import flow_store
    from flowker.wiring.runs import run_executions

    return Collection(
        registry=machine_registry(),
        workflows=workflow_store(),
        flows=flow_store(),
        going_on=[executions(), run_executions()],
        machines=home().machines,
        clock=home().clock,
    )


@per_home
def audit_chain() -> "ItemAuditChain":
    from flowker.adapters.stores.chain import ItemAuditChain

    return ItemAuditChain(home().table)


@per_home
def audit_trail() -> "AuditTrail":
    from flowker.usecases.audit_trail import AuditTrail

    return AuditTrail(audit_chain(), home().clock, home().ids)


@per_home
def dashboards() -> "Dashboards":
    from flowker.adapters.stores.counters import ItemCounters
    from flowker.usecases.dashboards import Dashboards

    return Dashboards(ItemCounters(home().table))


@per_home
def workflows() -> "Workflows":
    from flowker.usecases.activation import Activation
    from flowker.usecases.references import References
    from flowker.usecases.workflows import Workflows
    from flowker.wiring.schedules import workflow_timers

    store = workflow_store()
    references = References(provider_configuration_store(), executor_configuration_store())
    engine = home().settings.engine
    activation = Activation(store, machine_registry(), home().machines, home().clock, engine)
    return Workflows(store, references, activation, home().clock, home().ids, workflow_timers())


@per_home
def templates() -> "Templates":
    from flowker.catalog.registry import CATALOG
    from flowker.usecases.templates import Templates

    return Templates(CATALOG.templates, provider_configuration_store())


@per_home
def executions() -> "Executions":
    from flowker.usecases.executions import Executions

    return Executions(
        executions=execution_store(),
        workflows=workflow_store(),
        machines=home().machines,
        completions=home().completions,
        clock=home().clock,
        ids=home().ids,
    )


@per_home
def webhooks() -> "Webhooks":
    from flowker.usecases.webhooks import Webhooks

    return Webhooks(workflow_store(), executions())


@per_home
def provider_configurations() -> "ProviderConfigurations":
    from flowker.usecases.provider_configurations import ProviderConfigurations

    return ProviderConfigurations(provider_configuration_store(), home().clock, home().ids)


@per_home
def executor_configurations() -> "ExecutorConfigurations":
    from flowker.usecases.executor_configurations import ExecutorConfigurations

    return ExecutorConfigurations(executor_configuration_store(), home().clock, home().ids)


@per_home
def connection_tests() -> "ConnectionTests":
    from flowker.usecases.connection_tests import ConnectionTests

    return ConnectionTests(
        providers=provider_configuration_store(),
        executors=executor_configurations(),
        http=home().http(),
        audit=audit_chain(),
        clock=home().clock,
        ids=home().ids,
    )


@per_home
def node_runs() -> "NodeRuns":
    from flowker.adapters.stores.node_runs import ItemNodeRunStore
    from flowker.usecases.node_runs import NodeRuns

    store = ItemNodeRunStore(home().table, home().blobs, home().cipher)
    return NodeRuns(store, workflow_store(), home().http(), home().clock)


@per_home
def health() -> "Health":
    from flowker.usecases.health import Health

    return Health(home().probes, home().clock, home().settings.deployment_mode)

"""The composition root: which adapter stands behind each port. Nothing is built or imported before its first use, so a
function's cold start pays only for what it needs.

On AWS the home is built from the environment. Another home (one machine, tests) calls `use` before the first request.
"""

import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from flowker.settings import Settings

if TYPE_CHECKING:
    from flowker.adapters.aws import Parts
    from flowker.adapters.items import Blobs, Cipher, Table
    from flowker.adapters.stores.executions import ItemExecutionStore
    from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore
    from flowker.adapters.stores.workflows import ItemWorkflowStore
    from flowker.ports import Clock, Completions, Http, Ids, StateMachines
    from flowker.usecases.executions import Executions
    from flowker.usecases.health import Health
    from flowker.usecases.node_runs import NodeRuns
    from flowker.usecases.provider_configurations import ProviderConfigurations
    from flowker.usecases.webhooks import Webhooks
    from flowker.usecases.workflows import Workflows


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    def new(self) -> str:
        return str(uuid.uuid4())


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


_installed: list[Home] = []


def use(chosen: Home) -> None:
    """Make this the home of the process; use cases built for an earlier one are forgotten."""
    _installed[:] = [chosen]
    for factory in (
        home, workflow_store, provider_configuration_store, execution_store, workflows, executions, webhooks,
        provider_configurations, node_runs, health,
    ):  # fmt: skip
        factory.cache_clear()


@cache
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
    )


@cache
def workflow_store() -> "ItemWorkflowStore":
    from flowker.adapters.stores.workflows import ItemWorkflowStore

    return ItemWorkflowStore(home().table, home().blobs, home().cipher)


@cache
def provider_configuration_store() -> "ItemProviderConfigurationStore":
    from flowker.adapters.stores.provider_configurations import ItemProviderConfigurationStore

    return ItemProviderConfigurationStore(home().table, home().blobs, home().cipher)


@cache
def execution_store() -> "ItemExecutionStore":
    from flowker.adapters.stores.executions import ItemExecutionStore

    return ItemExecutionStore(home().table, home().blobs)


@cache
def workflows() -> "Workflows":
    from flowker.usecases.activation import Activation
    from flowker.usecases.references import References
    from flowker.usecases.workflows import Workflows

    store = workflow_store()
    references = References(provider_configuration_store())
    return Workflows(store, references, Activation(store, home().machines), home().clock, home().ids)


@cache
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


@cache
def webhooks() -> "Webhooks":
    from flowker.usecases.webhooks import Webhooks

    return Webhooks(workflow_store(), executions())


@cache
def provider_configurations() -> "ProviderConfigurations":
    from flowker.usecases.provider_configurations import ProviderConfigurations

    return ProviderConfigurations(provider_configuration_store(), home().clock, home().ids)


@cache
def node_runs() -> "NodeRuns":
    from flowker.adapters.stores.node_runs import ItemNodeRunStore
    from flowker.usecases.node_runs import NodeRuns

    store = ItemNodeRunStore(home().table, home().blobs, home().cipher)
    return NodeRuns(store, workflow_store(), home().http(), home().clock)


@cache
def health() -> "Health":
    from flowker.usecases.health import Health

    return Health(home().probes, home().clock, home().settings.deployment_mode)

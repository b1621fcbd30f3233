"""Looking things up in the catalog, and trying a configuration against it (Flowker spec a.7)."""

from collections.abc import Sequence

from flowker.catalog.entries import Executor, Provider, Trigger
from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import fields, violations
from flowker.errors import (
    ExecutorNotFound,
    InvalidBody,
    InvalidExecutorConfig,
    ProviderNotFound,
    TriggerNotFound,
)
from flowker.model.exact_json import Json


def providers() -> Sequence[Provider]:
    """All providers, by id."""
    return list(CATALOG.providers.values())


def provider(provider_id: str) -> Provider:
    """Raises `ProviderNotFound`."""
    found = CATALOG.providers.get(provider_id)
    if found is None:
        raise ProviderNotFound("the catalog has no such provider")
    return found


def provider_executors(provider_id: str) -> Sequence[Executor]:
    """The operations of a provider, by id. Raises `ProviderNotFound`."""
    return CATALOG.executors_of(provider(provider_id).id)


def executors() -> Sequence[Executor]:
    """All executors, by id."""
    return list(CATALOG.executors.values())


def executor(executor_id: str) -> Executor:
    """Raises `ExecutorNotFound`."""
    found = CATALOG.executors.get(executor_id)
    if found is None:
        raise ExecutorNotFound("the catalog has no such executor")
    return found


def triggers() -> Sequence[Trigger]:
    """All triggers, by id."""
    return list(CATALOG.triggers.values())


def trigger(trigger_id: str) -> Trigger:
    """Raises `TriggerNotFound`."""
    found = CATALOG.triggers.get(trigger_id)
    if found is None:
        raise TriggerNotFound("the catalog has no such trigger")
    return found


def validate_executor_config(executor_id: str, config: Json) -> None:
    """Return if the config satisfies the executor's schema, formats included. `config` is None where none was sent.

    Raises `ExecutorNotFound`, `InvalidBody`, `InvalidExecutorConfig`.
    """
    entry = executor(executor_id)
    if not isinstance(config, dict):
        raise InvalidBody("config must be an object", fields={"config": "must be an object"})
    found = violations(entry.schema, config, formats=True)
    if found:
        raise InvalidExecutorConfig(
            f"config violates the schema of executor {entry.id}", fields=fields(found, "config")
        )

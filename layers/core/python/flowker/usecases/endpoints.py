"""Which endpoint of an executor configuration an executor node calls (Flowker spec c.2 [R], d.6).

`executorConfigId` names the configuration, `endpointName` one of its endpoints; the only endpoint needs no name.
"""

from collections.abc import Iterator, Mapping

from flowker.errors import Diagnostic
from flowker.model.executor_configuration import (
    ExecutorConfiguration,
    ExecutorConfigurationStatus,
    ExecutorEndpoint,
)
from flowker.model.graph import Node
from flowker.model.identifier import canonical_uuid
from flowker.nodes.base import Endpoint, Failure

STARTABLE = frozenset(
    {
        ExecutorConfigurationStatus.CONFIGURED,
        ExecutorConfigurationStatus.TESTED,
        ExecutorConfigurationStatus.ACTIVE,
    }
)
"""What a workflow may refer to when it is activated: all of them are active then."""


def names_executor(node: Node) -> bool:
    """Whether the node refers to an executor configuration at all."""
    return node.settings.get("executorConfigId") is not None


def executor_configuration_id(node: Node) -> str | None:
    """The executor configuration that the node names, in canonical form; None if it names none."""
    value = node.settings.get("executorConfigId")
    return canonical_uuid(value) if isinstance(value, str) else None


def endpoint_of(node: Node, configuration: ExecutorConfiguration | None) -> Endpoint | None:
    """What the node calls, nothing if it names no executor configuration. Raises `Failure` if what it names cannot be
    called."""
    if not names_executor(node):
        return None
    if executor_configuration_id(node) is None:
        raise Failure("invalid executorConfigId")
    if configuration is None:
        raise Failure("executor config not found")
    if configuration.status is not ExecutorConfigurationStatus.ACTIVE:
        raise Failure("executor configuration is not active")
    chosen = _chosen(node, configuration)
    if chosen is None:
        raise Failure(f"executor configuration: {_no_choice(node)}")
    return Endpoint(
        base_url=configuration.base_url,
        path=chosen.path,
        method=chosen.method,
        timeout=chosen.timeout,
        auth=configuration.authentication,
    )


def endpoint_findings(
    at: str, node: Node, existing: Mapping[str, ExecutorConfiguration], *, activating: bool
) -> Iterator[Diagnostic]:
    """What is wrong with the node's reference; `at` points to the node's data. `activating` asks for more: what cannot be
    called yet, or no longer, is no reason to refuse a draft."""
    if not names_executor(node):
        return
    configuration = existing.get(executor_configuration_id(node) or "")
    field = f"{at}/executorConfigId"
    if configuration is None:
        message = f'node "{node.id}" names an executor configuration that does not exist'
        yield Diagnostic("FLK-0150", message, field)
        return
    if activating and configuration.status not in STARTABLE:
        message = f'node "{node.id}" names an executor configuration that is {configuration.status}'
        yield Diagnostic("FLK-0150", message, field)
    elif configuration.endpoints and _chosen(node, configuration) is None:
        yield Diagnostic("FLK-0201", f'node "{node.id}": {_no_choice(node)}', f"{at}/endpointName")


def _chosen(node: Node, configuration: ExecutorConfiguration) -> ExecutorEndpoint | None:
    name = node.settings.get("endpointName")
    if name is None:
        return configuration.endpoints[0] if len(configuration.endpoints) == 1 else None
    return next((each for each in configuration.endpoints if each.name == name), None)


def _no_choice(node: Node) -> str:
    if node.settings.get("endpointName") is None:
        return "endpointName must choose one of several endpoints"
    return "endpointName is not the name of an endpoint"

"""Do the executor nodes of a graph refer to things that exist and fit? (Flowker spec c.1, steps 2 to 4)

The order of checks is part of the contract; the first violation wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowker import errors
from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import executor_violations, fields
from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import MappingError
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.nodes.executor import configuration_id
from flowker.ports import ProviderConfigurationStore


@dataclass(frozen=True, slots=True)
class References:
    configurations: ProviderConfigurationStore

    def check(self, graph: Graph) -> None:
        """Raises `InvalidExecutorConfig`, `UnknownExecutorInNode`, `InvalidProviderReference`, `ProviderMismatch`,
        `InvalidInputMapping`, `InvalidOutputMapping`, `InvalidTransforms`."""
        nodes = [(f"nodes[{number}]", node) for number, node in enumerate(graph.nodes)]
        executors = [(at, node) for at, node in nodes if node.type is NodeKind.EXECUTOR]
        for at, node in executors:
            _check_executor(at, node)
        wanted = [found for _, node in executors if (found := configuration_id(node)) is not None]
        existing = self.configurations.get_many(list(dict.fromkeys(wanted))) if wanted else {}
        for at, node in executors:
            _check_configuration(at, node, existing)
        for at, node in nodes:
            _check_mappings(at, node)


def _check_executor(at: str, node: Node) -> None:
    executor_id = node.settings.get("executorId")
    field = f"{at}.data.executorId"
    if not isinstance(executor_id, str) or not executor_id:
        raise errors.InvalidExecutorConfig(f'node "{node.id}" names no executor', fields={field: "required"})
    executor = CATALOG.executors.get(executor_id)
    if executor is None or executor.provider_id not in CATALOG.providers:
        message = f'node "{node.id}" names the unknown executor "{executor_id}"'
        raise errors.UnknownExecutorInNode(message, fields={field: "not in the catalog"})
    if configuration_id(node) is None:
        message = f'node "{node.id}" names no provider configuration'
        raise errors.InvalidProviderReference(
            message, fields={f"{at}.data.providerConfigId": "must be a UUID"}
        )
    found = executor_violations(executor, node.settings)
    if found:
        message = f'node "{node.id}" does not fit executor "{executor_id}"'
        raise errors.InvalidExecutorConfig(message, fields=fields(found, f"{at}.data"))


def _check_configuration(at: str, node: Node, existing: Mapping[str, ProviderConfiguration]) -> None:
    field = f"{at}.data.providerConfigId"
    configuration = existing.get(configuration_id(node) or "")
    if configuration is None:
        message = f'node "{node.id}" names a provider configuration that does not exist'
        raise errors.InvalidProviderReference(message, fields={field: "does not exist"})
    if configuration.status is not ProviderConfigurationStatus.ACTIVE:
        message = f'node "{node.id}" names a provider configuration that is disabled'
        raise errors.InvalidProviderReference(message, fields={field: "is disabled"})
    executor = CATALOG.executors[str(node.settings["executorId"])]
    if configuration.provider_id != executor.provider_id:
        message = (
            f'node "{node.id}" runs an executor of "{executor.provider_id}" '
            f'over a configuration of "{configuration.provider_id}"'
        )
        raise errors.ProviderMismatch(
            message, fields={field: f'must be of provider "{executor.provider_id}"'}
        )


def _check_mappings(at: str, node: Node) -> None:
    for name, error in (
        ("inputMapping", errors.InvalidInputMapping),
        ("mapping", errors.InvalidInputMapping),
        ("outputMapping", errors.InvalidOutputMapping),
    ):
        items: Any = node.settings.get(name)
        if items is None or not _maps(node, name):
            continue
        try:
            FieldMappings.for_output(items) if name == "outputMapping" else FieldMappings.for_input(items)
        except MappingError as problem:
            field = f"{at}.data.{name}"
            raise error(f'node "{node.id}": {problem}', fields={field: str(problem)}) from problem
    if node.type is NodeKind.EXECUTOR and node.settings.get("transforms"):
        message = f'node "{node.id}": transforms are not supported, use inputMapping'
        raise errors.InvalidTransforms(message, fields={f"{at}.data.transforms": "not supported"})


def _maps(node: Node, name: str) -> bool:
    """Whether this kind of node reads this key at all: others may use it for their own purposes."""
    return node.type is (NodeKind.ACTION if name == "mapping" else NodeKind.EXECUTOR)

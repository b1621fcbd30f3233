"""Do the executor nodes of a graph refer to things that exist and fit? (Flowker spec c.1, steps 2 to 4)

Everything is found at once. The order of the findings is part of the contract, because the first one gives the code.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import executor_violations
from flowker.errors import Diagnostic, FlowkerError, error_for
from flowker.expressions.mappings import FieldMappings
from flowker.expressions.problems import MappingError
from flowker.expressions.transforms import Transforms
from flowker.model.executor_configuration import ExecutorConfiguration
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.provider import ProviderConfiguration, ProviderConfigurationStatus
from flowker.nodes.action import kind_of
from flowker.nodes.executor import configuration_id
from flowker.ports import ExecutorConfigurationStore, ProviderConfigurationStore
from flowker.usecases.endpoints import endpoint_findings, executor_configuration_id

_Placed = tuple[str, Node]
"""A node and the JSON pointer to its data."""


@dataclass(frozen=True, slots=True)
class References:
    configurations: ProviderConfigurationStore
    executors: ExecutorConfigurationStore

    def check(self, graph: Graph) -> None:
        """Raises `InvalidExecutorConfig`, `UnknownExecutorInNode`, `InvalidProviderReference`, `ProviderMismatch`,
        `InvalidInputMapping`, `InvalidOutputMapping`, `InvalidTransforms`; `fields` holds all findings."""
        findings = self._findings(graph, self._executors(graph), activating=False)
        if findings:
            raise refusal(findings, field_name)

    def for_activation(self, graph: Graph) -> tuple[list[Diagnostic], Sequence[ExecutorConfiguration]]:
        """All that is wrong, and the executor configurations that the graph refers to."""
        executors = self._executors(graph)
        return self._findings(graph, executors, activating=True), list(executors.values())

    def _executors(self, graph: Graph) -> Mapping[str, ExecutorConfiguration]:
        nodes = [node for node in graph.nodes if node.type is NodeKind.EXECUTOR]
        wanted = [found for node in nodes if (found := executor_configuration_id(node)) is not None]
        return self.executors.get_many(wanted) if wanted else {}

    def _findings(
        self, graph: Graph, endpoints: Mapping[str, ExecutorConfiguration], *, activating: bool
    ) -> list[Diagnostic]:
        """First executors, then provider and executor configurations, then mappings, each in node order."""
        nodes = [(f"/nodes/{number}/data", node) for number, node in enumerate(graph.nodes)]
        executors = [(at, node) for at, node in nodes if node.type is NodeKind.EXECUTOR]
        wanted = [found for _, node in executors if (found := configuration_id(node)) is not None]
        existing = self.configurations.get_many(list(dict.fromkeys(wanted))) if wanted else {}
        return [
            *(finding for placed in executors for finding in _executor(*placed)),
            *(finding for placed in executors for finding in _configuration(*placed, existing)),
            *(
                finding
                for placed in executors
                for finding in endpoint_findings(*placed, endpoints, activating=activating)
            ),
            *(finding for placed in nodes for finding in _mappings(*placed)),
        ]


def refusal(findings: Sequence[Diagnostic], named: Callable[[str], str]) -> FlowkerError:
    """The error that the first finding asks for; `fields` holds all of them under the names made of their pointers."""
    fields: dict[str, str] = {}
    for finding in findings:
        fields.setdefault(named(finding.pointer), finding.message)
    first = findings[0]
    return error_for(first.code)(first.message, fields=fields, diagnostics=findings)


def field_name(pointer: str) -> str:
    """A JSON pointer as request bodies name their fields: `/nodes/0/data/path` is `nodes[0].data.path`."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    return "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in parts).removeprefix(".")


def _executor(at: str, node: Node) -> Iterator[Diagnostic]:
    executor_id = node.settings.get("executorId")
    field = f"{at}/executorId"
    if not isinstance(executor_id, str) or not executor_id:
        yield Diagnostic("FLK-0201", f'node "{node.id}" names no executor', field)
        return
    executor = CATALOG.executors.get(executor_id)
    if executor is None or executor.provider_id not in CATALOG.providers:
        yield Diagnostic("FLK-0104", f'node "{node.id}" names an executor that is not in the catalog', field)
        return
    if configuration_id(node) is None:
        message = f'node "{node.id}" names no provider configuration: it must be a UUID'
        yield Diagnostic("FLK-0150", message, f"{at}/providerConfigId")
    for found in executor_violations(executor, node.settings):
        message = f'node "{node.id}" does not fit executor "{executor_id}": {found.message}'
        yield Diagnostic("FLK-0201", message, f"{at}{found.pointer}")


def _configuration(
    at: str, node: Node, existing: Mapping[str, ProviderConfiguration]
) -> Iterator[Diagnostic]:
    named = configuration_id(node)
    if named is None:
        return
    field = f"{at}/providerConfigId"
    configuration = existing.get(named)
    if configuration is None:
        message = f'node "{node.id}" names a provider configuration that does not exist'
        yield Diagnostic("FLK-0150", message, field)
        return
    if configuration.status is not ProviderConfigurationStatus.ACTIVE:
        message = f'node "{node.id}" names a provider configuration that is disabled'
        yield Diagnostic("FLK-0150", message, field)
    executor = CATALOG.executors.get(str(node.settings.get("executorId")))
    if executor is not None and configuration.provider_id != executor.provider_id:
        message = (
            f'node "{node.id}" runs an executor of "{executor.provider_id}" '
            f'over a configuration of "{configuration.provider_id}"'
        )
        yield Diagnostic("FLK-0151", message, field)


_LISTS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "inputMapping": ("FLK-0140", FieldMappings.for_input),
    "mapping": ("FLK-0140", FieldMappings.for_input),
    "outputMapping": ("FLK-0141", FieldMappings.for_output),
    "transforms": ("FLK-0142", Transforms.parse),
}
"""The keys of a node's data that hold mappings or operations, and how they are read."""


def _mappings(at: str, node: Node) -> Iterator[Diagnostic]:
    for name in _lists_of(node):
        code, read = _LISTS[name]
        try:
            read(node.settings.get(name))
        except MappingError as problem:
            pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in problem.path)
            message = f'node "{node.id}": {name}{"" if problem.item else ":"} {problem}'
            yield Diagnostic(code, message, f"{at}/{name}{pointer}")


def _lists_of(node: Node) -> Sequence[str]:
    """The lists that this node reads: others may use these keys for purposes of their own."""
    if node.type is NodeKind.EXECUTOR:
        return ("inputMapping", "outputMapping", "transforms")
    if node.type is not NodeKind.ACTION:
        return ()
    return {"set_output": ("mapping",), "transform": ("inputMapping", "transforms")}.get(
        str(kind_of(node)), ()
    )

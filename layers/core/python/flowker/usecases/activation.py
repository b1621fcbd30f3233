"""From a draft to something that can be started: checked, compiled, published (Flowker spec c.1, architecture §4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flowker.catalog.registry import CATALOG
from flowker.catalog.schemas import violations
from flowker.compiler.check import check
from flowker.compiler.compile import compile_graph
from flowker.compiler.topology import entries
from flowker.errors import Diagnostic
from flowker.model import exact_json
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.workflow import Launch, WebhookRoute, Workflow
from flowker.ports import StateMachines, WorkflowStore
from flowker.usecases.references import refusal
from flowker.usecases.webhooks import normalised, routes_of

_NOT_SCHEMA = ("triggerType", "triggerId")
_FUNDAMENTAL = ("FLK-0112", "FLK-0116")
"""No nodes, no trigger: checked before anything else (Flowker spec c.1)."""


@dataclass(frozen=True, slots=True)
class Launched:
    """How the workflow is started by API (its first trigger), and the webhook routes of all its triggers."""

    launch: Launch
    routes: Sequence[WebhookRoute]


@dataclass(frozen=True, slots=True)
class Activation:
    store: WorkflowStore
    machines: StateMachines

    def prepare(self, workflow: Workflow, references: Sequence[Diagnostic] = ()) -> Launched:
        """Keep the snapshot and publish one state machine for each trigger. All of it is named by content, so repeating
        a failed activation changes nothing. `references` are findings about what the graph refers to.

        Raises the error of the most fundamental finding, with all of them in `fields` by their JSON pointers."""
        graph = workflow.graph
        findings = [*references, *check(graph), *_triggers(graph)]
        if findings:
            findings.sort(key=lambda finding: finding.code not in _FUNDAMENTAL)
            raise refusal(findings, named=str)
        snapshot = without_tokens(graph)
        revision = exact_json.digest(snapshot.document())
        self.store.keep_revision(revision, snapshot)
        total = sum(node.type is not NodeKind.TRIGGER for node in graph.nodes)
        launches = {}
        for entry in entries(graph):
            machine = compile_graph(snapshot, entry)
            launches[entry] = Launch(
                workflow_id=workflow.id,
                revision=revision,
                machine=self.machines.publish(machine.name, machine.definition),
                total_steps=total,
                entry=entry,
            )
        return Launched(launches[entries(graph)[0]], routes_of(graph, launches))


def without_tokens(graph: Graph) -> Graph:
    """The graph as the engine needs it: triggers without their verify tokens."""

    def stripped(node: Node) -> Node:
        if node.type is not NodeKind.TRIGGER:
            return node
        data: Mapping[str, object] = {
            key: value for key, value in node.settings.items() if key != "verify_token"
        }
        return node.model_copy(update={"data": data})

    return graph.model_copy(update={"nodes": tuple(stripped(node) for node in graph.nodes)})


def _triggers(graph: Graph) -> list[Diagnostic]:
    """Webhook triggers that declare a route must satisfy the trigger's schema."""
    findings = []
    for number, node in enumerate(graph.nodes):
        kind = node.settings.get("triggerType") or node.settings.get("triggerId")
        declared = {name: value for name, value in node.settings.items() if name not in _NOT_SCHEMA}
        if node.type is NodeKind.TRIGGER and kind == "webhook" and declared.keys() & {"path", "method"}:
            findings += [
                Diagnostic(
                    "FLK-0211",
                    f'trigger "{node.id}": {found.path[-1] if found.path else "data"} {found.message}',
                    f"/nodes/{number}/data{found.pointer}",
                )
                for found in violations(CATALOG.triggers["webhook"].schema, declared, formats=True)
            ]
            if declared.get("path") and not normalised(str(declared["path"])):
                message = f'trigger "{node.id}": path is empty, nothing could be delivered to it'
                findings.append(Diagnostic("FLK-0211", message, f"/nodes/{number}/data/path"))
    return findings

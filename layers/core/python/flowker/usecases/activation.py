"""From a draft to something that can be started: checked, compiled, published (Flowker spec c.1, architecture §4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from flowker.compiler.check import check
from flowker.compiler.compile import Machine, compile_graph
from flowker.compiler.engine import choose
from flowker.compiler.topology import entries
from flowker.errors import Diagnostic
from flowker.model import exact_json
from flowker.model.graph import Graph, Node, NodeKind
from flowker.model.instant import instant
from flowker.model.machine import MachineUse
from flowker.model.schedule import Schedule
from flowker.model.workflow import Engine, Launch, MachineType, WebhookRoute, Workflow
from flowker.ports import Clock, MachineRegistry, StateMachines, WorkflowStore
from flowker.settings.variables import EngineSetting
from flowker.usecases.references import refusal
from flowker.usecases.triggers import trigger_findings
from flowker.usecases.webhooks import routes_of
from flowker.usecases.workflow_schedules import schedules_of

_FUNDAMENTAL = ("FLK-0112", "FLK-0116")
"""No nodes, no trigger: checked before anything else (Flowker spec c.1)."""


KEPT = timedelta(hours=24)
"""How long a machine is kept that was published for a workflow, or that nobody uses any more."""


@dataclass(frozen=True, slots=True)
class Launched:
    """How the workflow is started by API (its first trigger), the webhook routes and schedules of all its triggers, and what
    runs it."""

    launch: Launch
    routes: Sequence[WebhookRoute]
    schedules: Sequence[Schedule]
    engine: Engine


@dataclass(frozen=True, slots=True)
class Activation:
    store: WorkflowStore
    registry: MachineRegistry
    machines: StateMachines
    clock: Clock
    engine: EngineSetting = "auto"

    def prepare(self, workflow: Workflow, references: Sequence[Diagnostic] = ()) -> Launched:
        """Keep the snapshot and publish one state machine for each trigger. All of it is named by content, so repeating
        a failed activation changes nothing. `references` are findings about what the graph refers to.

        Raises the error of the most fundamental finding, with all of them in `fields` by their JSON pointers."""
        graph = workflow.graph
        findings = [*references, *check(graph), *trigger_findings(graph, self.clock.now())]
        if findings:
            findings.sort(key=lambda finding: finding.code not in _FUNDAMENTAL)
            raise refusal(findings, named=str)
        snapshot = without_tokens(graph)
        revision = exact_json.digest(snapshot.document())
        self.store.keep_revision(revision, snapshot)
        total = sum(node.type is not NodeKind.TRIGGER for node in graph.nodes)
        machines = {entry: compile_graph(snapshot, entry) for entry in entries(graph)}
        engine = choose(list(machines.values()), self.engine)
        launches = {
            entry: Launch(
                workflow_id=workflow.id,
                revision=revision,
                machine=self._publish(workflow.id, revision, machine, engine.type),
                total_steps=total,
                entry=entry,
                type=engine.type,
            )
            for entry, machine in machines.items()
        }
        return Launched(
            launch=launches[entries(graph)[0]],
            routes=routes_of(graph, launches),
            schedules=schedules_of(graph, launches, self.clock.now()),
            engine=engine,
        )

    def _publish(self, workflow_id: str, revision: str, machine: Machine, kind: MachineType) -> str:
        """Claim the machine, so that nobody deletes it from now on, then make sure that it exists."""
        now = self.clock.now()
        use = MachineUse(workflow_id=workflow_id, revision=revision, type=kind, at=instant(now))
        reference = self.machines.reference(machine.definition, kind)
        self.registry.claim(reference, use, due=instant(now + KEPT))
        return self.machines.publish(machine.definition, kind)


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

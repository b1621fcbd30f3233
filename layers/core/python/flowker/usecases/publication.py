"""From a flow's YAML to something that can be started: checked, compiled, published (FlowRunner spec c.8, k)."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flowker.compiler.engine import decide
from flowker.compiler.flows.check import START, Checked, FlowDocument, Syntax, check
from flowker.compiler.flows.compile import UNSUPPORTED_SHAPE, FlowMachine, UnsupportedShape, compile_flow
from flowker.compiler.flows.document import LIMIT
from flowker.compiler.flows.graph import graph_of
from flowker.compiler.flows.node import Types
from flowker.errors import DefinitionTooLarge, Diagnostic
from flowker.model import exact_json
from flowker.model.graph import Node
from flowker.model.instant import instant
from flowker.model.machine import MachineUse
from flowker.model.workflow import Launch
from flowker.nodes.flow.base import Shape
from flowker.ports import Clock, MachineRegistry, StateMachines, WorkflowStore
from flowker.settings.variables import EngineSetting
from flowker.usecases.activation import KEPT
from flowker.usecases.flow_drafts import refusal


@dataclass(frozen=True, slots=True)
class Proof:
    """A definition without a problem, compiled. `warnings` are what may be a mistake."""

    document: FlowDocument
    machine: FlowMachine
    warnings: Sequence[Diagnostic]


@dataclass(frozen=True, slots=True)
class Publication:
    """`longest` is how many seconds a run may take."""

    revisions: WorkflowStore
    registry: MachineRegistry
    machines: StateMachines
    clock: Clock
    types: Types
    syntax: Syntax
    longest: int
    engine: EngineSetting = "auto"

    def prove(self, definition: str, secrets: Collection[str], others: Iterable[Diagnostic] = ()) -> Proof:
        """Check and compile; nothing is stored. `secrets` are the names that the account has, `others` is what else is wrong
        with the request. Raises `InvalidFlow` with all problems."""
        checked = check(definition, self.types, self.syntax, secrets)
        problems = [*others, *checked.problems]
        if checked.document is None:
            raise refusal(problems)
        machine, found = self._compile(checked, checked.document)
        if machine is None or problems:
            raise refusal([*problems, *found])
        return Proof(checked.document, machine, checked.warnings)

    def _compile(
        self, checked: Checked, document: FlowDocument
    ) -> tuple[FlowMachine | None, Sequence[Diagnostic]]:
        graph = graph_of(document, document.version or "")
        try:
            return compile_flow(graph, self.longest, self._shape), ()
        except DefinitionTooLarge as error:
            return None, [checked.located(LIMIT, ("nodes",), error.message)]
        except UnsupportedShape as error:
            return None, [
                checked.located(UNSUPPORTED_SHAPE, each.path, each.message) for each in error.problems
            ]

    def _shape(self, node: Node) -> Shape:
        return self.types[node.settings["type"]].shape(node.settings["params"])

    def publish(self, proof: Proof, label: str, flow_id: str, account_id: str) -> Launch:
        """Keep the graph and make the state machine startable; all of it is named by content, so repeating it changes nothing.
        Raises `StoreUnavailable` when throttled."""
        graph = graph_of(proof.document, label)
        revision = exact_json.digest(graph.document())
        self.revisions.keep_revision(revision, graph)
        kind, _ = decide([proof.machine], self.engine)
        now = self.clock.now()
        use = MachineUse(
            workflow_id=flow_id, account_id=account_id, revision=revision, type=kind, at=instant(now)
        )
        definition = proof.machine.definition
        reference = self.machines.reference(definition, kind)
        self.registry.claim(reference, use, due=instant(now + KEPT))
        return Launch(
            workflow_id=flow_id,
            revision=revision,
            machine=self.machines.publish(definition, kind),
            total_steps=len(proof.document.nodes),
            entry=START,
            type=kind,
            account_id=account_id,
            label=label,
            longest=self.longest,
        )

"""Define workflows and move them through their life (Flowker spec a.3, c.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowker.errors import WorkflowNotEditable, WorkflowTransitionNotAllowed
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.exact_json import Json
from flowker.model.executor_configuration import ExecutorConfiguration, ExecutorConfigurationStatus
from flowker.model.graph import Graph
from flowker.model.instant import instant
from flowker.model.masking import restore_node_data
from flowker.model.page import Page, PageQuery
from flowker.model.workflow import Workflow, WorkflowStatus
from flowker.ports import Clock, Ids, WorkflowStore
from flowker.usecases.activation import Activation
from flowker.usecases.drafts import Draft, draft, workflow_name
from flowker.usecases.executor_configurations import executor_event
from flowker.usecases.references import References
from flowker.usecases.workflow_schedules import WorkflowTimers


@dataclass(frozen=True, slots=True)
class Workflows:
    """Every change names the version it read, so a lost race is answered 409 `FLK-0350` and nothing is overwritten."""

    store: WorkflowStore
    references: References
    activation: Activation
    clock: Clock
    ids: Ids
    timers: WorkflowTimers

    def create(self, document: Mapping[str, Any]) -> Workflow:
        """Store a new draft. Raises the codes of spec a.2 #1."""
        content = draft(document)
        restore_secrets(content.graph, Graph())
        self.references.check(content.graph)
        return self._add(content)

    def _add(self, content: Draft, **metadata: Json) -> Workflow:
        now = instant(self.clock.now())
        workflow = Workflow(
            id=self.ids.new(),
            name=content.name,
            description=content.description,
            status=WorkflowStatus.DRAFT,
            graph=content.graph,
            metadata=content.metadata,
            created_at=now,
            updated_at=now,
        )
        self.store.add(workflow, [self._event(EventType.WORKFLOW_CREATED, workflow, **metadata)])
        return workflow

    def get(self, workflow_id: str) -> Workflow:
        """Raises `WorkflowNotFound`."""
        return self.store.get(workflow_id)

    def list(self, query: PageQuery) -> Page[Workflow]:
        return self.store.list(query)

    def update(self, workflow_id: str, document: Mapping[str, Any]) -> Workflow:
        """Replace a draft; metadata keys are merged. Raises the codes of spec a.2 #4."""
        before = self.store.get(workflow_id)
        if before.status is not WorkflowStatus.DRAFT:
            raise WorkflowNotEditable(f"only drafts can be changed; this workflow is {before.status}")
        content = draft(document)
        graph = restore_secrets(content.graph, before.graph)
        self.references.check(graph)
        return self._replace(
            before,
            name=content.name,
            description=content.description,
            graph=graph,
            metadata={**before.metadata, **content.metadata},
            event=EventType.WORKFLOW_UPDATED,
        )

    def clone(self, workflow_id: str, document: Mapping[str, Any]) -> Workflow:
        """A new draft with another name and the same graph. Raises the codes of spec a.2 #7."""
        name = workflow_name(document)
        source = self.store.get(workflow_id)
        return self._add(Draft(name, source.description, source.graph, {}), clonedFrom=source.id)

    def delete(self, workflow_id: str) -> None:
        """Raises `WorkflowNotFound`, `WorkflowNotEditable` while it is active."""
        workflow = self.store.get(workflow_id)
        if workflow.status is WorkflowStatus.ACTIVE:
            raise WorkflowNotEditable("an active workflow cannot be deleted; deactivate it first")
        event = self._event(EventType.WORKFLOW_DELETED, workflow, **{"workflow.id": workflow.id})
        self.store.delete(workflow, [event])

    def activate(self, workflow_id: str) -> Workflow:
        """draft → active: check everything, publish the state machines, register webhooks and schedules, activate the executor
        configurations that it refers to.

        Raises the codes of spec a.2 #8; the status is checked first [R].
        """
        before = self._in(workflow_id, WorkflowStatus.DRAFT, "activated")
        findings, executors = self.references.for_activation(before.graph)
        launched = self.activation.prepare(before, findings)
        after = self._after(
            before, status=WorkflowStatus.ACTIVE, launch=launched.launch, engine=launched.engine
        )
        promoted = [each for each in executors if each.status is not ExecutorConfigurationStatus.ACTIVE]
        events = [self._event(EventType.WORKFLOW_ACTIVATED, after), *map(self._promotion, promoted)]
        self.timers.set(launched.schedules)
        try:
            self.store.replace(before, after, launched.routes, events, promoted, launched.schedules)
        finally:
            self.timers.restore(before)
        return after

    def deactivate(self, workflow_id: str) -> Workflow:
        """active → inactive: its webhooks and schedules disappear; running executions continue."""
        before = self._in(workflow_id, WorkflowStatus.ACTIVE, "deactivated")
        gone = {"launch": None, "engine": None}
        after = self._replace(
            before, status=WorkflowStatus.INACTIVE, **gone, event=EventType.WORKFLOW_DEACTIVATED
        )
        self.timers.clear(before)
        return after

    def to_draft(self, workflow_id: str) -> Workflow:
        """inactive → draft."""
        before = self._in(workflow_id, WorkflowStatus.INACTIVE, "moved to draft")
        return self._replace(before, status=WorkflowStatus.DRAFT, event=EventType.WORKFLOW_DRAFTED)

    def _in(self, workflow_id: str, status: WorkflowStatus, verb: str) -> Workflow:
        workflow = self.store.get(workflow_id)
        if workflow.status is not status:
            raise WorkflowTransitionNotAllowed(
                f"only a workflow that is {status} can be {verb}; it is {workflow.status}"
            )
        return workflow

    def _replace(self, before: Workflow, event: EventType, **changes: Any) -> Workflow:
        after = self._after(before, **changes)
        self.store.replace(before, after, audit=[self._event(event, after)])
        return after

    def _event(self, kind: EventType, workflow: Workflow, **metadata: Json) -> AuditEvent:
        return happened(
            kind,
            workflow.id,
            id=self.ids.new(),
            at=self.clock.now(),
            metadata={"workflow.name": workflow.name, **metadata},
        )

    def _promotion(self, executor: ExecutorConfiguration) -> AuditEvent:
        active = executor.model_copy(update={"status": ExecutorConfigurationStatus.ACTIVE})
        return executor_event(EventType.EXECUTOR_CONFIG_UPDATED, active, self.clock, self.ids)

    def _after(self, before: Workflow, **changes: Any) -> Workflow:
        now = instant(self.clock.now())
        return before.model_copy(update={**changes, "version": before.version + 1, "updated_at": now})


def restore_secrets(graph: Graph, stored: Graph) -> Graph:
    """Put stored secrets back where the client sent the mask it was shown. Nodes are matched by id.

    Raises `InvalidBody` for a mask with nothing behind it.
    """
    old = {node.id: node.data for node in stored.nodes}
    nodes = []
    for number, node in enumerate(graph.nodes):
        data = restore_node_data(node.data, old.get(node.id), f"nodes[{number}].data")
        nodes.append(node.model_copy(update={"data": data}))
    return graph.model_copy(update={"nodes": tuple(nodes)})

"""Workflows as items: a HEAD that lists and starts read, a sealed BODY, a name, and what starts them (Flowker spec c.1, i)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.adapters import keys
from flowker.adapters.items import (
    Blobs,
    Cipher,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Put,
    Scalar,
    Table,
    Update,
)
from flowker.adapters.stores import listing
from flowker.adapters.stores.executor_configurations import promoting
from flowker.adapters.stores.leftovers import leaving, write_new
from flowker.adapters.stores.named import UniqueNames, at_version, changed
from flowker.adapters.stores.outbox import WORKFLOWS, Move, announcing
from flowker.adapters.stores.payloads import SealedPayloads
from flowker.adapters.stores.record import Guarded, item, read, write
from flowker.adapters.stores.starters import launch_fields, starters, still_held, swapping
from flowker.adapters.table_rules import MAX_ITEMS
from flowker.errors import (
    DefinitionTooLarge,
    InvalidProviderReference,
    WorkflowNameTaken,
    WorkflowNotFound,
)
from flowker.model import exact_json
from flowker.model.audit import AuditEvent
from flowker.model.executor_configuration import ExecutorConfiguration
from flowker.model.graph import Graph, NodeKind
from flowker.model.page import Page, PageQuery
from flowker.model.schedule import Schedule
from flowker.model.workflow import Launch, WebhookRoute, Workflow, WorkflowHead, WorkflowStatus
from flowker.nodes.executor import configuration_id

KIND = "workflow"
NAMES = UniqueNames(KIND, WorkflowNameTaken)
SORTS = {"createdAt": "by_created", "updatedAt": "by_updated", "name": "by_name"}


@dataclass(frozen=True, slots=True)
class ItemWorkflowStore:
    """`ports.WorkflowStore` over a table."""

    table: Table
    blobs: Blobs
    cipher: Cipher

    def add(self, workflow: Workflow, audit: Sequence[AuditEvent] = ()) -> None:
        items = self._items(workflow, workflow.version, held=())
        writes: list[Guarded] = [NAMES.taking(workflow.name, workflow.id)]
        writes += [(Put(keys.DEFINITIONS, new), changed(KIND)) for new in items]
        writes += _announcing(workflow.id, audit, None, workflow.status)
        write_new(self.table, keys.workflow(workflow.id), writes)

    def head(self, workflow_id: str) -> WorkflowHead:
        (stored,) = read(self.table, [keys.workflow(workflow_id)])
        if stored is None:
            raise _not_found(workflow_id)
        return WorkflowHead.model_validate(_head_fields(stored))

    def launches(self, workflow_ids: Sequence[str]) -> Mapping[str, Launch]:
        stored = read(self.table, map(keys.workflow, workflow_ids))
        heads = [WorkflowHead.model_validate(_head_fields(each)) for each in stored if each]
        return {head.id: head.launch for head in heads if head.launch is not None}

    def get(self, workflow_id: str) -> Workflow:
        """Raises `ChangedConcurrently` if changes keep coming between its two items."""
        for _ in range(2):
            head, body = read(self.table, [keys.workflow(workflow_id), keys.workflow_body(workflow_id)])
            if head is None:
                raise _not_found(workflow_id)
            if body is not None and body["version"] == head["version"]:
                return self._workflow(head, body)
        raise changed(KIND)

    def list(self, query: PageQuery) -> Page[Workflow]:
        index = SORTS[listing.sort_field(query, SORTS)]
        stretch = listing.Stretch(keys.DEFINITIONS, index, [KIND])
        found, next_cursor = listing.rows(self.table, [stretch], query, query.where)
        return Page(tuple(self._listed(found, query.where)), next_cursor)

    def replace(
        self,
        before: Workflow,
        after: Workflow,
        routes: Sequence[WebhookRoute] = (),
        audit: Sequence[AuditEvent] = (),
        promoted: Sequence[ExecutorConfiguration] = (),
        schedules: Sequence[Schedule] = (),
    ) -> None:
        """What is stored gets the version that follows `before`. Raises `InvalidTriggerConfig` for too many routes and
        schedules."""
        new = starters(routes, schedules)
        swapped = swapping(self._held(before), new, before.id, KIND)
        unchanged = at_version(before.version)
        items = self._items(after, before.version + 1, tuple(new))
        writes: list[Guarded] = [(Put(keys.DEFINITIONS, each, unchanged), changed(KIND)) for each in items]
        writes += NAMES.renaming(before.name, after.name, after.id)
        writes += _uses(before, after)
        writes += [promoting(configuration, after.updated_at) for configuration in promoted]
        writes += swapped
        writes += _announcing(after.id, audit, before.status, after.status)
        if len(writes) > MAX_ITEMS:
            raise DefinitionTooLarge(
                "the workflow has too many webhook routes, schedules and configurations together"
            )
        write(self.table, writes)

    def delete(self, workflow: Workflow, audit: Sequence[AuditEvent] = ()) -> None:
        unchanged = at_version(workflow.version)
        items = [keys.workflow(workflow.id), keys.workflow_body(workflow.id)]
        writes: list[Guarded] = [(Delete(key, unchanged), changed(KIND)) for key in items]
        writes.append(NAMES.releasing(workflow.name, workflow.id))
        writes += swapping(self._held(workflow), {}, workflow.id, KIND)
        writes.append((leaving(keys.folder(items[0])), changed(KIND)))
        writes += _announcing(workflow.id, audit, workflow.status, None)
        write(self.table, writes)

    def route(self, method: str, path: str) -> WebhookRoute | None:
        (stored,) = read(self.table, [keys.webhook_route(method, path)])
        if stored is None:
            return None
        return WebhookRoute.model_validate({"token_digest": None, **stored, "launch": dict(stored)})

    def keep_revision(self, digest: str, graph: Graph) -> None:
        key = keys.revision(digest)
        snapshot = item(key, **self._sealed.attributes(key, graph.document()))
        try:
            self.table.write([Put(key.table, snapshot)])
        except ConditionFailed:
            return  # the digest says that the same is stored

    def revision(self, digest: str) -> Graph:
        """Raises `KeyError` for a digest that was never kept."""
        (stored,) = read(self.table, [keys.revision(digest)])
        if stored is None:
            raise KeyError(digest)
        return Graph.model_validate(self._sealed.value(stored))

    @property
    def _sealed(self) -> SealedPayloads:
        return SealedPayloads(self.blobs, self.cipher)

    def _items(self, workflow: Workflow, version: int, held: Sequence[Key]) -> Sequence[Item]:
        key = keys.workflow_body(workflow.id)
        content = {
            "description": workflow.description,
            "graph": workflow.graph.document(),
            "metadata": workflow.metadata,
        }
        body = item(key, version=version, **self._sealed.attributes(key, content))
        return _head_item(workflow, version, body["size"], held), body

    def _workflow(self, head: Item, body: Item) -> Workflow:
        return Workflow.model_validate({**_head_fields(head), **self._sealed.value(body)})

    def _listed(self, found: Sequence[listing.Row], where: listing.Where) -> Iterator[Workflow]:
        """The workflows of these rows, without those that are gone or pass no longer."""
        stored = read(self.table, (key for row in found for key in (row.key, _body_of(row.key))))
        for head, body in zip(stored[::2], stored[1::2], strict=True):
            if head is None or not listing.still_passes(head, where):
                continue
            if body is not None and body["version"] == head["version"]:
                yield self._workflow(head, body)
                continue
            try:
                yield self.get(str(head["id"]))
            except WorkflowNotFound:
                continue  # deleted while the page was read

    def _held(self, workflow: Workflow) -> Sequence[Key]:
        """The keys of what starts it. Raises `ChangedConcurrently` unless the workflow is what is stored."""
        (stored,) = read(self.table, [keys.workflow(workflow.id)])
        if stored is None or stored["version"] != workflow.version:
            raise changed(KIND)
        return still_held(self.table, [Key(*each) for each in exact_json.loads(str(stored["routes"]))])


def _uses(before: Workflow, after: Workflow) -> Sequence[Guarded]:
    """The writes that count an active workflow's uses of provider configurations, so that none in use is deleted."""
    was, becomes = (workflow.status is WorkflowStatus.ACTIVE for workflow in (before, after))
    if was == becomes:
        return []
    used = {configuration_id(node) for node in after.graph.nodes if node.type is NodeKind.EXECUTOR}
    refusal = InvalidProviderReference("a node names a provider configuration that does not exist")
    amount = {"active": 1 if becomes else -1}
    return [
        (Update(keys.provider_uses(each), add=amount), refusal)
        for each in sorted(used - {None}, key=str)
        if each
    ]


def _announcing(
    workflow_id: str,
    audit: Sequence[AuditEvent],
    before: WorkflowStatus | None,
    after: WorkflowStatus | None,
) -> Sequence[Guarded]:
    move = Move(WORKFLOWS, before and before.value, after and after.value)
    return [(each, changed(KIND)) for each in announcing(workflow_id, audit, [move])]


def _head_item(workflow: Workflow, version: int, size: Scalar, held: Sequence[Key]) -> Item:
    launch = workflow.launch
    return item(
        keys.workflow(workflow.id),
        kind=KIND,
        id=workflow.id,
        name=workflow.name,
        status=workflow.status.value,
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
        version=version,
        size=size,
        created_sort=keys.sort_text(workflow.created_at, workflow.id),
        updated_sort=keys.sort_text(workflow.updated_at, workflow.id),
        name_sort=keys.sort_text(workflow.name, workflow.id),
        routes=exact_json.dumps([[key.table, key.pk, key.sk] for key in held]),
        engine=exact_json.dumps(workflow.engine.model_dump()) if workflow.engine else None,
        **(launch_fields(launch) if launch else {}),
    )


def _head_fields(head: Item) -> Mapping[str, Any]:
    """The fields of a `WorkflowHead`."""
    launch = {**head, "workflow_id": head["id"]} if "revision" in head else None
    engine = exact_json.loads(str(head["engine"])) if "engine" in head else None
    return {**head, "launch": launch, "engine": engine}


def _body_of(head: Key) -> Key:
    return Key(head.table, head.pk, keys.workflow_body("").sk)


def _not_found(workflow_id: str) -> WorkflowNotFound:
    return WorkflowNotFound(f"workflow {workflow_id} does not exist")

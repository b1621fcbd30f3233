"""Flows of accounts: stored, versioned and ready to run at every moment (FlowRunner spec a.3, g)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flowker.errors import ChangedConcurrently, Diagnostic, FlowNotFound, InvalidBody
from flowker.model.audit import AuditEvent, EventType, happened
from flowker.model.flow import FLOW_PREFIX, Flow, FlowHead, FlowRevision, RevisionHead
from flowker.model.instant import instant
from flowker.ports import Clock, Ids
from flowker.ports.flows import FlowStore
from flowker.usecases.flow_drafts import FlowDraft, MetadataPatch, next_label, refuse, unique
from flowker.usecases.flow_search import FlowFilter
from flowker.usecases.publication import Proof, Publication

RACES = 5
"""How often a flow is deleted while others keep changing it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A flow after a change, and what in the definition that was sent may be a mistake."""

    flow: FlowHead
    warnings: Sequence[Diagnostic] = ()


@dataclass(frozen=True, slots=True)
class Flows:
    """Every method takes the account that asks; a flow of another one does not exist for it. `secret_names` tells which
    secrets an account has."""

    store: FlowStore
    publication: Publication
    secret_names: Callable[[str], Collection[str]]
    clock: Clock
    ids: Ids

    def create(self, account_id: str, draft: FlowDraft) -> Written:
        """Raises `InvalidBody` without a name or a definition, `InvalidFlow` with all problems at once, `StoreUnavailable`
        when publishing is throttled; then nothing has been created."""
        if draft.name is None or draft.definition is None:
            missing = "name" if draft.name is None else "definition"
            raise InvalidBody(f"{missing} is required", fields={missing: "required"})
        proof = self._prove(account_id, draft.definition, draft)
        flow_id = f"{FLOW_PREFIX}{self.ids.new()}"
        label = proof.document.version or next_label(None, 1)
        launch = self.publication.publish(proof, label, flow_id, account_id)
        now = instant(self.clock.now())
        flow = Flow(
            id=flow_id,
            account_id=account_id,
            name=draft.name,
            description=proof.document.description or "" if draft.description is None else draft.description,
            tags=unique(draft.tags or ()),
            version=label,
            revision=1,
            launch=launch,
            created_at=now,
            updated_at=now,
            definition=draft.definition,
        )
        self.store.add(flow, _revision_of(flow), [self._event(EventType.FLOW_CREATED, flow)])
        return Written(flow, proof.warnings)

    def update(self, account_id: str, flow_id: str, draft: FlowDraft) -> Written:
        """Change what the draft names. A definition that differs makes a revision; one that does not is left alone. Raises
        `FlowNotFound`, `InvalidBody` for an empty draft, `InvalidFlow`, `ChangedConcurrently`, `StoreUnavailable`."""
        before = self.store.get(account_id, flow_id)
        if draft.empty:
            raise InvalidBody("send at least one of name, description, definition, tags")
        proof = None
        if draft.definition is None:
            refuse(draft.problems())
        else:
            proof = self._prove(account_id, draft.definition, draft)
        changes: dict[str, Any] = {
            "name": draft.name,
            "description": draft.description,
            "tags": None if draft.tags is None else unique(draft.tags),
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        revised = proof is not None and draft.definition != before.definition
        if proof is not None and revised:
            changes = {**self._revised(before, draft, proof), **changes}
        after = self._changed(before, changes)
        revision = _revision_of(after) if revised else None
        self.store.replace(before, after, revision, [self._event(EventType.FLOW_UPDATED, after)])
        return Written(after, proof.warnings if proof else ())

    def _revised(self, before: FlowHead, draft: FlowDraft, proof: Proof) -> dict[str, Any]:
        """What another definition changes, as far as the request does not say otherwise (decision D-07)."""
        number = before.revision + 1
        label = proof.document.version or next_label(before.version, number)
        found = {
            "name": proof.document.name,
            "description": proof.document.description,
            "definition": draft.definition,
            "version": label,
            "revision": number,
            "launch": self.publication.publish(proof, label, before.id, before.account_id),
        }
        return {name: value for name, value in found.items() if value is not None}

    def validate(self, account_id: str, definition: str) -> Proof:
        """Raises `InvalidFlow`."""
        return self._prove(account_id, definition, FlowDraft())

    def _prove(self, account_id: str, definition: str, draft: FlowDraft) -> Proof:
        return self.publication.prove(definition, self.secret_names(account_id), draft.problems())

    def describe(self, account_id: str, flow_id: str, patch: MetadataPatch) -> FlowHead:
        """Change metadata that no run depends on. Raises `FlowNotFound`, `InvalidFlow`, `ChangedConcurrently`."""
        before = self.store.get(account_id, flow_id)
        changes = dict(patch.applied(before.category, before.status, before.custom))
        if patch.tags is not None or "tags" in patch.clear:
            changes["tags"] = unique(patch.tags or ())
        after = self._changed(before, changes)
        self.store.replace(before, after, None, [self._event(EventType.FLOW_UPDATED, after)])
        return after

    def get(self, account_id: str, flow_id: str) -> Flow:
        """Raises `FlowNotFound`."""
        return self.store.get(account_id, flow_id)

    def list(
        self, account_id: str, wanted: FlowFilter, limit: int | None, offset: int
    ) -> tuple[Sequence[FlowHead], int]:
        """The newest first, and how many there are; without a limit all of them."""
        found = [head for head in self.store.heads(account_id) if wanted.holds(head)]
        return found[offset : None if limit is None else offset + limit], len(found)

    def versions(
        self, account_id: str, flow_id: str, limit: int, offset: int
    ) -> tuple[Sequence[RevisionHead], int]:
        """The newest first, and how many there are. Raises `FlowNotFound`."""
        found = self.store.revisions(account_id, flow_id)
        return found[offset : offset + limit], len(found)

    def version(self, account_id: str, flow_id: str, name: str) -> FlowRevision:
        """The newest revision with this label, or the one with this number. Raises `FlowNotFound`."""
        found = self.store.revisions(account_id, flow_id)
        labelled = [each for each in found if each.label == name]
        numbered = [each for each in found if str(each.number) == name]
        for each in (labelled + numbered)[:1]:
            return self.store.revision(account_id, flow_id, each.number)
        raise FlowNotFound(f"flow {flow_id} has no version {name}")

    def delete(self, account_id: str, flow_id: str) -> None:
        """With all its revisions; what is running goes on. Raises `FlowNotFound`."""
        for attempt in range(1, RACES + 1):
            head = self.store.head(account_id, flow_id)
            try:
                self.store.delete(head, [self._event(EventType.FLOW_DELETED, head)])
            except ChangedConcurrently:
                if attempt == RACES:
                    raise
                continue
            return

    def delete_all(self, account_id: str) -> None:
        """Delete the flows of an account that is gone; repeating it deletes what came meanwhile."""
        for head in self.store.heads(account_id):
            try:
                self.delete(account_id, head.id)
            except FlowNotFound:
                continue  # somebody else was faster

    def _changed(self, before: Flow, changes: dict[str, Any]) -> Flow:
        count = before.changes + 1
        return before.model_copy(
            update={**changes, "updated_at": instant(self.clock.now()), "changes": count}
        )

    def _event(self, kind: EventType, flow: FlowHead) -> AuditEvent:
        metadata = {"account.id": flow.account_id, "flow.revision": flow.revision}
        return happened(kind, flow.id, id=self.ids.new(), at=self.clock.now(), metadata=metadata)


def _revision_of(flow: Flow) -> FlowRevision:
    return FlowRevision(
        number=flow.revision,
        label=flow.version,
        created_at=flow.updated_at,
        launch=flow.launch,
        definition=flow.definition,
    )

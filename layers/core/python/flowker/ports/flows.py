"""Flows and their revisions as the use cases see them (FlowRunner spec g)."""

from collections.abc import Sequence
from typing import Protocol

from flowker.model.audit import AuditEvent
from flowker.model.flow import Flow, FlowHead, FlowRevision, RevisionHead


class FlowStore(Protocol):
    """Every method that names an account treats a flow of another one as one that does not exist."""

    def add(self, flow: Flow, revision: FlowRevision, audit: Sequence[AuditEvent] = ()) -> None: ...

    def get(self, account_id: str, flow_id: str) -> Flow:
        """Raises `FlowNotFound`."""
        ...

    def head(self, account_id: str, flow_id: str) -> FlowHead:
        """Raises `FlowNotFound`. Cheaper than `get`."""
        ...

    def heads(self, account_id: str) -> Sequence[FlowHead]:
        """All of an account, the newest first."""
        ...

    def replace(
        self, before: FlowHead, after: Flow, revision: FlowRevision | None, audit: Sequence[AuditEvent] = ()
    ) -> None:
        """Store `after`, and a revision if the text changed. Raises `ChangedConcurrently`."""
        ...

    def delete(self, flow: FlowHead, audit: Sequence[AuditEvent] = ()) -> None:
        """With all its revisions. Raises `ChangedConcurrently`."""
        ...

    def revisions(self, account_id: str, flow_id: str) -> Sequence[RevisionHead]:
        """The newest first. Raises `FlowNotFound`."""
        ...

    def revision(self, account_id: str, flow_id: str, number: int) -> FlowRevision:
        """Raises `FlowNotFound`, also for a revision that does not exist."""
        ...

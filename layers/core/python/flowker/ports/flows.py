"""Flows and their revisions as the use cases see them (FlowRunner spec g)."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from flowker.model.audit import AuditEvent
from flowker.model.flow import Flow, FlowHead, FlowRevision, RevisionHead
from flowker.model.workflow import Launch


class FlowStore(Protocol):
    """Every method that names an account treats a flow of another one as one that does not exist."""

    def add(self, flow: Flow, revision: FlowRevision, audit: Sequence[AuditEvent] = ()) -> None: ...

    def get(self, account_id: str, flow_id: str) -> Flow:
        """Raises `FlowNotFound`."""
        ...

    def head(self, account_id: str, flow_id: str) -> FlowHead:
        """Raises `FlowNotFound`. Cheaper than `get`."""
        ...

    def launches(self, flows: Sequence[tuple[str, str]]) -> Mapping[str, Launch]:
        """How the newest revisions of these run, by flow id; each flow is named with its account. In one read for each
        hundred."""
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

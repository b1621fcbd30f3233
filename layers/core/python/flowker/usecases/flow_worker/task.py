"""What a state machine asks the worker of flows for, and what it is answered (FlowRunner spec k.4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flowker.model.run import path_after, path_inside

Answer = Mapping[str, Any]
"""`{"step": path}` and at most one of: `e<k>` (the edge to follow), `seconds`, `signal`, `lanes`, `items`, `relay`,
`failed`."""


class Phase(StrEnum):
    """Of a node that needs several tasks; the first one has none, but that of a batch."""

    RESUME = "resume"
    JOIN = "join"
    LISTEN = "listen"
    TIMEOUT = "timeout"
    EXPAND = "expand"
    ITEM = "item"
    COLLECT = "collect"


@dataclass(frozen=True, slots=True)
class FlowTask:
    """`at` is the path of the step before. `lane` is set in the first task of a branch, `leaves` are edges that end it. The
    nodes of `quick` run in this task as well, when the way leads there.
    `branches` are the paths of the last steps of branches or items. `attempt` counts from 0."""

    execution_id: str
    revision: str
    at: str
    node: str
    attempt: int = 0
    phase: Phase | None = None
    lane: int | None = None
    quick: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    branches: Sequence[str] = ()
    item: int | None = None
    token: str | None = None

    @property
    def path(self) -> str:
        """Of the step that this task records."""
        if self.phase is Phase.ITEM and self.item is not None:
            return path_inside(self.at, self.item)
        if self.lane is not None:
            return path_inside(self.at, self.lane)
        return path_after(self.at)

    def onward(self, at: str, node: str) -> "FlowTask":
        """The part of this task that is about one of `quick`, behind that step."""
        return FlowTask(self.execution_id, self.revision, at, node, quick=self.quick, leaves=self.leaves)

    @property
    def expanded(self) -> str | None:
        """The step that has the list, if this task is about one item of it."""
        if self.item is None:
            return None
        return self.at if self.phase is Phase.ITEM else self.at.rsplit(".", 2)[0]

    @property
    def first(self) -> bool:
        """Whether the node is entered, and not gone on with."""
        return self.phase in (None, Phase.EXPAND)

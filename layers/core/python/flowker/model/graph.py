"""The one graph that both faces compile to: nodes and edges as the user drew them (architecture §4)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class NodeKind(StrEnum):
    TRIGGER = "trigger"
    EXECUTOR = "executor"
    CONDITIONAL = "conditional"
    ACTION = "action"


class Position(BaseModel):
    """Where the user placed the node; any JSON number, returned as given."""

    model_config = ConfigDict(frozen=True)

    x: Any = 0
    y: Any = 0


class Node(BaseModel):
    """One box of the graph. `data` is the kind's own configuration, see `nodes/`."""

    model_config = ConfigDict(frozen=True)

    id: str
    type: NodeKind
    name: str | None = None
    position: Position = Position()
    data: Mapping[str, Any] | None = None
    op: str | None = None
    """Of a node of a flow: `fr.` and its type. Then one edge is followed, not all, and cycles are legal."""

    def __hash__(self) -> int:
        """Nodes are looked up in caches far more often than compared."""
        return hash(self.id)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The node's `data`, or nothing."""
        return self.data or {}

    @property
    def step_name(self) -> str:
        """What its step is called: the node's name, or `<type>_<id>` (Flowker spec d.4)."""
        return self.name or f"{self.type}_{self.id}"


class Edge(BaseModel):
    """One arrow. `source_handle` picks a conditional's branch; `condition` must hold for the arrow to be live."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    id: str
    source: str
    target: str
    source_handle: str | None = Field(default=None, alias="sourceHandle")
    condition: str | None = None
    label: str | None = None

    @property
    def expression(self) -> str | None:
        """The condition, or None where it is absent or blank."""
        return self.condition if self.condition and self.condition.strip() else None


class Graph(BaseModel):
    """Nodes and edges in the user's order, which is semantically relevant."""

    model_config = ConfigDict(frozen=True)

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()

    def document(self) -> dict[str, Any]:
        """The graph as the API shows it: absent fields omitted, order kept."""
        return self.model_dump(mode="python", by_alias=True, exclude_none=True)

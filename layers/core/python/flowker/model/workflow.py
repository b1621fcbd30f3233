"""A workflow: the graph a user owns, its lifecycle, and what an activation leaves behind (Flowker spec c.1)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.graph import Graph
from flowker.model.instant import Instant


class WorkflowStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"


class Launch(BaseModel):
    """All that starting an execution needs to know of an active workflow; fixed at activation."""

    model_config = ConfigDict(frozen=True)

    workflow_id: str
    revision: str
    """SHA-256 of the graph, the key of its immutable snapshot."""
    machine: str
    """Reference of the published state machine."""
    total_steps: int
    entry: str
    """The trigger node that the executions start at."""


class WorkflowHead(BaseModel):
    """What is known of a workflow without its graph. `version` counts changes; every write names the one it read."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    status: WorkflowStatus
    created_at: Instant
    updated_at: Instant
    version: int = 1
    launch: Launch | None = None


class Workflow(WorkflowHead):
    """A workflow with everything in it."""

    description: str | None = None
    graph: Graph = Graph()
    metadata: Mapping[str, Any] = {}


class WebhookRoute(BaseModel):
    """Who answers a webhook: one active workflow per method and path (Flowker spec, section i)."""

    model_config = ConfigDict(frozen=True)

    method: str
    path: str
    """Normalised: one leading slash, no trailing ones; `/` is the empty text."""
    token_digest: str | None
    """SHA-256 of the trigger's `verify_token`."""
    launch: Launch

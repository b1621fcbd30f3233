"""A workflow: the graph a user owns, its lifecycle, and what an activation leaves behind (Flowker spec c.1)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.graph import Graph
from flowker.model.instant import Instant


class WorkflowStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    INACTIVE = "inactive"


class MachineType(StrEnum):
    """What Step Functions charges by: transitions, or starts and time. Neither decides what an execution does."""

    STANDARD = "standard"
    EXPRESS = "express"


class Price(BaseModel):
    """What a million executions cost on AWS, everything included, in US dollars, at the list prices of a region and a day.
    It is what the longest way through the workflow costs when nothing fails."""

    model_config = ConfigDict(frozen=True)

    standard: Decimal
    express: Decimal
    region: str
    date: str


class Engine(BaseModel):
    """What runs an active workflow, why, and what that costs; decided when it was activated."""

    model_config = ConfigDict(frozen=True)

    type: MachineType
    reason: str
    worst_case_seconds: int | None
    """How long an execution takes if all goes as badly as it can, before its time limit; None where nothing bounds it."""
    price: Price


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
    type: MachineType = MachineType.STANDARD
    account_id: str | None = None
    """Of a flow: whose it is. `workflow_id` is then the flow's id."""
    label: str | None = None
    """Of a flow: what the revision calls its version."""
    longest: int | None = None
    """Of a flow: seconds that a run may take; workflows all have the same limit."""


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
    engine: Engine | None = None
    """Of an active workflow; those that were activated before it was recorded have none."""


class Workflow(WorkflowHead):
    """A workflow with everything in it."""

    description: str | None = None
    graph: Graph = Graph()
    metadata: Mapping[str, Any] = {}


MOST_ROUTES = 90
"""Webhook routes and schedules that one change may touch: with a workflow's other items they must fit into a transaction."""


class WebhookRoute(BaseModel):
    """Who answers a webhook: one active workflow per method and path (Flowker spec, section i)."""

    model_config = ConfigDict(frozen=True)

    method: str
    path: str
    """Normalised: one leading slash, no trailing ones; `/` is the empty text."""
    token_digest: str | None
    """SHA-256 of the trigger's `verify_token`."""
    launch: Launch

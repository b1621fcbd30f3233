"""A flow: YAML text that an account owns, and the immutable revisions it went through (FlowRunner spec a.3, g)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant
from flowker.model.workflow import Launch

FLOW_PREFIX = "flow-"
"""What the ids of flows start with."""


class RevisionHead(BaseModel):
    """One version of a flow without its text. `number` counts from 1, `label` is what the YAML calls it (spec g)."""

    model_config = ConfigDict(frozen=True)

    number: int
    label: str
    created_at: Instant
    launch: Launch
    """What starting a run of this revision needs; `launch.revision` is the digest of its graph."""


class FlowRevision(RevisionHead):
    """A version with its text, byte for byte as it came. It is never changed."""

    definition: str


class FlowHead(BaseModel):
    """A flow without its text. `version` is the label of its newest revision, `changes` counts writes."""

    model_config = ConfigDict(frozen=True)

    id: str
    account_id: str
    name: str
    description: str = ""
    tags: Sequence[str] = ()
    version: str
    revision: int
    launch: Launch
    created_at: Instant
    updated_at: Instant
    changes: int = 1
    category: str | None = None
    status: str | None = None
    custom: Mapping[str, Any] = {}


class Flow(FlowHead):
    """A flow with the text of its newest revision, byte for byte as it came."""

    definition: str

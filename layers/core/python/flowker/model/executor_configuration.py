"""An executor configuration: a named base URL with endpoints and authentication (Flowker spec a.5, c.2)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant


class ExecutorConfigurationStatus(StrEnum):
    UNCONFIGURED = "unconfigured"
    CONFIGURED = "configured"
    TESTED = "tested"
    ACTIVE = "active"
    DISABLED = "disabled"


class ExecutorEndpoint(BaseModel):
    """One operation below the base URL. `method` is upper case, `timeout` in seconds."""

    model_config = ConfigDict(frozen=True)

    name: str
    path: str
    method: str
    timeout: int


class ExecutorConfiguration(BaseModel):
    """`authentication` is `{type, config?}` and holds credentials: it is encrypted at rest and masked in every answer.

    While it is unconfigured, there is nothing to call: the base URL is empty, and there are no endpoints.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    status: ExecutorConfigurationStatus
    created_at: Instant
    updated_at: Instant
    base_url: str = ""
    endpoints: tuple[ExecutorEndpoint, ...] = ()
    authentication: Mapping[str, Any] = {"type": "none"}
    description: str | None = None
    metadata: Mapping[str, Any] = {}
    last_tested_at: Instant | None = None
    version: int = 1

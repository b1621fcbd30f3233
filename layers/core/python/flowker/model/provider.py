"""A provider configuration: a named connection to an external service (Flowker spec a.6, c.3)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from flowker.model.instant import Instant


class ProviderConfigurationStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


class ProviderConfiguration(BaseModel):
    """`config` holds credentials: it is encrypted at rest and masked in every answer."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    provider_id: str
    config: Mapping[str, Any]
    status: ProviderConfigurationStatus
    created_at: Instant
    updated_at: Instant
    description: str | None = None
    metadata: Mapping[str, Any] = {}
    version: int = 1

"""What the data of an executor node says beside its mappings: its static configuration and its time limit."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flowker.nodes.base import Endpoint

NOT_STATIC = frozenset(
    {
        "executorId", "providerConfigId", "executorConfigId", "endpointName", "inputMapping", "outputMapping",
        "transforms", "method", "path", "timeout",
    }
)  # fmt: skip
"""Keys of an executor node's data that are not part of its static configuration (Flowker spec c.1)."""

DEFAULT_TIMEOUT = 30.0
LONGEST_TIMEOUT = 300
"""Seconds. No execution takes longer (Flowker spec d.7)."""


def static_config(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of the node's data for the executor itself."""
    return {key: value for key, value in data.items() if key not in NOT_STATIC}


def is_mapped(data: Mapping[str, Any]) -> bool:
    """Whether mappings or transforms make what is sent."""
    return bool(data.get("inputMapping") or data.get("transforms"))


def declared_timeout(data: Mapping[str, Any]) -> float:
    """Seconds that an executor node itself allows for a call, 0 where it leaves that to its provider."""
    own = _seconds(data.get("timeout"))
    return own or (_seconds(data.get("timeout_seconds")) if data.get("executorId") == "http" else 0.0)


def timeout(data: Mapping[str, Any], endpoint: Endpoint | None, config: Mapping[str, Any]) -> float:
    """Seconds: the node's own, else those of its executor configuration, else the provider's, else 30."""
    candidates = (
        declared_timeout(data),
        _seconds(endpoint.timeout if endpoint else 0),
        _seconds(config.get("timeout_seconds")),
        _seconds(config.get("timeout_ms"), 1000),
    )
    return next((seconds for seconds in candidates if seconds > 0), DEFAULT_TIMEOUT)


def _seconds(value: object, per_second: int = 1) -> float:
    """A positive number as seconds, 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or value <= 0:
        return 0.0
    return float(min(value, LONGEST_TIMEOUT * per_second)) / per_second

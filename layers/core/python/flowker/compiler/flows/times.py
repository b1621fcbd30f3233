"""How long a node of a flow may take, and when it is tried again (FlowRunner spec c.5)."""

from collections.abc import Mapping
from itertools import takewhile
from math import ceil
from typing import Any

from flowker.compiler.policy import FUNCTION_SECONDS, NODE_SECONDS, QUICK_SECONDS, RETRY, SLACK_SECONDS
from flowker.errors import NodeRetry
from flowker.model.durations import seconds
from flowker.model.graph import Node, NodeKind

_NEVER: Mapping[str, Any] = {"max_retries": 0, "wait": 0}


def limit(node: Node) -> float:
    """Seconds that one attempt may take: what the node says, or what all may."""
    return float(node.settings.get("timeout") or NODE_SECONDS)


def call_seconds(node: Node) -> float:
    """What one attempt may spend waiting for somebody outside; Flowker's own work counts with nothing."""
    return limit(node) if node.type is NodeKind.EXECUTOR else 0


def task_seconds(node: Node, longest: int, quick: int = 0) -> int:
    """After which the function is given up. Attempts between which it sleeps itself share one call of it, as do so many quick
    nodes."""
    seconds = _shared_seconds(node, slept(node)) + quick * QUICK_SECONDS + SLACK_SECONDS
    return min(seconds, FUNCTION_SECONDS, longest)


def room(node: Node) -> int:
    """How many quick nodes fit into one call of the function behind this one, if all takes as long as it may."""
    left = FUNCTION_SECONDS - SLACK_SECONDS - _shared_seconds(node, slept(node))
    return max(0, left // QUICK_SECONDS)


def slept(node: Node) -> int:
    """After how many attempts, from the first one on, the worker sleeps itself until the next: while the waits are shorter
    than a second. None if one call of the function might not be long enough for them: cut off, it would lose count. After
    all others the state machine waits."""
    short = takewhile(
        lambda number: wait_seconds(node, number) < 1, range((_retry(node) or _NEVER)["max_retries"])
    )
    waits = len(list(short))
    return waits if _shared_seconds(node, waits) + SLACK_SECONDS <= FUNCTION_SECONDS else 0


def wait_seconds(node: Node, number: int) -> float:
    """What the node wants between attempt `number`, counted from 0, and the next one."""
    retry = _retry(node) or _NEVER
    wait = float(retry["wait"])
    if retry.get("backoff") == "exponential" and wait:
        wait *= 2.0 ** min(number, 60)
    return min(wait, float(retry.get("max_wait") or wait))


def _shared_seconds(node: Node, waits: int) -> int:
    """What attempts take with so many waits between them, each counted like the longest one."""
    if not waits:
        return ceil(limit(node))
    return ceil((limit(node) + wait_seconds(node, waits - 1)) * (1 + waits))


def retriers(node: Node) -> list[dict[str, Any]]:
    """Of each task of the node. The state machine waits whole seconds, at least one; see `slept` for what is left to it."""
    retry = _retry(node)
    if not retry:
        return RETRY
    grows = retry.get("backoff") == "exponential" and retry["wait"] > 0
    most = ceil(retry.get("max_wait") or 0)
    interval = max(1, ceil(retry["wait"]))
    interval = min(interval, most) if most else interval
    own: dict[str, Any] = {
        "ErrorEquals": [NodeRetry.__name__],
        "IntervalSeconds": interval,
        "BackoffRate": 2.0 if grows else 1.0,
        "MaxAttempts": retry["max_retries"],
    }
    if grows and most > interval:
        own["MaxDelaySeconds"] = most
    elif grows and most:
        own["BackoffRate"] = 1.0
    return [own, *RETRY]


def listening_seconds(node: Node, longest: int) -> int:
    """How long to wait for somebody outside."""
    declared = _duration(_params(node).get("timeout"))
    return longest if declared is None else min(max(1, ceil(declared)), longest)


def pause_seconds(node: Node) -> float | None:
    """How long a node waits that only waits, if it says so itself."""
    params = _params(node)
    if params.get("type", "duration") != "duration":
        return None
    return _duration(params.get("duration"))


def _params(node: Node) -> Mapping[str, Any]:
    return node.settings.get("params") or {}


def _retry(node: Node) -> Mapping[str, Any] | None:
    retry = node.settings.get("retry")
    return retry if retry and retry["max_retries"] else None


def _duration(value: Any) -> float | None:
    """Seconds, None for what only a run can tell."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return seconds(value) if isinstance(value, str) else None
    except ValueError:
        return None

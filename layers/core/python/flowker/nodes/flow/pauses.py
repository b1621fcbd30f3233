"""Waiting until a moment: short times in the worker, long ones in the state machine (FlowRunner spec d.5)."""

from datetime import datetime, timedelta

from flowker.nodes.flow.base import Circumstances, Pause

SHORT = 2.0
"""Seconds. State machines wait whole seconds; below this the worker sleeps, which is exact."""


def started(around: Circumstances, seconds: float) -> datetime:
    """When the wait that begins now, or began in an earlier phase, ends."""
    if around.state is None:
        return around.now + timedelta(seconds=seconds)
    return datetime.fromisoformat(around.state["until"])


def pause(around: Circumstances, until: datetime) -> Pause | None:
    """None when the moment has come; otherwise what to answer. Sleeps what remains if it is short."""
    left = (until - around.now).total_seconds()
    if left >= SHORT:
        return Pause(float(int(left)), {"until": until.isoformat()})
    if left > 0:
        around.sleep(left)
    return None

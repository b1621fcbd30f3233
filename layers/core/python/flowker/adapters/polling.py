"""Waiting for an execution's end where nothing can call back: bounded polling with growing pauses."""

import time
from dataclasses import dataclass

from flowker.ports import ExecutionStore

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class PollingCompletions:
    """At most one read per pause: 0.05 s at first, half as long again each time, up to 0.5 s."""

    executions: ExecutionStore

    def wait(self, execution_id: str, seconds: float) -> None:
        """Return as soon as the execution is seen to be terminal, or when the time is up."""
        deadline = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            if self.executions.get(execution_id).status.terminal:
                return
            pause = min(pause * 1.5, LONGEST_PAUSE)

"""The end of a call: one point in time for everything that is done on its behalf."""

from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is on the monotonic clock, `seconds` after the call began."""

    at: float
    seconds: float

    @staticmethod
    def after(seconds: float) -> "Deadline":
        return Deadline(monotonic() + seconds, seconds)

    @property
    def left(self) -> float:
        """Seconds, 0 when it has passed."""
        return max(0.0, self.at - monotonic())

    @property
    def passed(self) -> bool:
        return monotonic() > self.at

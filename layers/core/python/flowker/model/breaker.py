"""The circuit breaker of one provider configuration, as pure state transitions (Flowker spec d.8).

Closed until 5 consecutive transient failures, then open for 30 s, then half-open: one trial call, by lease, decides.
"""

from pydantic import BaseModel, ConfigDict

THRESHOLD = 5
OPEN_MS = 30_000


class Breaker(BaseModel):
    """`failures` in a row; `open_until` and `leased_until` in epoch milliseconds, 0 = not set; `version` counts changes."""

    model_config = ConfigDict(frozen=True)

    failures: int = 0
    open_until: int = 0
    leased_until: int = 0
    version: int = 0

    def _changed(self, **values: int) -> "Breaker":
        return self.model_copy(update={**values, "version": self.version + 1})

    @property
    def closed(self) -> bool:
        return self.open_until == 0

    def rejects(self, now_ms: int) -> bool:
        """True while no call may be made: open, or half-open with the trial taken."""
        return not self.closed and (now_ms < self.open_until or now_ms < self.leased_until)

    def leased(self, now_ms: int, lease_ms: int) -> "Breaker":
        """Half-open: this caller takes the one trial for at most `lease_ms`."""
        return self._changed(leased_until=now_ms + lease_ms)

    def after_failure(self, now_ms: int) -> "Breaker":
        """One more transient failure; a failed trial opens again at once."""
        failures = self.failures + 1
        if failures >= THRESHOLD or not self.closed:
            return self._changed(failures=failures, open_until=now_ms + OPEN_MS, leased_until=0)
        return self._changed(failures=failures)

    def after_success(self) -> "Breaker":
        """Any answer that is not a transient failure closes it."""
        return self._changed(failures=0, open_until=0, leased_until=0)

"""The circuit breaker around provider calls, shared through the store by all executions (Flowker spec d.8)."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowker.errors import CIRCUIT_OPEN
from flowker.model.breaker import Breaker
from flowker.model.instant import epoch_ms
from flowker.model.telemetry import Metric, measure
from flowker.nodes.base import CallFailure, Failure
from flowker.ports import Clock, NodeInputs, NodeRunStore

logger = logging.getLogger(__name__)

LEASE_MS = 60_000
"""How long the trial of a half-open breaker may take before another one is allowed."""
RACES = 5
"""How often a lost race to count a failure is run again; beyond that, others have counted enough."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Reads cost nothing (the breaker comes with the node's inputs), and success writes nothing while it is closed."""

    store: NodeRunStore
    clock: Clock

    @contextmanager
    def guarding(self, inputs: NodeInputs) -> Iterator[None]:
        """Let the call inside happen if the breaker allows it, and count how it went: only transient failures count, and
        any other answer closes it. Raises `CallFailure` FLK-0507."""
        if inputs.provider is None:
            yield
            return
        provider = inputs.provider.id
        breaker = self._admit(provider, inputs.breaker)
        try:
            yield
        except Failure as failure:
            if failure.transient:
                self._count(provider, breaker)
            elif failure.status_code is not None:
                self._close(provider, breaker)
            else:
                self._hand_back(provider, breaker)
            raise
        self._close(provider, breaker)

    def _admit(self, provider: str, breaker: Breaker) -> Breaker:
        now = epoch_ms(self.clock.now())
        if breaker.closed:
            return breaker
        trial = breaker.leased(now, LEASE_MS)
        if breaker.rejects(now) or not self.store.save_breaker(provider, trial):
            raise CallFailure(CIRCUIT_OPEN, code=CIRCUIT_OPEN)
        return trial

    def _count(self, provider: str, breaker: Breaker) -> None:
        for _ in range(RACES):
            after = breaker.after_failure(epoch_ms(self.clock.now()))
            if self.store.save_breaker(provider, after):
                if breaker.closed and not after.closed:
                    _tell(Metric.CIRCUITS_OPENED, "circuit breaker opened", provider)
                return
            breaker = self.store.breaker(provider)

    def _close(self, provider: str, breaker: Breaker) -> None:
        if not breaker.failures and breaker.closed:
            return
        if self.store.save_breaker(provider, breaker.after_success()) and not breaker.closed:
            _tell(Metric.CIRCUITS_CLOSED, "circuit breaker closed", provider)

    def _hand_back(self, provider: str, breaker: Breaker) -> None:
        """A trial that never reached the provider proves nothing: the next caller may try."""
        if not breaker.closed:
            self.store.save_breaker(provider, breaker.leased(epoch_ms(self.clock.now()), 0))


def _tell(metric: Metric, what: str, provider: str) -> None:
    measure(metric)
    logger.warning(what, extra={"provider_configuration_id": provider})

"""How often somebody may fail to give a password (FlowRunner spec b)."""

from dataclasses import dataclass

from flowker.errors import LoginThrottled
from flowker.ports import Clock
from flowker.ports.accounts import Attempts

WINDOW = 60
"""Seconds."""
PER_EMAIL, PER_SOURCE = 5, 20
"""Failures in a window, for one e-mail address and from one network address."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """Failures are counted, whether there is an account with this e-mail address or not."""

    attempts: Attempts
    clock: Clock

    def check(self, email: str, source: str) -> None:
        """Raises `LoginThrottled`. Ask before a password is looked at and once more after it was right: then guessing many
        at a time is of no use."""
        failures = self.attempts.seen(_what(email, source), self._window())
        if any(count >= most for count, most in zip(failures, (PER_EMAIL, PER_SOURCE), strict=True)):
            refusal = LoginThrottled("too many failed logins; try again later")
            refusal.retry_after = (self._window() + 1) * WINDOW - self._now()
            raise refusal

    def failed(self, email: str, source: str) -> None:
        window = self._window()
        self.attempts.note(_what(email, source), window, (window + 2) * WINDOW)

    def _window(self) -> int:
        return self._now() // WINDOW

    def _now(self) -> int:
        return int(self.clock.now().timestamp())


def _what(email: str, source: str) -> tuple[str, str]:
    return f"login as {email.casefold()}", f"login from {source}"

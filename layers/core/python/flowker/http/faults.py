"""Failures on request, so that clients can be tested; only where the settings allow it (Flowker spec a.1)."""

import time
from collections.abc import Mapping

from flowker.errors import InjectedTimeout, InjectedUnavailability
from flowker.settings import Settings

HEADER = "x-test-fault-injection"
TIMEOUT_SECONDS = 0.1


def inject(headers: Mapping[str, str], settings: Settings) -> None:
    """Raises what the request asks for: `InjectedTimeout`, `InjectedUnavailability`."""
    if not settings.fault_injection:
        return
    match headers.get(HEADER, "").strip().lower():
        case "timeout":
            time.sleep(TIMEOUT_SECONDS)
            raise InjectedTimeout("a timeout was asked for")
        case "unavailable":
            raise InjectedUnavailability("unavailability was asked for")

"""Readiness when dependencies fail or hang."""

import threading
import time
from collections.abc import Callable

import pytest

from flowker.errors import StoreUnavailable
from flowker.usecases.health import Health
from tests.fakes import ManualClock


def _up() -> None:
    """Answers at once."""


def _raising(error: Exception) -> Callable[[], None]:
    def probe() -> None:
        raise error

    return probe


@pytest.mark.parametrize(
    "error", [StoreUnavailable("throttled"), OSError("refused"), RuntimeError("a surprise")]
)
def test_whatever_a_probe_raises_its_dependency_is_down(error: Exception) -> None:
    health = Health({"store": _up, "engine": _raising(error)}, ManualClock(), "local")
    ready, body = health.ready()
    assert (ready, body["status"]) == (False, "unhealthy")
    assert body["checks"]["store"]["status"] == "up"
    assert body["checks"]["engine"] == {"status": "down", "error": type(error).__name__}
    assert "surprise" not in str(body)
    healthy, body = health.health()
    assert not healthy
    assert body["checks"] == {"database": {"status": "down", "message": "engine not reachable"}}
    assert health.live()["status"] == "healthy"


def test_a_probe_that_hangs_is_down_and_does_not_hold_up_the_answer() -> None:
    released = threading.Event()
    health = Health({"store": _up, "engine": lambda: _wait(released)}, ManualClock(), "local", seconds=0.05)
    began = time.monotonic()
    try:
        ready, body = health.ready()
        assert time.monotonic() - began < 2
    finally:
        released.set()
    assert not ready
    assert body["checks"]["store"]["status"] == "up"
    assert body["checks"]["engine"] == {"status": "down", "error": "no answer within 0.05 s"}


def _wait(event: threading.Event) -> None:
    event.wait(10)

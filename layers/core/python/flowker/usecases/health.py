"""Is the service alive, and are its dependencies? (Flowker spec a.9)"""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from flowker.model.instant import instant
from flowker.ports import Clock
from flowker.settings import product_version
from flowker.settings.variables import DeploymentMode

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Health:
    probes: Mapping[str, Callable[[], None]]
    clock: Clock
    deployment_mode: DeploymentMode
    seconds: float = 2.0
    """For all checks, which run side by side."""
    started: float = field(default_factory=time.monotonic)

    def live(self) -> dict[str, Any]:
        """The process answers: nothing else is asked."""
        return self._shape("healthy", {})

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Liveness with one summary check of what is stored."""
        checks = self._checks()
        healthy = all(check["status"] == "up" for check in checks.values())
        down = [name for name, check in checks.items() if check["status"] != "up"]
        message = "reachable" if healthy else f"{', '.join(down)} not reachable"
        database = {"status": "up" if healthy else "down", "message": message}
        return healthy, self._shape("healthy" if healthy else "unhealthy", {"database": database})

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Every dependency by name, with its latency."""
        checks = self._checks()
        healthy = all(check["status"] == "up" for check in checks.values())
        body = {
            "status": "healthy" if healthy else "unhealthy",
            "checks": checks,
            "version": product_version(),
            "deployment_mode": self.deployment_mode,
        }
        return healthy, body

    def version(self) -> dict[str, str]:
        return {"version": product_version(), "requestDate": instant(self.clock.now())}

    def _shape(self, status: str, checks: dict[str, Any]) -> dict[str, Any]:
        return {
            "status": status,
            "version": product_version(),
            "uptime": f"{time.monotonic() - self.started:.0f}s",
            "timestamp": instant(self.clock.now()),
            "checks": checks,
        }

    def _checks(self) -> dict[str, dict[str, Any]]:
        pool = ThreadPoolExecutor(max_workers=max(len(self.probes), 1))
        running = {name: pool.submit(_timed, probe) for name, probe in self.probes.items()}
        wait(running.values(), timeout=self.seconds)
        pool.shutdown(wait=False)  # a probe that hangs must not make the answer hang
        return {name: self._outcome(name, future) for name, future in running.items()}

    def _outcome(self, name: str, probe: "Future[int]") -> dict[str, Any]:
        if not probe.done():
            return {"status": "down", "error": f"no answer within {self.seconds:g} s"}
        error = probe.exception()
        if error is not None:
            logger.warning("readiness check %s failed", name, exc_info=error)
            return {"status": "down", "error": type(error).__name__}
        return {"status": "up", "latency_ms": probe.result()}


def _timed(probe: Callable[[], None]) -> int:
    started = time.monotonic()
    probe()
    return round((time.monotonic() - started) * 1000)

"""Is the service alive, and are its dependencies? (Flowker spec a.9)"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any

from flowker.errors import FlowkerError
from flowker.model.instant import instant
from flowker.ports import Clock
from flowker.settings import DeploymentMode, product_version

SECONDS = 2.0
"""Per check; they run side by side."""


@dataclass(frozen=True)
class Health:
    probes: Mapping[str, Callable[[], None]]
    clock: Clock
    deployment_mode: DeploymentMode
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
        with ThreadPoolExecutor(max_workers=max(len(self.probes), 1)) as pool:
            running = {name: pool.submit(_timed, probe) for name, probe in self.probes.items()}
            return {name: _outcome(future) for name, future in running.items()}


def _timed(probe: Callable[[], None]) -> int:
    started = time.monotonic()
    probe()
    return round((time.monotonic() - started) * 1000)


def _outcome(future: Any) -> dict[str, Any]:
    try:
        return {"status": "up", "latency_ms": future.result(timeout=SECONDS)}
    except FutureTimeout:
        return {"status": "down", "error": f"no answer within {SECONDS:.0f} s"}
    except (FlowkerError, OSError) as error:
        return {"status": "down", "error": type(error).__name__}

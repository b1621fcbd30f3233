"""Flows on one machine: ten `transform` nodes from `run` to terminal, beside the same ten scripts without anything around them.

Prints p50 and p95 of what a caller waits for who asks to wait, and of the run's own duration, over several rounds. Run it
with `python -m benchmarks.flows`.
"""

import statistics
import tempfile
import time
from pathlib import Path

from flowker.expressions.scripts import Evaluation, quickjs_engine
from tests.accounts import Tenant, admin
from tests.servers import Server, expect

NODES = 10
RUNS = 200
ROUNDS = 3
SCRIPT = "return { n: (input.n || 0) + 1 };"


def main() -> None:
    """Measure and print."""
    bare = _bare()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder) / "data") as server:
        tenant = admin(server.url)
        flow = expect(tenant.api.post("/api/v1/flows", {"name": "ten", "definition": _definition()}), 201)
        for _ in range(20):
            _run(tenant, flow["id"])
        for number in range(ROUNDS):
            waited, lasted = zip(*(_run(tenant, flow["id"]) for _ in range(RUNS)), strict=True)
            print(
                f"round {number + 1}: run to terminal p50 {statistics.median(waited):.1f} ms, p95 {_p95(waited):.1f} ms; "
                f"the run itself p50 {statistics.median(lasted):.0f} ms "
                f"({statistics.median(waited) / bare:.1f} x the bare scripts' {bare:.1f} ms)"
            )
        tenant.api.close()


def _definition() -> str:
    lines = ["metadata: { name: ten }", "nodes:"]
    for number in range(NODES):
        following = f", next: {{ default: n{number + 1} }}" if number < NODES - 1 else ""
        lines.append(f'  n{number}: {{ type: transform, params: {{ script: "{SCRIPT}" }}{following} }}')
    return "\n".join(lines)


def _run(tenant: Tenant, flow_id: str) -> tuple[float, int]:
    """Milliseconds until the caller knows that it ended, and those between the run's own times."""
    started = time.perf_counter()
    answer = tenant.api.post(
        f"/api/v1/flows/{flow_id}/run", {"input": {"n": 0}}, headers={"Prefer": "wait=20"}
    )
    waited = (time.perf_counter() - started) * 1000
    run = expect(tenant.api.get(f"/api/v1/executions/{expect(answer, 201)['execution_id']}"), 200)
    if run["result"] != {"n": NODES}:
        raise RuntimeError(str(run))
    return waited, int(run["duration"])


def _bare() -> float:
    """Median milliseconds of the ten scripts, one after the other in this process."""
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        value = {"n": 0}
        for _ in range(NODES):
            value = Evaluation(quickjs_engine.evaluate, {"input": value, "shared": {}}).run(SCRIPT, "body")
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _p95(times: tuple[float, ...]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


if __name__ == "__main__":
    main()

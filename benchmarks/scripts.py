"""What scripts cost a node: without the engine, with the engine in this process, and through the pool of one machine.

Prints p50 and p95 of one evaluation, and how many of the cheapest it is worth. Between two evaluations there is a pause as long
as the rest of a node takes, as in a run; `busy` has none. Run it with `python -m benchmarks.scripts`.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from flowker.expressions.scripts import Engine, Evaluation
from flowker.expressions.scripts.quickjs_engine import evaluate
from flowker_local.script_workers import FUNCTION, ScriptWorkers, serve_scripts
from flowker_local.workers import Zygote

TIMES = 300
PAUSE = 0.002
THREADS = 8
SCOPE: Mapping[str, Any] = {
    "input": {"id": 7, "lines": [{"qty": 2, "price": 10}, {"qty": 1, "price": 5}]},
    "shared": {},
    "secrets": {"TOKEN": "s3cret"},
}
PARAMS = {
    "url": "https://orders.example.net/${input.id}",
    "headers": {"Authorization": "Bearer ${secrets.TOKEN}"},
}
COMPUTED = {
    **PARAMS,
    "body": {"total": "${input.lines.reduce((sum, line) => sum + line.qty * line.price, 0)}"},
}
SCRIPT = """
const total = input.lines.reduce((sum, line) => sum + line.qty * line.price, 0);
console.log(`order ${input.id} amounts to ${total}`);
return { id: input.id, total };
"""


def main() -> None:
    """Measure and print."""
    zygote = Zygote(serve_scripts, [FUNCTION])
    workers = ScriptWorkers(zygote.spawn)
    try:
        _print(workers.evaluate)
    finally:
        workers.close()
        zygote.close()


def _print(pool: Engine) -> None:
    cheapest = _row("params, member paths only", partial(_params, evaluate, PARAMS), 0, None)
    for name, engine in (("in this process", evaluate), ("through the pool", pool)):
        for pause, manner in ((PAUSE, ""), (0, ", busy")):
            _row(
                f"params, one expression, {name}{manner}", partial(_params, engine, COMPUTED), pause, cheapest
            )
            _row(f"transform, {name}{manner}", partial(_transform, engine), pause, cheapest)
    for name, engine in (("in this process", evaluate), ("through the pool", pool)):
        print(f"transforms per second, {THREADS} threads, {name}: {_throughput(engine):.0f}")


def _params(engine: Engine, params: Mapping[str, Any]) -> None:
    Evaluation(engine, SCOPE).params(params)


def _transform(engine: Engine) -> None:
    Evaluation(engine, SCOPE).run(SCRIPT, "body")


def _row(name: str, work: Callable[[], None], pause: float, cheapest: float | None) -> float:
    times = sorted(_timed(work, pause) for _ in range(TIMES))
    p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
    worth = "" if cheapest is None else f", {p50 / cheapest:.0f} times the cheapest"
    print(f"{name}: p50 {p50 * 1000:.3f} ms, p95 {p95 * 1000:.3f} ms{worth}")
    return p50


def _timed(work: Callable[[], None], pause: float) -> float:
    time.sleep(pause)
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _throughput(engine: Engine) -> float:
    with ThreadPoolExecutor(THREADS) as threads:
        started = time.perf_counter()
        list(threads.map(lambda _: _transform(engine), range(4 * TIMES)))
        return 4 * TIMES / (time.perf_counter() - started)


if __name__ == "__main__":
    main()

"""One machine: from POST to terminal state, beside a bare loop over the same worker without engine, store or HTTP.

Prints p50 and p95 of sequential payment validations, executions per second with 16 clients, memory when idle, and the time
from start to the first finished execution. Run it with `python -m benchmarks.local`.
"""

import socket
import statistics
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from flowker import wiring
from flowker.adapters.aws import outbound_http
from flowker.compiler.compile import compile_graph
from flowker.events import run_node
from flowker.model.graph import Graph
from flowker.settings import Settings
from tests.harness import CONFIGURATION, Bench, accept
from tests.provider import Provider, running_provider
from tests.samples import activate, create_configuration, payment_validation, unique
from tests.servers import KEY, Api, Server

SEQUENTIAL = 300
CLIENTS = 16
PER_CLIENT = 100
ROUNDS = 3


def main() -> None:
    """Measure and print."""
    with ExitStack() as stack:
        provider = stack.enter_context(running_provider())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = Server(folder / "data")
        started = time.perf_counter()
        stack.enter_context(server)
        api = Api(server.url)
        stack.callback(api.close)
        path = unique("payments")
        document = payment_validation(create_configuration(api, provider.url), path)
        activate(api, document)
        with closing(_Client(server, path)) as client:
            client.validate()
        print(f"start to first finished execution: {time.perf_counter() - started:.2f} s")
        time.sleep(1)
        print(f"idle memory, all processes, proportional share: {_memory(server.pid) / 2**20:.0f} MiB")
        bare = _bare_loop(document, provider)
        for number in range(ROUNDS):
            _round(number, server, path, bare)


def _round(number: int, server: Server, path: str, bare: float) -> None:
    with closing(_Client(server, path)) as client:
        times = sorted(client.timed() for _ in range(SEQUENTIAL))
    p50, p95 = times[len(times) // 2], times[int(len(times) * 0.95)]
    rate = _throughput(server, path)
    print(
        f"round {number + 1}: POST to terminal p50 {p50:.1f} ms, p95 {p95:.1f} ms "
        f"({p50 / bare:.1f} x the bare loop's {bare:.1f} ms); {rate:.0f} executions/s with {CLIENTS} clients"
    )


class _Client:
    """A client that costs little itself: it shares this machine's cores with what is measured."""

    def __init__(self, server: Server, path: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path = f"/v1/webhooks/{path}"

    def validate(self) -> None:
        """One payment, from POST to the answer that it is completed."""
        headers = {"X-API-Key": KEY, "Content-Type": "application/json", "Prefer": "wait=20"}
        self._connection.request("POST", self._path, b'{"amount": 1500}', headers)
        answer = self._connection.getresponse().read()
        if b'"status":"completed"' not in answer:
            raise RuntimeError(answer.decode())

    def timed(self) -> float:
        """Milliseconds of one payment."""
        started = time.perf_counter()
        self.validate()
        return (time.perf_counter() - started) * 1000

    def close(self) -> None:
        self._connection.close()


def _throughput(server: Server, path: str) -> float:
    """Executions per second, each waited for by its client."""

    def work(_: int) -> None:
        with closing(_Client(server, path)) as client:
            for _ in range(PER_CLIENT):
                client.validate()

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    return CLIENTS * PER_CLIENT / (time.perf_counter() - started)


def _bare_loop(document: dict[str, object], provider: Provider) -> float:
    """Median milliseconds of the same worker task over a dictionary, with the same real provider call."""
    Bench()
    http = outbound_http(Settings(allow_private_destinations=True))
    wiring.use(replace(wiring.home(), http=lambda: http))
    store = wiring.provider_configuration_store()
    configuration = store.get(CONFIGURATION)
    store.replace(configuration, configuration.model_copy(update={"config": {"base_url": provider.url}}))
    graph = Graph.model_validate(document)
    node = graph.nodes[1].model_copy(
        update={"data": {**graph.nodes[1].settings, "providerConfigId": CONFIGURATION}}
    )
    graph = graph.model_copy(update={"nodes": (graph.nodes[0], node, *graph.nodes[2:])})
    parameters = compile_graph(graph, "received").definition["States"]["check-fraud"]["Parameters"]
    told = {name: value for name, value in parameters.items() if not name.endswith(".$")}
    times = []
    for _ in range(SEQUENTIAL):
        execution = accept(graph, "received", {"amount": 1500}, "none")
        task = {"executionId": execution.id, "revision": execution.launch.revision, "entry": "received"}
        started = time.perf_counter()
        run_node.handle({**task, **told}, None)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _memory(pid: int) -> int:
    """Bytes of the process and its descendants, shared pages divided among their sharers."""
    children = subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return own + sum(_memory(int(child)) for child in children)


if __name__ == "__main__":
    main()

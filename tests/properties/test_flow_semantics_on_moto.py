"""A sample of the random flows on Step Functions as moto emulates it, with the very definitions we deploy.

Slow, because the emulator starts a thread per branch and makes a client per task: about half a second per run.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from flowker.adapters.stepfunctions import StepFunctions
from flowker.compiler.flows.compile import compile_flow
from flowker.compiler.policy import RECORD_EXECUTION, RUN_NODE
from flowker.errors import NodeError
from flowker.model import exact_json
from flowker.model.graph import Graph
from flowker.model.workflow import MachineType
from tests.flow_reference import Script, interpret
from tests.flow_strategies import flow, flows
from tests.flow_worker import SHAPES, ScriptedWorker

SECONDS = 60.0
ROLE = "arn:aws:iam::123456789012:role/flowker-state-machines"
REGION = "eu-central-1"
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:"
QUICK = ("transform", "http", "batch", "child", "slow_batch")
"""Kinds of nodes for which nobody waits longer than a second."""


class _LambdaService(BaseHTTPRequestHandler):
    """Invokes the worker of the test that is running."""

    worker: Callable[[Any], Any]

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        failed = False
        try:
            assert "run_node" in self.path, "an error that nobody expected"
            answer = type(self).worker(payload)
        except (NodeError, AssertionError) as error:
            failed, answer = True, {"errorType": type(error).__name__, "errorMessage": str(error)}
        content = json.dumps(answer).encode()
        self.send_response(200)
        if failed:
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Nobody reads it."""


@contextmanager
def _lambda() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _LambdaService)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """What the clients that moto makes itself read."""
    before = os.environ.get(name)
    os.environ[name] = value
    yield
    del os.environ[name]
    if before is not None:
        os.environ[name] = before


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Step Functions, whose tasks call the worker."""
    mocked = mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
    with _lambda() as endpoint, mocked, _environment("AWS_ENDPOINT_URL_LAMBDA", endpoint):
        yield boto3.client("stepfunctions", region_name=REGION)


def perform(client: Any, graph: Graph, script: Script, name: str) -> tuple[ScriptedWorker, str]:
    """Publish, start, and wait for the end."""
    machines = StepFunctions(
        client, ROLE, {RUN_NODE: f"{FUNCTION}run_node", RECORD_EXECUTION: f"{FUNCTION}record"}
    )
    worker = ScriptedWorker(graph, script, machines.answer)
    _LambdaService.worker = worker
    machine = machines.publish(compile_flow(graph, 600, SHAPES).definition, MachineType.STANDARD)
    data = {"executionId": name, "revision": "r", "at": {"step": "0"}}
    arn = client.start_execution(stateMachineArn=machine, name=name, input=exact_json.dumps(data))[
        "executionArn"
    ]
    deadline = time.monotonic() + SECONDS
    while (found := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return worker, f"{found['status']} {found.get('error', '')}".strip()


def told(graph: Graph, script: Script) -> tuple[dict[str, tuple[str, str]], str]:
    story = interpret(graph, script)
    return story.steps, "FAILED ExecutionFailed" if story.failed else "SUCCEEDED"


@pytest.mark.timeout(300)
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(graph=flows(most=8, kinds=QUICK, retries=False), seed=st.integers(0, 1000))
def test_compiled_flows_do_the_same_on_emulated_aws(client: Any, graph: Graph, seed: int) -> None:
    script = Script(seed)
    worker, end = perform(client, graph, script, f"run-{time.monotonic_ns()}")
    assert (worker.steps, end) == told(graph, script)


WAITING = flow(
    {
        "ask": {
            "type": "wait",
            "params": {"key": "go", "timeout": "1s"},
            "next": {"default": "fan", "timeout": "fan"},
        },
        "fan": {"type": "split", "next": {"a": "again", "b": "pause", "default": "end"}},
        "again": {"type": "http.request", "retry": {"max_retries": 1, "wait": 1}, "next": {"error": "end"}},
        "pause": {"type": "delay", "params": {"duration": "1s"}, "next": {"default": "end"}},
        "end": {"type": "wait", "params": {"key": "stop", "timeout": "1s"}},
    }
)


@pytest.mark.parametrize("seed", range(4))
def test_signals_timeouts_waits_and_retries_do_the_same_on_emulated_aws(client: Any, seed: int) -> None:
    script = Script(seed)
    worker, end = perform(client, WAITING, script, f"waiting-{seed}")
    assert (worker.steps, end) == told(WAITING, script)

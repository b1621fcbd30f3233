"""Whatever ends the process, accepted executions finish after the next start, and nothing happens twice (Flowker spec d.11).

A call may be repeated if the process died between the answer and its record; then it carries the same idempotency key.
"""

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.provider import Call, Provider, running_provider
from tests.samples import (
    activate,
    create_configuration,
    edge,
    execute,
    executor,
    payment_validation,
    set_output,
    trigger,
    unique,
    workflow,
)
from tests.servers import Api, Server, expect

STEPS = ["check", "left", "right", "join", "end"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@dataclass
class World:
    """A server whose workflow calls a provider three times, twice side by side, and that can die and come back."""

    server: Server
    provider: Provider
    tag: str
    workflow_id: str = ""

    def api(self) -> Any:
        return closing(Api(self.server.url))

    def define(self, seconds: float) -> None:
        """Activate the workflow; each of its calls takes so long."""
        with self.api() as api:
            configuration = create_configuration(api, self.provider.url)

            def call(name: str) -> dict[str, Any]:
                return executor(name, configuration, path=f"/slow/{seconds}/{self.tag}/{name}")

            nodes = [
                trigger(),
                call("check"),
                call("left"),
                call("right"),
                {"id": "join", "type": "action"},
                set_output("end", done=True),
            ]
            edges = [
                edge("start", "check"),
                edge("check", "left"),
                edge("check", "right"),
                edge("left", "join"),
                edge("right", "join"),
                edge("join", "end"),
            ]
            self.workflow_id = activate(api, workflow(nodes, edges))

    def begin(self, count: int = 1) -> list[str]:
        """Start executions at the same time; their ids."""
        with self.api() as api, ThreadPoolExecutor(count) as clients:
            started = [clients.submit(execute, api, self.workflow_id, {"n": n}) for n in range(count)]
            return [each.result() for each in started]

    def crash(self) -> None:
        self.server.kill()
        self.server.start()

    def calls(self) -> dict[str, list[Call]]:
        """Calls by idempotency key; what arrived under one key is the same request."""
        found = defaultdict(list)
        for call in self.provider.calls:
            if f"/{self.tag}/" in call.path:
                found[call.headers["idempotency-key"]].append(call)
        for calls in found.values():
            assert len({(call.path, call.raw) for call in calls}) == 1
        return found

    def verify(self, execution_ids: list[str]) -> None:
        """Each execution completed, each of its steps is there once, and each call had one key."""
        with self.api() as api:
            for execution_id in execution_ids:
                results = api.results(execution_id)
                assert results["status"] == "completed", results
                assert [step["nodeId"] for step in results["stepResults"]] == STEPS
                assert [step["stepNumber"] for step in results["stepResults"]] == [1, 2, 3, 4, 5]
                status = expect(api.get(f"/v1/executions/{execution_id}"), 200)
                assert (status["currentStepNumber"], status["totalSteps"]) == (5, 5)
                assert results["finalOutput"] == {"done": True}


@pytest.fixture
def world(tmp_path: Path, provider: Provider) -> Iterator[World]:
    with Server(tmp_path / "data") as server:
        yield World(server, provider, unique())


def test_killed_at_any_moment_an_execution_finishes_after_the_restart(world: World) -> None:
    world.define(seconds=0.05)
    begun: list[str] = []
    for milliseconds in (0, 5, 10, 20, 50, 80, 110, 140, 170):
        begun += world.begin()
        time.sleep(milliseconds / 1000)
        world.crash()
    world.verify(begun)
    assert len(world.calls()) == 3 * len(begun)


def test_twenty_executions_in_flight_survive_a_crash(world: World) -> None:
    world.define(seconds=0.3)
    begun = world.begin(20)
    time.sleep(random.uniform(0.0, 0.6))
    world.crash()
    world.verify(begun)
    assert len(world.calls()) == 60


def test_two_crashes_in_a_row_are_survived_too(world: World) -> None:
    world.define(seconds=0.2)
    begun = world.begin(3)
    time.sleep(0.1)
    world.crash()
    world.crash()
    world.verify(begun)
    assert len(world.calls()) == 9


def test_retries_go_on_counting_after_a_crash(world: World) -> None:
    path = f"/flaky/2/503/{world.tag}/flaky"
    with world.api() as api:
        configuration = create_configuration(api, world.provider.url)
        nodes = [trigger(), executor("call", configuration, path=path)]
        execution_id = execute(api, activate(api, workflow(nodes, [edge("start", "call")])), {})
        while not world.provider.to(path):
            time.sleep(0.01)
    time.sleep(0.3)  # now it waits for its second attempt
    world.crash()
    with world.api() as api:
        (step,) = api.results(execution_id)["stepResults"]
    assert (step["status"], step["attempts"]) == ("completed", 3)
    assert len(world.provider.to(path)) == 3


def test_definitions_and_finished_executions_survive_a_crash(world: World) -> None:
    with world.api() as api:
        configuration = create_configuration(api, world.provider.url, headers={"X-Secret-Token": "hunter2"})
        hook = unique("hook")
        workflow_id = activate(api, payment_validation(configuration, hook))
        delivered = expect(api.post(f"/v1/webhooks/{hook}", {"amount": 1500}), 201)["executionId"]
        seen = [
            f"/v1/workflows/{workflow_id}",
            f"/v1/provider-configurations/{configuration}",
            f"/v1/executions/{delivered}",
            f"/v1/executions/{delivered}/results",
            "/v1/executions",
            "/v1/workflows",
        ]
        api.results(delivered)
        before = [expect(api.get(path), 200) for path in seen]
    world.crash()
    with world.api() as api:
        assert [expect(api.get(path), 200) for path in seen] == before
        again = expect(api.post(f"/v1/webhooks/{hook}", {"amount": 9900}), 201)["executionId"]
        assert api.results(again)["finalOutput"] == {"decision": "rejected"}
    assert world.provider.calls[-1].headers["x-secret-token"] == "hunter2"


def test_a_key_used_before_the_crash_starts_nothing_after_it(world: World) -> None:
    world.define(seconds=0.05)
    key = unique("key")
    with world.api() as api:
        first = execute(api, world.workflow_id, {"n": 1}, key)
    world.crash()
    with world.api() as api:
        path = f"/v1/workflows/{world.workflow_id}/executions"
        answer = api.post(path, {"inputData": {"n": 1}}, headers={"Idempotency-Key": key})
        assert expect(answer, 200)["executionId"] == first
    world.verify([first])
    assert len(world.calls()) == 3


def test_no_process_outlives_a_killed_server(world: World) -> None:
    group = world.server.pid  # it leads a group of its own
    world.define(seconds=0.05)
    world.server.kill()
    deadline = time.monotonic() + 5
    while _exists(group):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    world.server.start()


def _exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_calls_under_way_finish_and_the_next_start_does_the_rest(
    world: World, name: signal.Signals
) -> None:
    world.define(seconds=1)
    begun = world.begin(2)
    while len(world.calls()) < 2:
        time.sleep(0.01)
    before = time.monotonic()
    assert world.server.stop(name) == 0
    assert time.monotonic() - before < 5
    assert len(world.calls()) == 2  # no further call was made
    world.server.start()
    world.verify(begun)
    assert [len(calls) for calls in world.calls().values()] == [1] * 6


def test_an_idle_server_stops_at_once(world: World) -> None:
    before = time.monotonic()
    assert world.server.stop() == 0
    assert time.monotonic() - before < 2
    assert "Traceback" not in world.server.log.read_text()


def test_a_caller_who_waits_does_not_hold_up_the_end_for_long(world: World) -> None:
    world.define(seconds=3)
    (execution_id,) = world.begin()
    with world.api() as api, ThreadPoolExecutor(1) as client:
        waiting = client.submit(api.get, f"/v1/executions/{execution_id}", headers={"Prefer": "wait=25"})
        time.sleep(0.3)
        before = time.monotonic()
        assert world.server.stop() == 0
        assert time.monotonic() - before < 20
        assert isinstance(waiting.exception(), httpx.TransportError | None)
    world.server.start()
    world.verify([execution_id])


def test_a_provider_that_hangs_does_not_hold_up_the_end_for_long(world: World) -> None:
    with world.api() as api:
        configuration = create_configuration(api, world.provider.url)
        hanging = executor("call", configuration, path=f"/slow/25/{world.tag}/hang")
        execute(api, activate(api, workflow([trigger(), hanging], [edge("start", "call")])), {})
        while not world.calls():
            time.sleep(0.01)
    before = time.monotonic()
    assert world.server.stop() == 0
    assert time.monotonic() - before < 15
    assert "Traceback" not in world.server.log.read_text()

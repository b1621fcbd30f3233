"""Whatever ends the process, runs of flows end after the next start, and every step is there once (FlowRunner spec h, k.4)."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statemachines.stand_ins.http_service import Answer, Request, json_answer, service
from tests import runs
from tests.accounts import Tenant, admin
from tests.flow_samples import flow
from tests.provider import Provider, running_provider
from tests.samples import unique
from tests.servers import Server


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as running:
        yield running


def call(url: str, following: str) -> dict[str, Any]:
    return {"type": "http.request", "params": {"url": url}, "next": {"default": following}}


def arrived(provider: Provider, path: str, count: int) -> None:
    """Return once so many calls have come in."""
    deadline = time.monotonic() + 30
    while sum(path in each.path for each in provider.calls) < count:
        assert time.monotonic() < deadline, f"no call of {path}"
        time.sleep(0.01)


def nodes_completed(by: Tenant, run_id: str) -> list[str]:
    told = runs.logs(by.api, run_id, limit=100)["logs"]
    return [
        entry["node_id"]
        for entry in told
        if entry["message"] in ("Node completed", "HTTP request successful")
    ]


def test_a_run_that_is_killed_in_a_call_in_a_branch_and_in_a_wait_ends_with_each_step_once(
    server: Server, provider: Provider
) -> None:
    tag = unique()
    slow = f"{provider.url}/slow/0.6/{tag}"
    nodes = {
        "first": call(f"{slow}/first", "count"),
        "count": {
            "type": "store",
            "params": {"operation": "increment", "key": tag},
            "next": {"default": "fork"},
        },
        "fork": {"type": "split", "next": {"a": "left", "b": "right", "default": "rest"}},
        "left": call(f"{slow}/left", "rest"),
        "right": call(f"{slow}/right", "rest"),
        "rest": {"type": "delay", "params": {"duration": "3s"}, "next": {"default": "end"}},
        "end": {
            "type": "transform",
            "params": {"script": "return {count: results.count, both: input.map(r => r.status_code)};"},
        },
    }
    by = admin(server.url)
    run_id = runs.start(by.api, runs.create_flow(by, flow(nodes)))
    for path, calls in ((f"{tag}/first", 1), (f"{tag}/left", 1)):
        arrived(provider, path, calls)
        server.kill()
        server.start()
    deadline = time.monotonic() + 30
    while runs.get(by.api, run_id).get("current_node") != "rest":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.kill()
    server.start()
    run = runs.ended(by.api, run_id)
    assert run["status"] == "completed", run
    assert run["result"] == {"count": {"key": tag, "new_value": 1, "incremented": 1}, "both": [200, 200]}
    assert sorted(nodes_completed(by, run_id)) == sorted(
        ["first", "count", "left", "right", "fork", "rest", "end"]
    )
    keys: dict[str, set[str]] = {}
    for each in provider.calls:
        if tag in each.path:
            keys.setdefault(each.path, set()).add(each.headers.get("idempotency-key", ""))
    assert all(len(found) == 1 for found in keys.values()), keys
    by.api.close()


def test_a_run_that_waits_for_a_signal_still_does_after_a_crash(server: Server) -> None:
    wait = {"type": "wait", "params": {"key": "go", "timeout": "10m"}}
    by = admin(server.url)
    run_id = runs.start(by.api, runs.create_flow(by, flow({"wait": wait})))
    time.sleep(0.5)
    server.kill()
    server.start()
    deadline = time.monotonic() + 30
    while by.api.post(f"/api/v1/executions/{run_id}/signals/go", {"x": 1}).status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    server.kill()
    server.start()
    assert runs.ended(by.api, run_id)["result"] == {"x": 1}
    by.api.close()


class Model:
    """A language model that takes its time and asks for a tool, which it is as well, four times. `calls` by path and key."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def answer(self, request: Request) -> Answer:
        self.calls.append((request.path, dict(request.headers)["idempotency-key"]))
        if request.path == "/tool":
            return json_answer(200, {"found": True})
        time.sleep(0.5)
        said = sum(each["role"] == "assistant" for each in json.loads(request.content)["messages"])
        if said == 4:
            return json_answer(200, {"choices": [{"message": {"content": "found"}}]})
        call = {"id": f"c{said}", "function": {"name": "look", "arguments": "{}"}}
        return json_answer(200, {"choices": [{"message": {"tool_calls": [call]}}]})

    def asked(self) -> list[str]:
        """The keys of its own calls."""
        return [key for path, key in self.calls if path != "/tool"]


def test_an_agent_goes_on_from_its_checkpoint_after_a_crash(server: Server) -> None:
    model = Model()
    with service(model.answer) as url:
        params = {
            "api_key": "k",
            "model": "m",
            "prompt": "where?",
            "base_url": url,
            "tools": [
                {"name": "look", "node": "http.request", "params": {"url": f"{url}/tool", "method": "POST"}}
            ],
        }
        by = admin(server.url)
        run_id = runs.start(
            by.api,
            runs.create_flow(by, flow({"agent": {"type": "agent", "params": params, "timeout": "2s"}})),
        )
        deadline = time.monotonic() + 30
        while len(model.asked()) < 4:  # the first two, at least, belong to a visit that is over
            assert time.monotonic() < deadline
            time.sleep(0.01)
        server.kill()
        server.start()
        run = runs.ended(by.api, run_id)
    by.api.close()
    assert (run["status"], run["result"]["response"], run["result"]["steps"]) == ("completed", "found", 5)
    asked = Counter(model.asked())
    assert len(asked) == 5, "a repeated call has the key that it had"
    assert list(asked.values())[:2] == [1, 1], "what is before the checkpoint is not repeated"
    assert len({key for path, key in model.calls if path == "/tool"}) == 4

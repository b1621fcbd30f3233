"""Flows and runs of a running Flowker, as their accounts see them."""

import time
from typing import Any

from tests.accounts import Tenant
from tests.samples import unique
from tests.servers import Api, expect


def create_flow(by: Tenant, definition: str) -> str:
    """The id of a new flow."""
    body = {"name": unique(), "definition": definition}
    created: str = expect(by.api.post("/api/v1/flows", body), 201)["id"]
    return created


def start(api: Api, flow_id: str, data: Any = None, **headers: str) -> str:
    """The id of a new run."""
    body = {} if data is None else {"input": data}
    answer = expect(api.post(f"/api/v1/flows/{flow_id}/run", body, headers=headers), 201)
    assert answer["flow_id"] == flow_id
    started: str = answer["execution_id"]
    return started


def get(api: Api, run_id: str) -> dict[str, Any]:
    return expect(api.get(f"/api/v1/executions/{run_id}"), 200)


def ended(api: Api, run_id: str, seconds: float = 60) -> dict[str, Any]:
    """The run once it has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = api.get(f"/api/v1/executions/{run_id}", headers={"Prefer": "wait=20"})
        run = expect(answer, 200)
        if run["status"] != "running":
            return run
    raise AssertionError(f"{run_id} has not ended after {seconds} seconds: {run}")


def logs(api: Api, run_id: str, **parameters: Any) -> dict[str, Any]:
    return expect(api.get(f"/api/v1/executions/{run_id}/logs", params=parameters), 200)


def run(by: Tenant, definition: str, data: Any = None) -> dict[str, Any]:
    """A run of a new flow, once it has ended."""
    return ended(by.api, start(by.api, create_flow(by, definition), data))

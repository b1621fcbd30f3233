"""Schedules of flows, from the node that makes them (FlowRunner spec d.11)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import runs
from tests.accounts import Tenant, admin, new_tenant
from tests.flow_samples import flow
from tests.servers import expect


@pytest.fixture
def owner(target: str) -> Iterator[Tenant]:
    by = admin(target)
    tenant = new_tenant(target, by)
    yield tenant
    tenant.api.close()
    by.api.close()


def cron(owner: Tenant, **params: Any) -> Any:
    """The result of a run of a flow with this node."""
    run = runs.run(owner, flow({"plan": {"type": "cron", "params": params}}))
    assert run["status"] == "completed", run
    return run["result"]


def test_a_flow_makes_a_schedule_looks_at_it_and_deletes_it(owner: Tenant) -> None:
    made = cron(owner, schedule="30 8 * * MON-FRI", timezone="Europe/Berlin", id="daily", payload={"a": 1})
    assert (made["job_id"], made["schedule"]) == ("daily", "30 8 * * MON-FRI")
    soon = datetime.fromisoformat(made["next_run_time"])
    assert timedelta(0) < soon - datetime.now(UTC) < timedelta(days=4)
    (job,) = cron(owner, operation="list")["jobs"]
    assert (job["job_id"], job["payload"]) == ("daily", {"a": 1})
    assert cron(owner, operation="get", id="daily") == {**job, "executions": []}
    assert cron(owner, operation="delete", id="daily") == {"deleted": True, "id": "daily"}
    assert cron(owner, operation="list") == {"jobs": []}


def test_an_account_that_is_deleted_with_a_schedule_is_gone(owner: Tenant, target: str) -> None:
    cron(owner, schedule="0 0 1 1 *")
    by = admin(target)
    expect(by.api.delete(owner.path), 200)
    by.api.close()


def test_seconds_in_a_schedule_are_refused_when_the_flow_is_saved(owner: Tenant) -> None:
    definition = flow({"plan": {"type": "cron", "params": {"schedule": "30 * * * * *"}}})
    answer = owner.api.post("/api/v1/flows/validate", {"definition": definition})
    assert answer.status_code == 422
    assert "seconds" in answer.text

"""Schedules of flows, from the node that makes them (FlowRunner spec d.11), and of workflows, from the trigger that declares
them (an extension of Flowker spec g.3). What they start is in tests/faults, for a minute is long."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests import runs
from tests.accounts import Tenant, admin, new_tenant
from tests.flow_samples import flow
from tests.samples import chain, create_workflow, execute, set_output, trigger, unique
from tests.servers import Api, expect


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


def scheduled(schedule: str = "0 0 1 1 *", **data: Any) -> dict[str, Any]:
    """A workflow that the clock starts."""
    return chain(
        trigger("yearly", triggerType="schedule", schedule=schedule, **data), set_output("done", year="new")
    )


def test_a_workflow_with_a_schedule_comes_and_goes_like_any_other(api: Api) -> None:
    (entry,) = (each for each in api.get("/v1/catalog/triggers").json() if each["id"] == "schedule")
    assert entry["name"] == "Schedule"
    data: dict[str, Any] = {"timezone": "Europe/Berlin", "input": {"kind": "yearly", "rate": 1.50}}
    one = f"/v1/workflows/{create_workflow(api, scheduled(**data))}"
    for _ in range(2):
        active = expect(api.post(f"{one}/activate"), 200)
        given = {"triggerType": "schedule", "schedule": "0 0 1 1 *", **data}
        assert active["nodes"][0]["data"] == given
        started = execute(api, one.rpartition("/")[2], {"by": "hand"})
        assert api.results(started)["finalOutput"] == {"year": "new"}
        expect(api.post(f"{one}/deactivate"), 200)
        expect(api.post(f"{one}/draft"), 200)
    expect(api.post(f"{one}/clone", {"name": unique("clone")}), 201)
    expect(api.delete(one), 204)


@pytest.mark.skip_moto
@pytest.mark.parametrize(
    ("data", "fields"),
    [
        ({"schedule": "30 0 0 1 1 *"}, ["schedule"]),
        ({"schedule": "0 0 30 2 *"}, ["schedule"]),
        ({"schedule": "0 0 L * *", "timezone": "Moon/Crater"}, ["schedule", "timezone"]),
        ({"input": [1]}, ["input"]),
        ({"every": "day"}, ["every"]),
    ],
)
def test_a_wrong_schedule_of_a_workflow_is_refused_when_it_is_activated(
    api: Api, data: dict[str, Any], fields: list[str]
) -> None:
    one = f"/v1/workflows/{create_workflow(api, scheduled(**data))}"
    refusal = expect(api.post(f"{one}/activate"), 422, "FLK-0211")
    assert list(refusal["fields"]) == [f"/nodes/0/data/{name}" for name in fields]
    assert expect(api.get(one), 200)["status"] == "draft"

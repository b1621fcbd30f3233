"""Whatever ends the process, schedules are there after the next start, and what was due meanwhile runs once (FlowRunner spec
d.11; of workflows an extension of Flowker spec g.3)."""

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flowker.adapters.stores.schedules import ItemScheduleStore
from flowker.model.instant import instant
from flowker_local.local import DATABASE
from flowker_local.sqlite_table import SqliteTable
from tests import runs
from tests.accounts import Tenant, admin
from tests.flow_samples import HELLO, flow
from tests.samples import activate, edge, set_output, trigger, unique, workflow
from tests.servers import Api, Server, expect


def make_due(folder: Path, owner: str, name: str, minutes: int) -> str:
    """As if so many minutes had passed since the schedule was due, with Flowker not running; returns when that was."""
    with closing(SqliteTable(folder / DATABASE)) as table:
        store = ItemScheduleStore(table)
        before = store.get(owner, name)
        assert before is not None
        due = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes)
        times = {"next_run_at": instant(due), "created_at": instant(due - timedelta(hours=1))}
        assert store.put(before, before.model_copy(update=times))
    return times["next_run_at"]


def started(by: Tenant, flow_id: str) -> int:
    return int(expect(by.api.get("/api/v1/executions", params={"flow_id": flow_id}), 200)["total"])


def has_started(by: Tenant, flow_id: str, count: int) -> None:
    deadline = time.monotonic() + 20
    while started(by, flow_id) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def scheduled(node_id: str) -> dict[str, Any]:
    """A workflow whose second trigger is for the clock; its final output is its context."""
    yearly = trigger(node_id, triggerType="schedule", schedule="0 0 1 1 *", input={"name": "Ann"})
    nodes = [trigger("start"), yearly, set_output("other"), {"id": "log", "type": "action"}]
    return workflow(nodes, [edge("start", "other"), edge(node_id, "log")])


def executions(api: Api, workflow_id: str) -> list[str]:
    page = expect(api.get("/v1/executions", params={"workflowId": workflow_id}), 200)
    return [each["executionId"] for each in page["items"]]


def test_a_schedule_survives_kill_and_makes_up_for_what_it_missed_once(tmp_path: Path) -> None:
    name = unique()
    with Server(tmp_path / "data") as server:
        by, api = admin(server.url), Api(server.url)
        greeting = runs.create_flow(by, HELLO)
        plan = {"schedule": "0 0 1 1 *", "id": name, "flow_id": greeting, "payload": {"name": "Ann"}}
        run = runs.run(by, flow({"plan": {"type": "cron", "params": plan}}))
        assert run["status"] == "completed", run
        active, inactive = (activate(api, scheduled(name[-8:])) for _ in range(2))
        expect(api.post(f"/v1/workflows/{inactive}/deactivate"), 200)
        server.kill()
        with closing(SqliteTable(server.folder / DATABASE)) as table:
            assert ItemScheduleStore(table).of_owner(inactive) == []
        for owner, node_id in ((by.id, name), (active, name[-8:])):
            due = make_due(server.folder, owner, node_id, minutes=90)
        server.start()
        has_started(by, greeting, 1)
        server.kill()
        server.start()
        look = flow({"plan": {"type": "cron", "params": {"operation": "get", "id": name}}})
        found = runs.run(by, look)["result"]
        (execution,) = found["executions"]
        assert runs.ended(by.api, execution["execution_id"])["result"] == {"hello": "Ann"}
        assert found["next_run_time"].endswith("-01-01T00:00:00Z")
        assert started(by, greeting) == 1
        (once,) = executions(api, active)
        assert api.results(once)["finalOutput"]["workflow"] == {
            "name": "Ann",
            "_schedule": {"trigger": name[-8:], "scheduled_for": due},
        }
        assert executions(api, inactive) == []
        by.api.close()
        api.close()


def test_a_schedule_whose_flow_was_deleted_removes_itself_and_says_so(tmp_path: Path) -> None:
    name = unique()
    with Server(tmp_path / "data") as server:
        by = admin(server.url)
        greeting = runs.create_flow(by, HELLO)
        plan = {"schedule": "0 0 1 1 *", "id": name, "flow_id": greeting}
        runs.run(by, flow({"plan": {"type": "cron", "params": plan}}))
        expect(by.api.delete(f"/api/v1/flows/{greeting}"), 200)
        server.kill()
        make_due(server.folder, by.id, name, minutes=1)
        server.start()
        deadline = time.monotonic() + 20
        listing = runs.create_flow(by, flow({"plan": {"type": "cron", "params": {"operation": "list"}}}))
        while runs.ended(by.api, runs.start(by.api, listing))["result"]["jobs"]:
            assert time.monotonic() < deadline
        assert "its flow is gone" in server.log.read_text()
        by.api.close()

"""A process that dies between a change and its entry in the audit trail loses neither, and repeats neither (spec j.2)."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowker.model.audit_export import Line, inspect
from flowker_local.local import DATABASE
from flowker_local.sqlite_file import SqliteReaders
from flowker_local.sqlite_table import SqliteReads
from tests.provider import Provider, running_provider
from tests.samples import activate, chain, create_configuration, create_workflow, execute, executor, trigger
from tests.servers import Api, Server, expect
from tests.trails import outbox

LIFE = ["EXECUTION_STARTED", "PROVIDER_CALL_STARTED", "PROVIDER_CALL_COMPLETED", "EXECUTION_COMPLETED"]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "data") as server:
        yield server


def waiting(server: Server) -> int:
    """What is announced and not chained in the files that a dead server has left."""
    with closing(SqliteReaders(server.folder / DATABASE)) as file:
        return len(outbox(SqliteReads(file)))  # type: ignore[arg-type]


def trail(api: Api) -> list[dict[str, Any]]:
    """The whole trail but for the first admin, once nothing waits any more; it holds."""
    events: list[dict[str, Any]] = []
    cursor, after = "", 0
    lines: list[bytes] = []
    while True:
        page = api.get("/v1/audit-events/export", params={"after": after}).content.splitlines(keepends=True)
        lines += page
        if b'"complete":true' in page[-1]:
            break
        after += len(page) - 2
    report = inspect(Line("export", number, line) for number, line in enumerate(lines, start=1))
    assert report.findings == []
    while True:
        query = {"limit": 100, "cursor": cursor} if cursor else {"limit": 100, "sortOrder": "ASC"}
        found = expect(api.get("/v1/audit-events", params=query), 200)
        events += found["items"]
        cursor = found["nextCursor"]
        if not cursor:
            assert len(events) >= report.checked
            return [event for event in events if event["eventType"] != "ACCOUNT_CREATED"]


def settled(api: Api, expected: int) -> list[dict[str, Any]]:
    """The trail once it has so many entries, which is never more."""
    deadline = time.monotonic() + 20
    while len(found := trail(api)) < expected:
        assert time.monotonic() < deadline, Counter(event["eventType"] for event in found)
        time.sleep(0.1)
    time.sleep(0.3)
    assert len(trail(api)) == expected
    return found


def test_changes_that_were_not_chained_yet_are_chained_once_after_the_restart(server: Server) -> None:
    accepted: list[str] = []
    left = 0
    for pause in (0, 0.01, 0.03, 0.06, 0.1):
        with closing(Api(server.url)) as api:
            accepted += [create_workflow(api, chain(trigger())) for _ in range(3)]
        time.sleep(pause)
        server.kill()
        left += waiting(server)
        server.start()
    assert left > 0  # the server did die before it had chained everything
    with closing(Api(server.url)) as api:
        found = settled(api, len(accepted))
        assert sorted(event["resourceId"] for event in found) == sorted(accepted)
        summary = expect(api.get("/v1/dashboards/workflows/summary"), 200)
        assert (summary["total"], summary["byStatus"][0]["count"]) == (15, 15)


def test_executions_in_flight_are_chained_and_counted_once_whenever_the_server_dies(
    server: Server, provider: Provider
) -> None:
    with closing(Api(server.url)) as api:
        configuration = create_configuration(api, provider.url)
        workflow_id = activate(api, chain(trigger(), executor("call", configuration, path="/slow/0.05/call")))
    begun: list[str] = []
    for _ in range(4):
        with closing(Api(server.url)) as api, ThreadPoolExecutor(5) as clients:
            begun += clients.map(lambda number: execute(api, workflow_id, {"n": number}), range(5))
        time.sleep(random.uniform(0, 0.25))
        server.kill()
        server.start()
    with closing(Api(server.url)) as api:
        for execution_id in begun:
            assert api.results(execution_id)["status"] == "completed"
        numbers = expect(api.get("/v1/dashboards/executions"), 200)
        assert numbers == {"total": 20, "completed": 20, "failed": 0, "pending": 0, "running": 0}
        # Besides the executions: the configuration, and the workflow that was created and activated. A call that was under
        # way when the server died is repeated, but only the one whose step was recorded is known.
        found = settled(api, 3 + 4 * len(begun))
        for execution_id in begun:
            own = [event["eventType"] for event in found if event["resourceId"] == execution_id]
            assert own == LIFE
        assert len({event["eventId"] for event in found}) == len(found)
        assert expect(api.get("/v1/dashboards/executions"), 200) == numbers


def test_a_change_whose_answer_was_lost_is_in_the_trail_if_it_was_made(server: Server) -> None:
    names = [f"name-{number}" for number in range(40)]

    def create(name: str) -> None:
        with closing(Api(server.url)) as api:
            try:
                api.post("/v1/workflows", {**chain(trigger()), "name": name})
            except httpx.TransportError:
                return  # nobody knows whether it was made

    with ThreadPoolExecutor(8) as clients:
        requests = [clients.submit(create, name) for name in names]
        time.sleep(0.05)
        server.kill()
        for request in requests:
            request.result()
    server.start()
    with closing(Api(server.url)) as api:
        made = expect(api.get("/v1/workflows", params={"limit": 100}), 200)["items"]
        found = settled(api, len(made))
        assert sorted(event["resourceId"] for event in found) == sorted(each["id"] for each in made)
        assert expect(api.get("/v1/dashboards/workflows/summary"), 200)["total"] == len(made)


def test_what_waits_is_chained_before_the_server_ends(server: Server) -> None:
    with closing(Api(server.url)) as api:
        for _ in range(5):
            create_workflow(api, chain(trigger()))
    assert server.stop() == 0
    assert waiting(server) == 0
    server.start()

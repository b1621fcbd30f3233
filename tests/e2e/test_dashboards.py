"""Dashboards tell exact numbers, at once, while everything is moving (Flowker spec j.1)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.provider import Provider
from tests.samples import (
    activate,
    chain,
    create_configuration,
    create_workflow,
    execute,
    executor,
    set_output,
    trigger,
)
from tests.servers import Api, expect

SUMMARY = "/v1/dashboards/workflows/summary"
DASHBOARD = "/v1/dashboards/executions"


def numbers(api: Api, **query: str) -> dict[str, int]:
    found: dict[str, int] = expect(api.get(DASHBOARD, params=query), 200)
    assert found["total"] == sum(found.values()) - found["total"]
    return found


def since(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What has changed; what has not is left out."""
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def summary(api: Api) -> dict[str, int]:
    found: dict[str, Any] = expect(api.get(SUMMARY), 200)
    by_status = {each["status"]: each["count"] for each in found["byStatus"]}
    assert list(by_status) == ["draft", "active", "inactive"]
    assert found["active"] == by_status["active"]
    assert found["total"] == sum(by_status.values())
    return by_status


def test_each_change_of_a_workflow_is_counted_at_once(api: Api) -> None:
    before = summary(api)
    workflow_id = create_workflow(api, chain(trigger()))
    path = f"/v1/workflows/{workflow_id}"
    assert since(before, summary(api)) == {"draft": 1}
    expect(api.post(f"{path}/activate"), 200)
    assert since(before, summary(api)) == {"active": 1}
    expect(api.post(f"{path}/activate"), 422, "FLK-0102")
    assert since(before, summary(api)) == {"active": 1}
    expect(api.post(f"{path}/deactivate"), 200)
    assert since(before, summary(api)) == {"inactive": 1}
    expect(api.post(f"{path}/draft"), 200)
    expect(api.delete(path), 204)
    assert since(before, summary(api)) == {}


def test_executions_are_counted_by_how_they_ended(api: Api, provider: Provider) -> None:
    before = numbers(api)
    configuration = create_configuration(api, provider.url)
    good = activate(api, chain(trigger(), set_output("end", done=True)))
    bad = activate(api, chain(trigger(), executor("call", configuration, path="/status/404")))
    first = expect(api.get(f"/v1/executions/{execute(api, good, {})}"), 200)["executionId"]
    second = execute(api, bad, {})
    for execution_id in (first, second):
        api.results(execution_id)
    assert since(before, numbers(api)) == {"total": 2, "completed": 1, "failed": 1}
    started = expect(api.get(f"/v1/executions/{second}"), 200)["startedAt"]
    exactly = numbers(api, startTime=started, endTime=started)
    assert exactly["failed"] >= 1
    assert numbers(api, startTime=started, endTime=started, status="failed") == {
        "total": exactly["failed"], "completed": 0, "failed": exactly["failed"], "pending": 0, "running": 0,
    }  # fmt: skip
    assert numbers(api, endTime="2020-01-01T00:00:00Z")["total"] == 0
    assert numbers(api, startTime="2020-01-01T00:00:00Z") == numbers(api)


def test_a_bad_filter_is_refused(api: Api) -> None:
    expect(api.get(DASHBOARD, params={"startTime": "yesterday"}), 400, "FLK-0302")
    message = expect(api.get(DASHBOARD, params={"status": "done"}), 400, "FLK-0302")["message"]
    assert "invalid status" in message
    swapped = {"startTime": "2026-03-02T00:00:00Z", "endTime": "2026-03-01T00:00:00Z"}
    assert (
        "startTime must be before endTime"
        in expect(api.get(DASHBOARD, params=swapped), 400, "FLK-0302")["message"]
    )


@pytest.mark.skip_moto
def test_the_numbers_are_right_after_twenty_executions_at_a_time_and_add_up_meanwhile(
    api: Api, provider: Provider
) -> None:
    before = numbers(api)
    configuration = create_configuration(api, provider.url)
    nodes = [executor("one", configuration), executor("two", configuration, path="/slow/0.1/two")]
    workflow_id = activate(api, chain(trigger(), *nodes))
    with ThreadPoolExecutor(21) as clients:
        started = [clients.submit(execute, api, workflow_id, {"amount": number}) for number in range(20)]
        watched = [numbers(api) for _ in range(10)]
        ids = [each.result() for each in started]
        assert since(before, numbers(api))["total"] == 20
        list(clients.map(api.results, ids))
    totals = [each["total"] for each in watched]
    assert totals == sorted(totals)
    assert since(before, numbers(api)) == {"total": 20, "completed": 20}
    time.sleep(0.5)  # by now the consumer has counted them
    assert since(before, numbers(api)) == {"total": 20, "completed": 20}

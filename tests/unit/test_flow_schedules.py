"""The node type `cron` and what becomes of its schedules, with the real worker and a clock that is told what time it is
(FlowRunner spec d.11)."""

from datetime import timedelta
from typing import Any

import pytest

from flowker.errors import StoreUnavailable
from flowker.events import run_schedule
from flowker.model.instant import instant, moment
from flowker.usecases.flow_schedules import MOST_SCHEDULES, Wanted
from flowker.wiring.accounts import accounts
from flowker.wiring.flows import flows
from flowker.wiring.runs import run_store, runs
from flowker.wiring.schedules import flow_schedules, schedule_store, schedules
from tests.flow_bench import ACCOUNT, FlowBench, Ran
from tests.flow_nodes import World, problems
from tests.flow_samples import HELLO, flow

EVERY_MINUTE = "* * * * *"


@pytest.fixture
def bench() -> FlowBench:
    return FlowBench()


def cron(bench: FlowBench, data: dict[str, Any] | None = None, **params: Any) -> Ran:
    """A run of a flow with this node."""
    return bench.run(flow({"plan": {"type": "cron", "params": params}}), data)


def scheduled(bench: FlowBench, **params: Any) -> Any:
    """The result of a node that makes a schedule of a flow that greets."""
    given = {"schedule": EVERY_MINUTE, "flow_id": bench.create(HELLO), "payload": {"name": "Ann"}, **params}
    ran = cron(bench, **given)
    assert ran.status == "completed", ran.error
    return ran.result


def look(bench: FlowBench, seconds: float = 0) -> int:
    """Let time pass, and look at what is due."""
    bench.clock.sleep(seconds)
    return schedules().fire_due()


def started() -> list[Any]:
    """Inputs of the runs that schedules started, the latest first."""
    found, _ = runs().list(ACCOUNT, None, None, 100, 0)
    return [runs().get(ACCOUNT, each.id).input for each in found if runs().get(ACCOUNT, each.id).input]


# --- the node -----------------------------------------------------------------------------------------------------------


def test_a_schedule_says_what_it_is_and_when_it_runs_next(bench: FlowBench) -> None:
    result = scheduled(bench, schedule="0 30 8 * * MON-FRI", timezone="Europe/Berlin")
    assert result["job_id"].startswith("job-")
    assert result["schedule"] == "0 30 8 * * MON-FRI"
    assert result["timezone"] == "Europe/Berlin"
    now = bench.clock.now()
    assert now < moment(result["next_run_time"]) <= now + timedelta(days=3)


def test_without_a_flow_id_a_flow_schedules_itself(bench: FlowBench) -> None:
    ran = cron(bench, schedule=EVERY_MINUTE)
    assert ran.result["flow_id"] == ran.view.execution.launch.workflow_id
    assert "Schedule created" in ran.logs("info")


def test_a_task_that_is_delivered_again_makes_one_schedule() -> None:
    bench = FlowBench(deliveries=3)
    scheduled(bench)
    assert len(flow_schedules().all(ACCOUNT)) == 1
    assert len(bench.timer.schedules) == 1


def test_a_named_schedule_is_replaced_and_keeps_its_age(bench: FlowBench) -> None:
    scheduled(bench, id="daily", schedule="0 1 * * *")
    before = flow_schedules().get(ACCOUNT, "daily")
    bench.clock.sleep(5)
    scheduled(bench, id="daily", schedule="0 2 * * *")
    (after,) = flow_schedules().all(ACCOUNT)
    assert before is not None
    assert (after.cron, after.created_at) == ("0 2 * * *", before.created_at)
    assert [each.cron for each in bench.timer.schedules.values()] == ["0 2 * * *"]


def test_schedules_are_listed_and_looked_up(bench: FlowBench) -> None:
    for name in ("b", "a"):
        scheduled(bench, id=name)
    jobs = cron(bench, operation="list").result["jobs"]
    assert [job["job_id"] for job in jobs] == ["a", "b"]
    assert jobs[0]["payload"] == {"name": "Ann"}
    assert look(bench, 60) == 2
    got = cron(bench, operation="get", id="a").result
    assert {name: got[name] for name in jobs[0]} == {**jobs[0], "next_run_time": got["next_run_time"]}
    (execution,) = got["executions"]
    assert execution["status"] == "completed"
    assert execution["scheduled_for"] == jobs[0]["next_run_time"]
    assert cron(bench, operation="get", id="c").error == "schedule not found: c"


def test_a_deleted_schedule_runs_no_more(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    assert cron(bench, operation="delete", id="a").result == {"deleted": True, "id": "a"}
    assert cron(bench, operation="delete", id="a").result == {"deleted": False, "id": "a"}
    assert bench.timer.schedules == {}
    assert look(bench, 120) == 0


def test_a_schedule_of_another_account_does_not_exist(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    assert flow_schedules().get("account-2", "a") is None
    assert not flow_schedules().delete("account-2", "a")
    assert flow_schedules().all("account-2") == []
    assert schedules().fire("account-2", "a", "2026-03-01T10:00:00.000Z", "2026-03-01T09:59:00.000Z") is None
    assert len(flow_schedules().all(ACCOUNT)) == 1


def test_an_account_has_a_limited_number_of_schedules(bench: FlowBench) -> None:
    scheduled(bench, id="0")
    (first,) = flow_schedules().all(ACCOUNT)
    for number in range(1, MOST_SCHEDULES):
        assert schedule_store().put(None, first.model_copy(update={"id": str(number)}))
    ran = cron(bench, schedule=EVERY_MINUTE, id="one-too-many")
    assert ran.error == "an account has at most 100 schedules"
    assert cron(bench, schedule=EVERY_MINUTE, id="0").status == "completed"


def test_a_secret_in_the_payload_is_not_kept(bench: FlowBench) -> None:
    bench.secret("TOKEN", "very secret value")
    scheduled(bench, payload={"token": "${secrets.TOKEN}"})
    (schedule,) = flow_schedules().all(ACCOUNT)
    assert "very secret value" not in str(schedule.payload)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"schedule": "${input.cron}"}, 'param "schedule" must have 0 as seconds'),
        ({"schedule": EVERY_MINUTE, "timezone": "${input.zone}"}, 'param "timezone" must be a time zone'),
        ({"schedule": EVERY_MINUTE, "flow_id": "flow-none"}, "there is no flow flow-none"),
        ({"schedule": EVERY_MINUTE, "id": "${input.id}"}, 'param "id" must have 1 to 128 letters'),
        (
            {"schedule": EVERY_MINUTE, "payload": {"x": "${'x'.repeat(70000)}"}},
            'param "payload" must not be longer',
        ),
        ({"operation": "${input.operation}"}, 'param "id" is required to get'),
    ],
)
def test_what_turns_out_wrong_is_a_failure_that_is_not_tried_again(
    bench: FlowBench, params: dict[str, Any], message: str
) -> None:
    data = {"cron": "5 * * * * *", "zone": "Moon/Crater", "id": "a b", "operation": "get"}
    ran = cron(bench, data, **params)
    assert ran.status == "failed"
    assert (ran.error or "").startswith(message)
    assert bench.timer.schedules == {}


def test_no_schedule_is_stored_that_nobody_would_call_for(bench: FlowBench) -> None:
    bench.timer.unavailable = True
    wanted = Wanted(ACCOUNT, "a", bench.create(HELLO), EVERY_MINUTE, "UTC", {})
    with pytest.raises(StoreUnavailable):
        flow_schedules().schedule(wanted)
    assert flow_schedules().all(ACCOUNT) == []


def test_where_nothing_can_be_scheduled_the_node_says_so() -> None:
    failure = World().failure("cron", {"schedule": EVERY_MINUTE})
    assert (failure.message, failure.retryable) == ("flows cannot be scheduled here", False)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("missing_param", "schedule")]),
        ({"schedule": EVERY_MINUTE}, []),
        ({"schedule": "30 * * * * *"}, [("invalid_param", "schedule")]),
        ({"schedule": "0 0 L * *"}, [("invalid_param", "schedule")]),
        ({"schedule": "${input.cron}", "timezone": "${input.zone}"}, []),
        ({"schedule": EVERY_MINUTE, "timezone": "Moon/Crater"}, [("invalid_param", "timezone")]),
        ({"schedule": EVERY_MINUTE, "id": "a b"}, [("invalid_param", "id")]),
        ({"schedule": EVERY_MINUTE, "payload": "text"}, [("invalid_param", "payload")]),
        ({"operation": "pause"}, [("invalid_param", "operation")]),
        ({"operation": "list"}, []),
        ({"operation": "get"}, [("missing_param", "id")]),
        ({"operation": "delete", "id": "a"}, []),
        ({"operation": ["get"]}, [("invalid_param", "operation")]),
    ],
)
def test_what_a_flow_says_wrong_is_found_when_it_is_saved(
    params: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert problems("cron", params) == found


# --- what is due --------------------------------------------------------------------------------------------------------


def test_a_schedule_runs_each_minute_once(bench: FlowBench) -> None:
    scheduled(bench)
    assert look(bench) == 0
    for minute in range(1, 4):
        assert look(bench, 60) == 1
        assert look(bench) == 0
        assert len(started()) == minute
    assert started()[0] == {"name": "Ann"}


def test_of_the_times_that_nobody_looked_the_first_is_made_up_for(bench: FlowBench) -> None:
    result = scheduled(bench, id="a")
    assert look(bench, 3600) == 1
    assert look(bench) == 0
    schedule = flow_schedules().get(ACCOUNT, "a")
    assert schedule is not None
    assert [each.scheduled_for[:19] for each in schedule.fired] == [result["next_run_time"][:19]]
    assert moment(schedule.next_run_at) > bench.clock.now()


def test_a_time_that_is_told_twice_starts_one_run(bench: FlowBench) -> None:
    """As EventBridge Scheduler may; and whoever stopped between the start and the note of it starts nothing again."""
    scheduled(bench, id="a")
    before = flow_schedules().get(ACCOUNT, "a")
    assert before is not None
    event = {
        "ownerId": ACCOUNT,
        "scheduleId": "a",
        "scheduledFor": f"{before.next_run_at[:19]}Z",
        "setAt": before.created_at,
    }
    bench.clock.sleep(60)
    first = run_schedule.handle(event, None)
    assert first["executionId"].startswith("exec-")
    assert run_schedule.handle(event, None) == first
    after = flow_schedules().get(ACCOUNT, "a")
    assert after is not None
    assert schedule_store().put(after, before)
    assert look(bench) == 1
    assert len(started()) == 1
    current = flow_schedules().get(ACCOUNT, "a")
    assert current is not None
    assert [each.execution_id for each in current.fired] == [first["executionId"]]


def test_a_timer_that_an_earlier_version_has_set_still_calls(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    due = flow_schedules().all(ACCOUNT)[0].next_run_at
    event = {"accountId": ACCOUNT, "scheduleId": "a", "scheduledFor": due, "setAt": due}
    assert run_schedule.handle(event, None)["executionId"] is not None


def test_a_time_that_was_taken_before_the_schedule_changed_starts_nothing(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    before = flow_schedules().get(ACCOUNT, "a")
    assert before is not None
    assert look(bench, 60) == 1
    scheduled(bench, id="a", payload={"name": "Bob"})
    assert schedules().fire(ACCOUNT, "a", before.next_run_at) is None
    assert len(started()) == 1


def test_a_schedule_remembers_its_latest_runs_only(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    for _ in range(12):
        assert look(bench, 60) == 1
    schedule = flow_schedules().get(ACCOUNT, "a")
    assert schedule is not None
    assert len(schedule.fired) == 10
    assert [each.scheduled_for for each in schedule.fired] == sorted(
        (each.scheduled_for for each in schedule.fired), reverse=True
    )


def test_runs_that_have_expired_are_not_shown(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    look(bench, 60)
    schedule = flow_schedules().get(ACCOUNT, "a")
    assert schedule is not None
    assert len(flow_schedules().latest(schedule)) == 1
    bench.finish(schedule.fired[0].execution_id)
    bench.clock.sleep(100 * 86_400)
    assert run_store().forget(int(bench.clock.now().timestamp())) > 0
    assert flow_schedules().latest(schedule) == []


def test_a_schedule_whose_flow_is_gone_removes_itself(bench: FlowBench) -> None:
    flow_id = scheduled(bench, id="a")["flow_id"]
    flows().delete(ACCOUNT, flow_id)
    assert look(bench, 60) == 0
    assert flow_schedules().all(ACCOUNT) == []
    assert bench.timer.schedules == {}


def test_a_timer_whose_schedule_was_never_stored_is_removed_but_not_at_once(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    schedule_store().delete(ACCOUNT, "a")
    now = bench.clock.now()
    set_at = instant(now)
    assert schedules().fire(ACCOUNT, "a", instant(now + timedelta(minutes=1)), set_at) is None
    assert len(bench.timer.schedules) == 1
    assert schedules().fire(ACCOUNT, "a", instant(now + timedelta(minutes=6)), set_at) is None
    assert bench.timer.schedules == {}


def test_a_deletion_that_broke_off_can_be_repeated(bench: FlowBench) -> None:
    scheduled(bench, id="a")
    bench.timer.unavailable = True
    with pytest.raises(StoreUnavailable):
        flow_schedules().delete(ACCOUNT, "a")
    bench.timer.unavailable = False
    assert flow_schedules().delete(ACCOUNT, "a")


def test_a_schedule_that_cannot_be_run_keeps_no_other_from_its_turn(bench: FlowBench) -> None:
    for name in ("a", "b"):
        scheduled(bench, id=name)
    gone = flow_schedules().get(ACCOUNT, "a")
    assert gone is not None
    flows().delete(ACCOUNT, str(gone.flow_id))
    bench.timer.unavailable = True
    assert look(bench, 60) == 1
    bench.timer.unavailable = False
    assert look(bench) == 0
    assert [each.id for each in flow_schedules().all(ACCOUNT)] == ["b"]


def test_an_account_leaves_no_schedules_behind(bench: FlowBench) -> None:
    bench.use()
    scheduled(bench, id="a")
    for clear in accounts().cascades:
        clear(ACCOUNT)
    assert flow_schedules().all(ACCOUNT) == []
    assert bench.timer.schedules == {}

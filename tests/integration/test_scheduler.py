"""EventBridge Scheduler as the clock of schedules, as moto imitates it (FlowRunner spec d.11)."""

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws
from mypy_boto3_scheduler import EventBridgeSchedulerClient

from flowker.adapters.scheduler import EventBridgeTimer
from flowker.errors import StoreUnavailable
from flowker.model.schedule import Schedule

GROUP = "flowker-test"
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:flowker-test-run_schedule"
ROLE = "arn:aws:iam::123456789012:role/flowker-test-schedules"
AT = "2026-03-01T10:00:00.000Z"


@pytest.fixture
def client(aws_session: boto3.Session) -> Iterator[EventBridgeSchedulerClient]:
    with mock_aws():
        config = Config(retries={"mode": "standard", "total_max_attempts": 1})
        client = aws_session.client("scheduler", config=config)
        client.create_schedule_group(Name=GROUP)
        yield client
        client.close()


@pytest.fixture
def timer(client: EventBridgeSchedulerClient) -> EventBridgeTimer:
    return EventBridgeTimer(client, GROUP, FUNCTION, ROLE)


def schedule(name: str = "daily", owner: str = "account-1", cron: str = "30 8 * * MON-FRI") -> Schedule:
    return Schedule(
        id=name,
        owner_id=owner,
        flow_id="flow-1",
        cron=cron,
        timezone="Europe/Berlin",
        payload={"private": "text"},
        next_run_at=AT,
        created_at=AT,
    )


def names(client: EventBridgeSchedulerClient) -> list[str]:
    return [each["Name"] for each in client.list_schedules(GroupName=GROUP)["Schedules"]]


def test_a_schedule_calls_the_function_with_where_to_look(
    client: EventBridgeSchedulerClient, timer: EventBridgeTimer
) -> None:
    timer.set(schedule())
    (name,) = names(client)
    made = client.get_schedule(GroupName=GROUP, Name=name)
    assert made["ScheduleExpression"] == "cron(30 8 ? * 2-6 *)"
    assert made["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert made["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert made["State"] == "ENABLED"
    target = made["Target"]
    assert (target["Arn"], target["RoleArn"]) == (FUNCTION, ROLE)
    call = json.loads(target["Input"])
    assert call.pop("setAt") > AT
    assert call == {
        "scheduleId": "daily",
        "ownerId": "account-1",
        "scheduledFor": "<aws.scheduler.scheduled-time>",
    }


def test_setting_it_again_replaces_it(client: EventBridgeSchedulerClient, timer: EventBridgeTimer) -> None:
    timer.set(schedule())
    timer.set(schedule(cron="0 9 1 * *"))
    (name,) = names(client)
    assert client.get_schedule(GroupName=GROUP, Name=name)["ScheduleExpression"] == "cron(0 9 1 * ? *)"


def test_owners_do_not_share_names(client: EventBridgeSchedulerClient, timer: EventBridgeTimer) -> None:
    for name, owner in (("daily", "account-1"), ("daily", "account-2"), ("weekly" * 20, "account-1")):
        timer.set(schedule(name, owner))
    assert len(names(client)) == 3
    timer.clear("account-2", "daily")
    assert len(names(client)) == 2


def test_clearing_it_again_changes_nothing(
    client: EventBridgeSchedulerClient, timer: EventBridgeTimer
) -> None:
    timer.set(schedule())
    timer.clear("account-1", "daily")
    timer.clear("account-1", "daily")
    assert names(client) == []


def test_one_that_is_cleared_while_it_is_set_again_is_there(
    client: EventBridgeSchedulerClient, timer: EventBridgeTimer
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("create_schedule", "ConflictException", http_status_code=409)
        stub.add_client_error("update_schedule", "ResourceNotFoundException", http_status_code=404)
        stub.add_response("create_schedule", {"ScheduleArn": f"{ROLE}/daily"})
        timer.set(schedule())
        stub.assert_no_pending_responses()


def test_a_refusal_for_load_is_for_now_and_any_other_one_is_not(
    client: EventBridgeSchedulerClient, timer: EventBridgeTimer
) -> None:
    for operation in ("create_schedule", "delete_schedule"):
        for code, error in (("ThrottlingException", StoreUnavailable), ("ValidationException", ClientError)):
            with Stubber(client) as stub:
                stub.add_client_error(operation, code, http_status_code=400)
                with pytest.raises(error):
                    timer.set(schedule()) if operation == "create_schedule" else timer.clear("a", "b")

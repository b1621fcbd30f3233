"""EventBridge Scheduler as the clock of schedules. Its schedules are named by a hash of owner and id, in a group of their
own, and call a function with what it needs to find the schedule again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flowker.adapters.aws_errors import code, translated_refusals
from flowker.model import exact_json
from flowker.model.cron import cron
from flowker.model.instant import instant
from flowker.model.schedule import Schedule

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

TRIES = 6
"""Of a call, and for at most an hour: whatever comes later than that is for a time that is over."""
_LATEST = 3600
_THERE, _GONE = "ConflictException", "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class EventBridgeTimer:
    """`ports.schedules.Timer`. `function` and `role` are ARNs: what is called, and in whose name."""

    client: EventBridgeSchedulerClient
    group: str
    function: str
    role: str

    def set(self, schedule: Schedule) -> None:
        wanted, client = self._wanted(schedule), self.client
        with translated_refusals():
            made = _unless(_THERE, client.create_schedule, wanted)
            if not made and not _unless(_GONE, client.update_schedule, wanted):
                client.create_schedule(**wanted)  # somebody has cleared it in between

    def clear(self, owner_id: str, schedule_id: str) -> None:
        named = {"GroupName": self.group, "Name": _name(owner_id, schedule_id)}
        with translated_refusals():
            _unless(_GONE, self.client.delete_schedule, named)

    def _wanted(self, schedule: Schedule) -> Any:
        call = {
            "scheduleId": schedule.id,
            "ownerId": schedule.owner_id,
            "scheduledFor": "<aws.scheduler.scheduled-time>",
            "setAt": instant(datetime.now(UTC)),
        }
        return {
            "GroupName": self.group,
            "Name": _name(schedule.owner_id, schedule.id),
            "ScheduleExpression": cron(schedule.cron).eventbridge(),
            "ScheduleExpressionTimezone": schedule.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "NONE",
            "State": "ENABLED",
            "Target": {
                "Arn": self.function,
                "RoleArn": self.role,
                "Input": exact_json.dumps(call),
                "RetryPolicy": {"MaximumRetryAttempts": TRIES, "MaximumEventAgeInSeconds": _LATEST},
            },
        }


def _unless(refusal: str, call: Callable[..., object], wanted: Mapping[str, Any]) -> bool:
    """False if the call was refused for this reason."""
    try:
        call(**wanted)
    except ClientError as error:
        if code(error) != refusal:
            raise
        return False
    return True


def _name(owner_id: str, schedule_id: str) -> str:
    return sha256(f"{owner_id}\x01{schedule_id}".encode()).hexdigest()


class NoTimer:
    """`ports.schedules.Timer` where the home itself looks at what is due."""

    def set(self, schedule: Schedule) -> None:
        """The schedule says it all."""

    def clear(self, owner_id: str, schedule_id: str) -> None:
        """What is not there is not due."""

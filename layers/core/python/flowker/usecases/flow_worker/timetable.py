"""Schedules as a node sees them: those of its account (FlowRunner spec d.11)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowker.errors import FlowNotFound
from flowker.model import exact_json
from flowker.model.cron import CronError
from flowker.model.exact_json import Json
from flowker.model.execution import Execution
from flowker.model.run import RunStatus
from flowker.model.schedule import MOST_PAYLOAD, Fired, Schedule
from flowker.nodes.flow.base import FlowFailure
from flowker.nodes.flow.params import wrong
from flowker.usecases.flow_schedules import FlowSchedules, TooManySchedules, Wanted


@dataclass(frozen=True, slots=True)
class Timetable:
    """`nodes.flow.base.Schedules` for one run. What scheduled runs are given is shown to users, so it is `redacted`."""

    schedules: FlowSchedules
    execution: Execution
    redacted: Callable[[Json], Json]

    def schedule(
        self, schedule_id: str, cron: str, timezone: str, flow_id: str | None, payload: Mapping[str, Json]
    ) -> Schedule:
        wanted = Wanted(
            account_id=self._account,
            id=schedule_id,
            flow_id=flow_id or self.execution.launch.workflow_id,
            cron=cron,
            timezone=timezone,
            payload=self.redacted(dict(payload)),
        )
        if len(exact_json.dumps(dict(wanted.payload))) > MOST_PAYLOAD:
            raise wrong("payload", f"must not be longer than {MOST_PAYLOAD} bytes")
        try:
            return self.schedules.schedule(wanted)
        except CronError as error:
            raise FlowFailure(f"the schedule {error}", retryable=False) from None
        except FlowNotFound:
            raise FlowFailure(f"there is no flow {wanted.flow_id}", retryable=False) from None
        except TooManySchedules as error:
            raise FlowFailure(str(error), retryable=False) from None

    def all(self) -> Sequence[Schedule]:
        return self.schedules.all(self._account)

    def get(self, schedule_id: str) -> tuple[Schedule, Sequence[tuple[Fired, RunStatus]]] | None:
        found = self.schedules.get(self._account, schedule_id)
        return None if found is None else (found, self.schedules.latest(found))

    def delete(self, schedule_id: str) -> bool:
        return self.schedules.delete(self._account, schedule_id)

    @property
    def _account(self) -> str:
        return self.execution.launch.account_id or ""

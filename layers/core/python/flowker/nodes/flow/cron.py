"""`cron`: makes and manages schedules that run flows (FlowRunner spec d.11)."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flowker.model.cron import MOST_CHARACTERS, CronError, cron, time_zone
from flowker.model.exact_json import Json
from flowker.model.instant import whole_seconds
from flowker.model.run import Level, RunStatus
from flowker.model.schedule import Fired, Schedule
from flowker.nodes.flow.base import Circumstances, Done, FlowFailure, Line, Schedules
from flowker.nodes.flow.compatibility import remembered
from flowker.nodes.flow.node_type import NO_NAMES, NodeType, Page
from flowker.nodes.flow.params import INVALID, MISSING, Kind, Param, Problem, open_, wrong

PREFIX = "job-"
"""What ids start with that the flow did not choose."""

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_WRONG_ID = "must have 1 to 128 letters, digits or any of _ . -"
_READERS: Mapping[str, Callable[[str], object]] = {"schedule": cron, "timezone": time_zone}
_NEEDS = {"schedule": "schedule", "get": "id", "delete": "id"}

Values = Mapping[str, Any]


class Cron(NodeType):
    name = "cron"
    table = (
        Param("operation", Kind.TEXT, "What to do", default="schedule", choices=("schedule", "list", "get", "delete")),
        Param("schedule", Kind.TEXT, "`schedule`: minute, hour, day of the month, month, day of the week, with a 0 for the "
              "seconds before them if wanted; required there", least=1, most=MOST_CHARACTERS),
        Param("timezone", Kind.TEXT, "`schedule`: whose clock counts, such as `Europe/Berlin`", default="UTC", least=1),
        Param("flow_id", Kind.TEXT, "`schedule`: which flow is run, always its newest version; else this one", least=1),
        Param("payload", Kind.MAP, "`schedule`: the input of its runs, at most 64 KiB; else an empty one"),
        Param("id", Kind.TEXT, "`schedule`: a name for it, and what has that name already is replaced; required to `get` and "
              "to `delete`", least=1),
    )  # fmt: skip
    page = Page(
        summary="Manages schedules: each runs a flow of the account whenever its time has come, to the minute. Fields are `*`, "
        "lists, ranges and steps, and names such as `MON` or `JAN`; `L`, `W` and `#` are not supported, and only one of the "
        "two day fields may be narrowed down. A time that a change of the clock skips is left out, one that it repeats counts "
        "once. A schedule whose flow is deleted removes itself. An account has at most 100. On one machine, of the times that "
        "pass while Flowker does not run the first is made up for at the next start.",
        example='{ type: cron, params: { schedule: "30 8 * * MON-FRI", timezone: Europe/Berlin, payload: { kind: daily } }, '
        "next: { default: done } }",
        results={
            "job_id, schedule, next_run_time": "`schedule`; also timezone and flow_id",
            "jobs[]": "`list`: {job_id, schedule, timezone, flow_id, payload, next_run_time, created_at}, by job_id",
            "(a job), executions[]": "`get`: with its latest ten runs {execution_id, scheduled_for, status}, the newest first",
            "deleted, id": "`delete`: whether there was one",
        },
        actions={"default": "always"},
        handles=NO_NAMES,
        logs={"Schedule created": "info, data `{job_id, schedule, next_run_time}`"},
    )

    def further(self, params: Mapping[str, Any]) -> Iterator[Problem]:
        operation = params.get("operation") or "schedule"
        needed = _NEEDS.get(operation) if isinstance(operation, str) else None
        if needed is not None and params.get(needed) is None:
            yield MISSING, needed, f"is required to {operation}"
        for name, read in _READERS.items():
            text = params.get(name)
            if isinstance(text, str) and text and not open_(text) and (reason := _refusal(read, text)):
                yield INVALID, name, reason
        given = params.get("id")
        if isinstance(given, str) and given and not open_(given) and not _ID.fullmatch(given):
            yield INVALID, "id", _WRONG_ID

    def run(self, around: Circumstances) -> Done:
        values = self.values(around)
        needed = _NEEDS.get(values["operation"])
        if needed is not None and values[needed] is None:
            raise wrong(needed, f"is required to {values['operation']}")
        if values["id"] is not None and not _ID.fullmatch(values["id"]):
            raise wrong("id", _WRONG_ID)
        if around.schedules is None:
            raise FlowFailure("flows cannot be scheduled here", retryable=False)
        if values["operation"] == "schedule":
            done = _schedule(around.schedules, values, around.idempotency_key)
        else:
            done = _OPERATIONS[values["operation"]](around.schedules, values)
        return Done(done.value, logs=done.logs, shared=remembered("cron", done.value))


def _schedule(schedules: Schedules, values: Values, key: str) -> Done:
    payload: Mapping[str, Json] = values["payload"] or {}
    for name, read in _READERS.items():
        if reason := _refusal(read, values[name]):
            raise wrong(name, reason)
    made = schedules.schedule(
        values["id"] or f"{PREFIX}{key}", values["schedule"], values["timezone"], values["flow_id"], payload
    )
    job = _job(made)
    told = {name: job[name] for name in ("job_id", "schedule", "next_run_time")}
    result = {**told, "timezone": job["timezone"], "flow_id": job["flow_id"]}
    return Done(result, logs=[Line(Level.INFO, "Schedule created", told)])


def _list(schedules: Schedules, values: Values) -> Done:
    return Done({"jobs": [_job(schedule) for schedule in schedules.all()]})


def _get(schedules: Schedules, values: Values) -> Done:
    found = schedules.get(values["id"])
    if found is None:
        raise FlowFailure(f"schedule not found: {values['id']}", retryable=False)
    schedule, latest = found
    return Done({**_job(schedule), "executions": _executions(latest)})


def _delete(schedules: Schedules, values: Values) -> Done:
    return Done({"deleted": schedules.delete(values["id"]), "id": values["id"]})


_OPERATIONS: Mapping[str, Callable[[Schedules, Values], Done]] = {
    "list": _list,
    "get": _get,
    "delete": _delete,
}


def _job(schedule: Schedule) -> dict[str, Json]:
    return {
        "job_id": schedule.id,
        "schedule": schedule.cron,
        "timezone": schedule.timezone,
        "flow_id": schedule.flow_id,
        "payload": dict(schedule.payload),
        "next_run_time": whole_seconds(schedule.next_run_at),
        "created_at": whole_seconds(schedule.created_at),
    }


def _executions(latest: Sequence[tuple[Fired, RunStatus]]) -> list[Json]:
    return [
        {
            "execution_id": fired.execution_id,
            "scheduled_for": whole_seconds(fired.scheduled_for),
            "status": status.value,
        }
        for fired, status in latest
    ]


def _refusal(read: Callable[[str], object], text: str) -> str | None:
    try:
        read(text)
    except CronError as error:
        return str(error)
    return None

"""Triggers of type `schedule`: what is refused when a workflow is activated, what becomes of the others, and when they start
something (an extension of Flowker spec g.3)."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from flowker import wiring
from flowker.adapters import keys
from flowker.errors import ChangedConcurrently, StoreUnavailable
from flowker.events import run_schedule
from flowker.model import exact_json
from flowker.model.audit import ActorType
from flowker.model.cron import MOST_CHARACTERS
from flowker.model.execution import Execution
from flowker.model.graph import Graph
from flowker.model.page import PageQuery
from flowker.model.schedule import MOST_PAYLOAD, Schedule
from flowker.model.workflow import MOST_ROUTES, MachineType
from flowker.settings import Settings
from flowker.usecases.workflow_schedules import declared, input_of, schedules_of
from flowker.wiring.schedules import schedule_store, schedules
from flowker_local.schedules import keep_time
from tests.engine_world import InstantLoop
from tests.fakes import (
    CountingIds,
    ManualClock,
    MemoryBlobs,
    MemoryTable,
    PlainCipher,
    RecordingMachines,
    RecordingTimer,
    ScriptedCompletions,
)
from tests.functions import Answered, call
from tests.integration.samples import launch
from tests.samples import chain, edge, set_output, trigger, unique, workflow
from tests.trails import trail

EVERY_MINUTE = "* * * * *"
STARTED = "2026-03-01T10:00:00.000Z"
NEXT = "2026-03-01T10:01:00.000Z"


class SlowMachines(RecordingMachines):
    """Lets something happen while a machine is published, once."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None

    def publish(self, definition: Any, kind: MachineType) -> str:
        interruption, self.meanwhile = self.meanwhile, None
        if interruption is not None:
            interruption()
        return super().publish(definition, kind)


class World:
    def __init__(self) -> None:
        self.clock, self.timer = ManualClock(), RecordingTimer()
        self.machines = SlowMachines()
        self.table = MemoryTable()
        wiring.use(
            wiring.Home(
                settings=Settings(authenticate=False),
                table=self.table,
                blobs=MemoryBlobs(),
                cipher=PlainCipher(),
                machines=self.machines,
                completions=ScriptedCompletions(),
                http=_no_calls,
                probes={},
                clock=self.clock,
                ids=CountingIds(),
                timer=lambda: self.timer,
            )
        )

    def draft(self, *triggers: dict[str, Any]) -> str:
        """The path of a new workflow, in which each trigger leads to the same node."""
        return self.create(
            workflow([*triggers, set_output("done")], [edge(each["id"], "done") for each in triggers])
        )

    def create(self, document: dict[str, Any]) -> str:
        return f"/v1/workflows/{call('POST', '/v1/workflows', document).ok(201)['workflowId']}"

    def active(self, *triggers: dict[str, Any]) -> str:
        path = self.draft(*triggers)
        call("POST", f"{path}/activate").ok()
        return path

    def look(self, seconds: float = 0) -> int:
        """Let time pass, and look at what is due."""
        self.clock.advance(seconds)
        return schedules().fire_due()

    def started(self) -> list[Execution]:
        """The latest first."""
        query = PageQuery(100, "startedAt", ascending=False)
        return list(wiring.executions().list(query).items)

    def input(self, number: int = 0) -> Any:
        return wiring.execution_store().history(self.started()[number].id).input


def _no_calls() -> Any:
    raise AssertionError("nobody is called here")


@pytest.fixture
def world() -> World:
    return World()


def clock(node_id: str = "nightly", schedule: Any = EVERY_MINUTE, **data: Any) -> dict[str, Any]:
    return trigger(node_id, triggerType="schedule", schedule=schedule, **data)


def id_of(path: str) -> str:
    return path.rpartition("/")[2]


def stored(path: str, node_id: str = "nightly") -> Schedule:
    found = schedule_store().get(id_of(path), node_id)
    assert found is not None
    return found


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "pointer", "message"),
    [
        ({"schedule": None}, "schedule", "schedule must be"),
        ({"schedule": ""}, "schedule", "schedule must"),
        ({"schedule": 5}, "schedule", "schedule must be"),
        ({"schedule": "0 9 * *"}, "schedule", "schedule must have five fields"),
        ({"schedule": "30 0 9 * * *"}, "schedule", "schedule must have 0 as seconds"),
        ({"schedule": "0 9 L * *"}, "schedule", "schedule cannot have L"),
        ({"schedule": "0 9 1 * MON"}, "schedule", "schedule cannot have both"),
        ({"schedule": "0 9 31 2 *"}, "schedule", "schedule is never due"),
        ({"schedule": "0" * (MOST_CHARACTERS + 1)}, "schedule", "schedule must"),
        ({"timezone": "Moon/Crater"}, "timezone", "timezone must be a time zone"),
        ({"timezone": ""}, "timezone", "timezone must be a time zone"),
        ({"timezone": 1}, "timezone", "timezone must be"),
        ({"input": []}, "input", "input must be"),
        (
            {"input": {"x": "x" * MOST_PAYLOAD}},
            "input",
            f"input must not be longer than {MOST_PAYLOAD} bytes, with _schedule",
        ),
        ({"path": "in"}, "path", "path is"),
    ],
)
def test_a_wrong_schedule_is_found_when_the_workflow_is_activated(
    world: World, data: dict[str, Any], pointer: str, message: str
) -> None:
    path = world.draft(trigger(), clock(**data))
    refusal = call("POST", f"{path}/activate").refused(422, "FLK-0211")
    assert list(refusal["fields"]) == [f"/nodes/1/data/{pointer}"]
    assert refusal["message"].startswith(f'trigger "nightly": {message}')
    assert call("GET", path).ok()["status"] == "draft"
    assert (world.machines.definitions, world.timer.schedules) == ({}, {})


def test_a_trigger_without_a_schedule_and_all_that_is_wrong_with_one_are_found_at_once(world: World) -> None:
    none = clock()
    del none["data"]["schedule"]
    path = world.draft(none, clock("other", "0 9 * *", timezone="Moon/Crater"))
    fields = call("POST", f"{path}/activate").refused(422, "FLK-0211")["fields"]
    assert [*fields] == [
        f"/nodes/{field}" for field in ("0/data/schedule", "1/data/schedule", "1/data/timezone")
    ]


def test_webhooks_and_schedules_of_a_workflow_are_counted_together(world: World) -> None:
    hooks = [trigger(f"h{number}", path=f"/in/{number}", method="POST") for number in range(MOST_ROUTES - 1)]
    path = world.draft(*hooks, clock("one"), clock("two"))
    refusal = call("POST", f"{path}/activate").refused(422, "FLK-0211")
    assert f"more than {MOST_ROUTES} webhook routes and schedules together" in refusal["message"]
    assert refusal["fields"] == {"/nodes": refusal["message"]}
    assert world.machines.definitions == {}


# --- what it becomes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (clock(), True),
        ({**clock(), "data": {"triggerId": "schedule", "schedule": EVERY_MINUTE}}, True),
        (trigger(path="/in", method="POST", schedule=EVERY_MINUTE), False),
        ({**clock(), "type": "action"}, False),
    ],
)
def test_triggers_of_the_type_declare_a_schedule_and_other_nodes_do_not(
    node: dict[str, Any], found: bool
) -> None:
    (only,) = Graph.model_validate({"nodes": [node]}).nodes
    assert (declared(only) is not None) is found


def test_each_trigger_becomes_a_schedule_with_its_own_launch() -> None:
    nodes = [
        clock("b", "0 9 * * *", timezone="Europe/Berlin", input={"kind": "daily"}),
        trigger(),
        clock("a"),
    ]
    graph = Graph.model_validate({"nodes": nodes})
    launches = {
        node.id: launch("w").model_copy(update={"entry": node.id, "machine": f"m-{node.id}"})
        for node in graph.nodes
    }
    daily, other = schedules_of(graph, launches, ManualClock().now())
    assert daily == Schedule(
        id="b",
        owner_id="w",
        launch=launches["b"],
        cron="0 9 * * *",
        timezone="Europe/Berlin",
        payload={"kind": "daily"},
        next_run_at="2026-03-02T08:00:00.000Z",
        created_at=STARTED,
    )
    assert (other.id, other.launch, other.timezone, dict(other.payload)) == ("a", launches["a"], "UTC", {})


# --- what it starts -----------------------------------------------------------------------------------------------------


def test_an_active_workflow_starts_each_minute_once(world: World) -> None:
    path = world.active(clock(input={"kind": "daily", "_schedule": "forged"}))
    assert world.look() == 0
    for minute in range(1, 4):
        assert world.look(60) == 1
        assert world.look() == 0
        assert len(world.started()) == minute
    assert world.input(-1) == {
        "kind": "daily",
        "_schedule": {"trigger": "nightly", "scheduled_for": NEXT},
    }
    assert [each.launch.workflow_id for each in world.started()] == [id_of(path)] * 3
    assert len(world.machines.started) == 3


def test_whoever_looks_at_the_audit_trail_sees_that_the_system_has_started_it(world: World) -> None:
    world.active(clock())
    world.look(60)
    wiring.audit_chain().append_pending()
    event = trail(world.table)[-1].event
    assert event.type == "EXECUTION_STARTED"
    assert (event.actor.type, event.actor.id) == (ActorType.SYSTEM, "flowker")


def test_the_longest_input_is_stored_beside_its_execution(world: World) -> None:
    """Where it is longer it becomes a blob, which the function that starts it may not write."""
    most = MOST_PAYLOAD - len(exact_json.dumps(input_of({"x": ""}, "nightly", NEXT)))
    longer = world.draft(clock(input={"x": "x" * (most + 1)}))
    call("POST", f"{longer}/activate").refused(422, "FLK-0211")
    world.active(clock(input={"x": "x" * most}))
    assert world.look(60) == 1
    (item,) = world.table.get([keys.execution_input(world.started()[0].id)])
    assert item is not None
    assert len(str(item["body"])) == MOST_PAYLOAD


def test_a_second_trigger_starts_the_machine_that_begins_with_it(world: World) -> None:
    triggers = [trigger("first"), clock("second", "30 10 * * *"), clock("third", "0 11 * * *")]
    ways = [edge("first", "a"), edge("second", "a"), edge("third", "b"), edge("b", "a")]
    path = world.create(workflow([*triggers, set_output("a"), set_output("b")], ways))
    call("POST", f"{path}/activate").ok()
    assert world.look(30 * 60) == 1
    assert world.look(30 * 60) == 1
    third, second = (each.launch for each in world.started())
    assert (second.entry, third.entry) == ("second", "third")
    assert second.machine != third.machine
    assert {second.machine, third.machine} == {*world.machines.definitions}


def test_of_the_times_that_nobody_looked_the_first_is_made_up_for(world: World) -> None:
    path = world.active(clock())
    assert world.look(3600) == 1
    assert world.look() == 0
    assert world.input()["_schedule"]["scheduled_for"] == NEXT
    assert stored(path).next_run_at == "2026-03-01T11:01:00.000Z"


def test_a_time_that_is_told_twice_starts_one_execution(world: World) -> None:
    """As EventBridge Scheduler may; and whoever stopped between the start and the note of it starts nothing again."""
    path = world.active(clock())
    before = stored(path)
    event = {
        "ownerId": id_of(path),
        "scheduleId": "nightly",
        "scheduledFor": "2026-03-01T10:01:00Z",
        "setAt": STARTED,
    }
    world.clock.advance(60)
    first = run_schedule.handle(event, None)
    assert first == {"executionId": world.started()[0].id}
    assert run_schedule.handle(event, None) == first
    assert schedule_store().put(stored(path), before)
    assert world.look() == 1
    assert len(world.started()) == 1


def test_a_start_that_was_accepted_is_repeated_until_the_machine_runs(world: World) -> None:
    world.active(clock())
    world.machines.unavailable = True
    assert world.look(60) == 1
    assert world.machines.started == []
    world.machines.unavailable = False
    world.clock.advance(60)
    assert wiring.executions().start_pending() == 1
    assert world.machines.started == [world.started()[0].id]


# --- how it ends --------------------------------------------------------------------------------------------------------


def test_a_workflow_that_is_deactivated_starts_nothing_more(world: World) -> None:
    path = world.active(clock(), clock("other"))
    assert len(world.timer.schedules) == 2
    call("POST", f"{path}/deactivate").ok()
    assert world.timer.schedules == {}
    assert schedule_store().of_owner(id_of(path)) == []
    assert world.look(3600) == 0
    told = {"ownerId": id_of(path), "scheduleId": "nightly", "scheduledFor": NEXT, "setAt": STARTED}
    assert run_schedule.handle(told, None) == {"executionId": None}
    assert world.started() == []


def test_a_timer_that_could_not_be_cleared_keeps_nothing_from_ending_and_removes_itself(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    path = world.active(clock())
    world.timer.unavailable = True
    assert call("POST", f"{path}/deactivate").ok()["status"] == "inactive"
    assert "a timer is not what it should be yet" in caplog.text
    world.timer.unavailable = False
    assert len(world.timer.schedules) == 1
    assert schedules().fire(id_of(path), "nightly", "2026-03-01T10:10:00.000Z", STARTED) is None
    assert world.timer.schedules == {}
    assert world.started() == []


def test_no_workflow_becomes_active_that_nobody_would_call_for(world: World) -> None:
    path = world.draft(clock())
    world.timer.unavailable = True
    assert call("POST", f"{path}/activate").status == 503
    assert call("GET", path).ok()["status"] == "draft"
    assert schedule_store().of_owner(id_of(path)) == []


def _again(path: str, schedule: str) -> None:
    """Take a workflow out of use, change its schedule, and activate it."""
    call("POST", f"{path}/deactivate").ok()
    call("POST", f"{path}/draft").ok()
    _changed(path, schedule).ok()
    call("POST", f"{path}/activate").ok()


def _changed(path: str, schedule: str) -> Answered:
    return call("PUT", path, chain(clock(schedule=schedule), set_output("done")))


def test_an_activation_after_another_one_brings_the_schedule_that_is_there_then(world: World) -> None:
    path = world.active(clock())
    for hour in (11, 12, 13):
        _again(path, f"0 {hour} * * *")
    assert stored(path).cron == "0 13 * * *"
    assert [each.cron for each in world.timer.schedules.values()] == ["0 13 * * *"]
    assert world.look(3600) == 0
    assert world.look(2 * 3600) == 1


def test_a_time_before_the_activation_is_none_of_its_own(world: World) -> None:
    """A late call for an earlier schedule of the same trigger."""
    path = world.active(clock())
    world.clock.advance(90)
    _again(path, EVERY_MINUTE)
    assert schedules().fire(id_of(path), "nightly", NEXT, STARTED) is None
    assert world.started() == []
    assert world.look(30) == 1


def test_a_time_that_was_taken_before_the_input_changed_starts_nothing(world: World) -> None:
    path = world.active(clock(input={"n": 1}))
    assert world.look(60) == 1
    before = stored(path)
    assert schedule_store().put(before, before.model_copy(update={"payload": {"n": 2}}))
    assert schedules().fire(id_of(path), "nightly", NEXT) is None
    assert len(world.started()) == 1


def test_an_activation_that_is_overtaken_leaves_the_timer_of_the_other_one(world: World) -> None:
    path = world.draft(clock())

    def overtake() -> None:
        _changed(path, "0 12 * * *").ok()
        call("POST", f"{path}/activate").ok()

    world.machines.meanwhile = overtake
    call("POST", f"{path}/activate").refused(409, "FLK-0350")
    assert [each.cron for each in world.timer.schedules.values()] == ["0 12 * * *"]
    assert stored(path).cron == "0 12 * * *"


def test_a_deactivation_that_is_late_leaves_the_timer_of_a_new_activation(world: World) -> None:
    path = world.active(clock())
    before = wiring.workflows().get(id_of(path))
    _again(path, "0 12 * * *")
    wiring.workflows().timers.clear(before)
    assert [each.cron for each in world.timer.schedules.values()] == ["0 12 * * *"]


class LateTimer(RecordingTimer):
    """Somebody else clears a timer just when it was set, once."""

    def __init__(self) -> None:
        super().__init__()
        self.late = False

    def set(self, schedule: Schedule) -> None:
        super().set(schedule)
        if self.late:
            self.late = False
            self.clear(schedule.owner_id, schedule.id)


def test_a_deactivation_that_ends_during_a_new_activation_leaves_its_timer(world: World) -> None:
    world.timer = LateTimer()
    path = world.active(clock())
    call("POST", f"{path}/deactivate").ok()
    call("POST", f"{path}/draft").ok()
    world.timer.late = True
    call("POST", f"{path}/activate").ok()
    assert list(world.timer.schedules) == [(id_of(path), "nightly")]


def test_a_schedule_whose_zone_is_known_no_more_keeps_no_other_from_its_turn(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    lost = world.active(clock())
    before = stored(lost)
    assert schedule_store().put(before, before.model_copy(update={"timezone": "US/Pacific-New"}))
    world.clock.advance(1)
    world.active(clock("other"))
    for minute in (1, 2):
        assert world.look(60) == 1
        assert len(world.started()) == 1 + minute
    assert "must be a time zone" in caplog.text


def test_a_look_that_fails_is_not_the_last_one() -> None:
    looks: list[Exception | None] = [ChangedConcurrently("by others"), StoreUnavailable("throttled"), None]
    seen: list[Exception | None] = []

    async def in_thread(look: Callable[[], int]) -> None:
        seen.append(looks[len(seen)])
        if len(seen) == len(looks):
            raise asyncio.CancelledError
        raise seen[-1] or AssertionError

    loop = InstantLoop()
    with closing(loop), pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(keep_time(in_thread))
    assert seen == looks


def test_a_workflow_without_schedules_needs_no_timer(world: World) -> None:
    world.timer.unavailable = True
    path = world.active(trigger(path=f"/{unique()}", method="POST"))
    call("POST", f"{path}/deactivate").ok()

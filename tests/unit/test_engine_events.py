"""What the worker does is in the audit trail: every call of a provider, whatever becomes of its result (spec j.2 [R])."""

from typing import Any

import pytest

from flowker.adapters.stores.chain import ItemAuditChain
from flowker.adapters.stores.outbox import notice_of
from flowker.errors import NodeFailed, ProviderUnavailable
from flowker.events import append_audit
from flowker.model.audit import SYSTEM, AuditEvent, EventType, Result
from flowker.model.execution import ExecutionStatus, Outcome
from flowker.model.outbound import CallFailed
from tests.integration.samples import instant
from tests.trails import outbox, records, trail, use
from tests.unit.test_cancelling import World as Cancelling
from tests.unit.test_node_runs import PROVIDER, World

CALLED, ANSWERED, REFUSED = (
    EventType.PROVIDER_CALL_STARTED,
    EventType.PROVIDER_CALL_COMPLETED,
    EventType.PROVIDER_CALL_FAILED,
)


def announced(world: World) -> list[AuditEvent]:
    """In the order of their times."""
    return [event for item in outbox(world.table) for event in notice_of(item).events]


def kinds(world: World) -> list[EventType]:
    return [event.type for event in announced(world)]


ABOUT: dict[str, Any] = {
    "node.id": "score",
    "executor.id": "http",
    "provider_config.id": PROVIDER.id,
    "attempt": 1,
}


def test_a_call_that_succeeds_is_two_events_in_the_write_of_its_step() -> None:
    world = World(lambda: world.clock.advance(0.25))
    world.run()
    called, answered = announced(world)
    assert (called.type, called.result, called.metadata) == (CALLED, Result.SUCCESS, ABOUT)
    assert (answered.type, answered.result) == (ANSWERED, Result.SUCCESS)
    assert answered.metadata == ABOUT | {"statusCode": 200, "durationMs": 250}
    assert (called.at, answered.at) == ("2026-03-01T10:00:00.000000Z", "2026-03-01T10:00:00.250000Z")
    for event in (called, answered):
        assert (event.resource_id, event.resource_type, event.actor) == (world.id, "execution", SYSTEM)
    notices = [notice_of(item) for item in outbox(world.table)]
    assert [len(notice.events) for notice in notices if notice.events] == [2]


def test_a_call_that_fails_for_good_ends_the_execution_in_the_same_notice() -> None:
    world = World(404)
    with pytest.raises(NodeFailed):
        world.run()
    called, refused, ended = announced(world)
    assert (called.type, refused.type, ended.type) == (CALLED, REFUSED, EventType.EXECUTION_FAILED)
    assert (refused.metadata["statusCode"], refused.metadata["attempt"]) == (404, 1)
    assert (refused.result, ended.result) == (Result.FAILED, Result.FAILED)
    assert ended.metadata == {"workflow.id": world.history.execution.launch.workflow_id, "error": "FLK-0504"}
    assert len({event.id for event in announced(world)}) == 3


def test_each_attempt_is_recorded_although_it_records_no_step() -> None:
    world = World(503)
    for attempt in range(4):
        with pytest.raises(ProviderUnavailable):
            world.run(attempt=attempt)
        world.clock.advance(1)
    with pytest.raises(NodeFailed):
        world.run(attempt=4)
    assert kinds(world) == [CALLED, REFUSED] * 5 + [EventType.EXECUTION_FAILED]
    attempts = [event.metadata["attempt"] for event in announced(world) if event.type is REFUSED]
    assert attempts == [1, 2, 3, 4, 5]


def test_a_call_that_the_circuit_breaker_kept_back_never_started() -> None:
    world = World(503)
    for attempt in range(5):
        with pytest.raises((ProviderUnavailable, NodeFailed)):
            world.run(attempt=attempt)
    world.id, other = "11111111-1111-4111-8111-111111111111", world.id
    started = world.executions.get(other).model_copy(
        update={"id": world.id, "status": ExecutionStatus.PENDING, "outcome": None}
    )
    world.executions.add(started, {"amount": 1}, None)
    with pytest.raises(NodeFailed):
        world.run()
    own = [event for event in announced(world) if event.resource_id == world.id]
    assert [event.type for event in own] == [REFUSED, EventType.EXECUTION_FAILED]
    assert own[0].metadata["error"] == "FLK-0507"
    assert "statusCode" not in own[0].metadata


def test_a_redelivery_that_repeats_nothing_announces_nothing() -> None:
    world = World()
    world.run()
    before = announced(world)
    world.run()
    assert announced(world) == before


def test_a_second_delivery_that_called_in_vain_is_recorded_too() -> None:
    """Both have called; only one step is recorded."""

    def meanwhile() -> None:
        world.clock.advance(0.1)
        world.run()

    world = World(meanwhile, 200)
    world.run()
    assert len(world.http.sent) == 2
    assert kinds(world).count(CALLED) == kinds(world).count(ANSWERED) == 2
    assert len({event.id for event in announced(world)}) == 4
    chain_all(world)


@pytest.mark.parametrize("failure", [CallFailed("request failed: reset"), 200])
def test_a_call_under_way_when_the_execution_ended_is_recorded(failure: Any) -> None:
    def end() -> None:
        world.executions.finish(world.id, Outcome(at=instant(5)))
        if isinstance(failure, Exception):
            raise failure

    world = World(end)
    with pytest.raises(NodeFailed):
        world.run()
    assert sorted(kinds(world)) == sorted([CALLED, REFUSED if isinstance(failure, Exception) else ANSWERED])
    assert world.history.steps == {}


def test_cancelling_says_who_did_it_and_how_the_execution_ended() -> None:
    world = Cancelling()
    world.cancel()
    events = [event for item in outbox(world.table) for event in notice_of(item).events]
    assert [(event.type, event.action, event.result) for event in events] == [
        (EventType.EXECUTION_CANCELLED, "CANCEL", "SUCCESS"),
        (EventType.EXECUTION_FAILED, "EXECUTE", "FAILED"),
    ]
    assert events[1].metadata["error"] == "FLK-0510"


def chain_all(world: World) -> None:
    """And whatever was announced can be chained, by the stream as well."""
    use(world.table)
    waiting = outbox(world.table)
    assert append_audit.handle(records(waiting), None) == {
        "appended": len(waiting),
        "batchItemFailures": [],
    }
    assert ItemAuditChain(world.table).head().sequence == len(trail(world.table))

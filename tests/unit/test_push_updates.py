"""What wakes the pusher: stream records of events, and direct invocations (FlowRunner spec i.5)."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from flowker import wiring
from flowker.adapters import keys
from flowker.adapters.items import Key
from flowker.errors import StoreUnavailable
from flowker.events.push_updates import handle
from flowker.model.execution import Execution, ExecutionStatus
from flowker.model.run import EventKind, Level, RunEvent
from flowker.model.workflow import Launch
from flowker.ports.sockets import Connection, Posted
from flowker.wiring.runs import run_store
from flowker.wiring.sockets import connection_store
from tests.fakes import RecordingPusher, RecordingSockets
from tests.harness import Bench

AT = "2026-03-01T10:00:00.000Z"


@dataclass
class Context:
    aws_request_id: str = "request-1"


class Broken(RecordingSockets):
    """Cannot post to some connections at all."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()

    def post(self, messages: Any) -> Posted:
        if self.broken & messages.keys():
            raise ValueError("poison")
        return super().post(messages)


class Away(RecordingPusher):
    def wake(self, execution_id: str) -> None:
        raise StoreUnavailable("throttled")


@dataclass
class World:
    sockets: Broken
    pusher: RecordingPusher


@pytest.fixture
def world() -> World:
    Bench()
    found = World(Broken(), RecordingPusher())
    wiring.use(replace(wiring.home(), sockets=lambda: found.sockets, pusher=lambda: found.pusher))
    for name in ("exec-1", "exec-2", "exec-3"):
        launch = Launch(
            workflow_id="flow-1", revision="r", machine="m", total_steps=1, entry="s", account_id="account-1"
        )
        run = Execution(id=name, launch=launch, status=ExecutionStatus.RUNNING, started_at=AT)
        run_store().start(run, {}, None, [RunEvent(kind=EventKind.LOG, at=AT, level=Level.INFO, message="m")])
        connection_store().add(Connection(f"of {name}", name, "account-1", "token-1", 0, 10**10))
    return found


def record(key: Key, number: int, event: str = "INSERT") -> dict[str, Any]:
    stored = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    return {"eventName": event, "dynamodb": {"Keys": stored, "SequenceNumber": str(number)}}


def told(world: World) -> dict[str, list[int]]:
    return {
        name: [json.loads(text)["sequence"] for text in texts] for name, texts in world.sockets.sent.items()
    }


def test_a_direct_invocation_pushes_its_run(world: World) -> None:
    handle({"executionId": "exec-1"}, Context())
    assert told(world) == {"of exec-1": [1]}


def test_records_of_events_push_each_run_once(world: World) -> None:
    records = [
        record(keys.event("exec-1", 1), 1),
        record(keys.event("exec-2", 1), 2),
        record(keys.event("exec-1", 2), 3),
        record(keys.execution("exec-3"), 4),
        record(keys.event("exec-3", 1), 5, "REMOVE"),
        record(keys.outbox("exec-3", AT, "n"), 6),
    ]
    assert handle({"Records": records}, Context()) == {"batchItemFailures": []}
    assert told(world) == {"of exec-1": [1], "of exec-2": [1]}


def test_a_run_that_cannot_be_pushed_is_given_an_invocation_of_its_own(world: World) -> None:
    world.sockets.broken.add("of exec-1")
    records = [record(keys.event(name, 1), n) for n, name in enumerate(("exec-1", "exec-2"), start=1)]
    assert handle({"Records": records}, Context()) == {"batchItemFailures": []}
    assert world.pusher.woken == ["exec-1"]
    assert told(world) == {"of exec-2": [1]}


def test_if_not_even_that_is_possible_the_records_from_there_on_come_again(world: World) -> None:
    world.sockets.broken.add("of exec-1")
    world.pusher = Away()
    wiring.use(replace(wiring.home(), pusher=lambda: world.pusher))
    records = [
        record(keys.event(name, 1), n) for n, name in enumerate(("exec-2", "exec-1", "exec-3"), start=7)
    ]
    answer = handle({"Records": records}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "8"}]}


def test_a_direct_invocation_that_fails_says_why(world: World) -> None:
    world.sockets.broken.add("of exec-1")
    with pytest.raises(ValueError, match="poison"):
        handle({"executionId": "exec-1"}, Context())


def test_without_sockets_the_gateway_is_not_even_asked_for(world: World) -> None:
    def absent() -> Any:
        raise AssertionError("nobody follows")

    connection_store().remove(["of exec-1"])
    wiring.use(replace(wiring.home(), sockets=absent, pusher=absent))
    handle({"executionId": "exec-1"}, Context())

"""Every socket is told everything once and in order, whoever is woken when (FlowRunner spec i.3 to i.5)."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.adapters.stores.connections import ItemConnectionStore
from flowker.adapters.stores.runs import ItemRunStore
from flowker.errors import StoreUnavailable
from flowker.model.execution import Execution, ExecutionStatus, Outcome
from flowker.model.instant import instant
from flowker.model.run import EventKind, Level, RunEvent, RunStatus
from flowker.model.workflow import Launch
from flowker.ports.sockets import Connection, Posted
from flowker.usecases.pushing import PAGE, QUIET_SECONDS, SESSION_SECONDS, YOUNG_SECONDS, Pushing
from tests.fakes import ManualClock, MemoryBlobs, MemoryTable, RecordingPusher, RecordingSockets

RUN = "exec-1"
OWNER = "account-1"


class Interrupted(RecordingSockets):
    """Something happens while the first messages are posted."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile: list[Callable[[], object]] = [meanwhile]

    def post(self, messages: Any) -> Posted:
        posted = super().post(messages)
        if self._meanwhile:
            self._meanwhile.pop()()
        return posted


class InterruptedRelease(ItemConnectionStore):
    """Something happens just before a lease is released for the first time."""

    meanwhile: Sequence[Callable[[], object]] = ()

    def release(
        self, execution_id: str, holder: str, now: int, sent: Mapping[str, int] | None = None
    ) -> None:
        happening, self.__class__.meanwhile = self.meanwhile, ()
        for each in happening:
            each()
        super().release(execution_id, holder, now, sent)


class World:
    """A run, its sockets, and a pusher beside a clock that moves by hand."""

    def __init__(self, sockets: RecordingSockets | None = None) -> None:
        self.table, self.clock = MemoryTable(), ManualClock()
        self.runs = ItemRunStore(self.table, MemoryBlobs())
        self.connections = ItemConnectionStore(self.table)
        self.sockets = sockets or RecordingSockets()
        self.pusher = RecordingPusher()
        self.pushing = Pushing(
            self.connections,
            self.runs,
            lambda: self.sockets,
            lambda: self.pusher,
            self.clock,
            self.clock.advance,
        )
        self._names = count(1)
        launch = Launch(
            workflow_id="flow-1", revision="r", machine="m", total_steps=1, entry="__start", account_id=OWNER
        )
        execution = Execution(
            id=RUN, launch=launch, status=ExecutionStatus.RUNNING, started_at=instant(self.clock.now())
        )
        self.runs.start(execution, {"in": 1}, None, [self.log("Execution started")])

    def log(self, text: str) -> RunEvent:
        return RunEvent(
            kind=EventKind.LOG, at=instant(self.clock.now()), level=Level.INFO, message=text, node_id="a"
        )

    def tell(self, number: int = 1) -> None:
        for _ in range(number):
            self.runs.tell(RUN, [self.log("more")])

    def end(self) -> None:
        self.runs.finish(RUN, Outcome(at=instant(self.clock.now()), error_message="broken"))

    def connect(self, sent: int = 0, age: int = 3600) -> str:
        name = f"socket-{next(self._names)}"
        now = int(self.clock.now().timestamp())
        self.connections.add(Connection(name, RUN, OWNER, "token-1", sent, now + 3600, now - age))
        return name

    def push(self, holder: str = "me") -> None:
        self.pushing.push(RUN, holder)

    def messages(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.sockets.sent.get(name, [])]

    def heard(self, name: str) -> list[int]:
        return [message["sequence"] for message in self.messages(name)]


def test_who_connects_late_is_told_everything_from_the_beginning() -> None:
    world = World()
    world.tell(3)
    late = world.connect()
    world.push()
    world.tell(2)
    world.push()
    assert world.heard(late) == [1, 2, 3, 4, 5, 6]


def test_who_names_the_last_event_it_knows_is_told_the_rest() -> None:
    world = World()
    world.tell(3)
    back = world.connect(sent=2)
    world.push()
    assert world.heard(back) == [3, 4]


def test_pushing_again_repeats_nothing() -> None:
    world = World()
    name = world.connect()
    for _ in range(3):
        world.push()
    assert world.heard(name) == [1]


def test_everybody_gets_what_they_lack_however_far_apart_they_are() -> None:
    world = World()
    world.tell(4 * PAGE)
    total = 4 * PAGE + 1
    names = {sent: world.connect(sent) for sent in (0, 1, PAGE, PAGE + 1, 3 * PAGE, total)}
    world.push()
    assert {sent: world.heard(name) for sent, name in names.items()} == {
        sent: list(range(sent + 1, total + 1)) for sent in names
    }


def test_who_is_up_to_date_does_not_wait_for_who_has_to_catch_up() -> None:
    world = World()
    world.tell(5 * PAGE)
    new, current = world.connect(), world.connect(5 * PAGE)
    order: list[str] = []
    real = world.sockets.post

    def post(messages: Any) -> Posted:
        order.extend(messages)
        return real(messages)

    world.sockets.post = post  # type: ignore[method-assign]
    world.push()
    assert order[:2] == [new, current] or order[:2] == [current, new]
    assert order.count(new) == 6
    assert order.count(current) == 1


def test_after_the_last_message_the_socket_is_closed_and_forgotten() -> None:
    world = World()
    live = world.connect()
    world.push()
    world.end()
    world.push()
    after = world.connect()
    world.push()
    for name in (live, after):
        assert [message["type"] for message in world.messages(name)] == ["log", "log", "execution_failed"]
        assert world.heard(name) == [1, 2, 3]
    assert world.sockets.closed == [live, after]
    assert world.connections.of_run(RUN) == []


def test_who_knows_the_last_message_already_is_closed_without_another() -> None:
    world = World()
    world.end()
    name = world.connect(sent=3)
    world.push()
    assert (world.heard(name), world.sockets.closed) == ([], [name])


def test_a_cancelled_run_is_over() -> None:
    world = World()
    name = world.connect()
    world.runs.tell(RUN, [RunEvent(kind=EventKind.UPDATE, at="x", status=RunStatus.CANCELLED)])
    world.push()
    assert world.messages(name)[-1]["status"] == "cancelled"
    assert world.sockets.closed == [name]


def test_a_socket_that_has_left_is_forgotten_and_the_others_are_told() -> None:
    world = World()
    gone, there = world.connect(), world.connect()
    world.sockets.left.add(gone)
    world.push()
    assert world.heard(there) == [1]
    assert [each.id for each in world.connections.of_run(RUN)] == [there]


def test_a_socket_that_may_not_be_open_yet_is_waited_for() -> None:
    world = World()
    opening = world.connect(age=0)
    world.sockets.left.add(opening)
    tries = iter(range(3))

    def pause(seconds: float) -> None:
        world.clock.advance(seconds)
        if next(tries) == 2:
            world.sockets.left.clear()

    Pushing(
        world.connections, world.runs, lambda: world.sockets, lambda: world.pusher, world.clock, pause
    ).push(RUN, "me")
    assert world.heard(opening) == [1]


def test_a_socket_that_never_opens_is_given_up() -> None:
    world = World()
    world.sockets.left.add(world.connect(age=0))
    with pytest.raises(StoreUnavailable):
        world.push()  # all its time has passed
    world.clock.advance(YOUNG_SECONDS - SESSION_SECONDS + 1)
    world.push()
    assert world.connections.of_run(RUN) == []


def test_a_slow_socket_holds_up_nobody_and_is_told_later_by_somebody_else() -> None:
    world = World()
    slow, quick = world.connect(), world.connect()
    world.sockets.slow.add(slow)
    world.push()
    assert (world.heard(slow), world.heard(quick)) == ([], [1])
    assert world.pusher.woken == [RUN]
    world.sockets.slow.clear()
    world.push()
    assert (world.heard(slow), world.heard(quick)) == ([1], [1])


def test_one_pushes_at_a_time() -> None:
    world = World()
    name = world.connect()
    now = int(world.clock.now().timestamp())
    world.connections.lease(RUN, "other", now, now + 30)
    world.push()
    assert world.heard(name) == []
    world.clock.advance(30)  # the other one has died
    world.push()
    assert world.heard(name) == [1]


def test_what_happens_while_pushing_is_told_as_well() -> None:
    def meanwhile() -> None:
        world.tell()
        world.connect()
        world.push("other")  # leaves at once

    world = World(Interrupted(meanwhile))
    first = world.connect()
    world.push()
    assert (world.heard(first), world.heard("socket-2")) == ([1, 2], [1, 2])


def test_what_happens_just_before_the_lease_is_released_is_not_lost() -> None:
    world = World()
    name = world.connect()

    def meanwhile() -> None:
        world.tell()
        world.connect()
        world.push("other")

    store = InterruptedRelease(world.table)
    InterruptedRelease.meanwhile = [meanwhile]
    Pushing(
        store, world.runs, lambda: world.sockets, lambda: world.pusher, world.clock, world.clock.advance
    ).push(RUN, "me")
    assert (world.heard(name), world.heard("socket-2")) == ([1, 2], [1, 2])


def test_without_sockets_nothing_is_written() -> None:
    world = World()
    before = dict(world.table._items)
    world.push()
    assert world.table._items == before


def test_a_pusher_that_fails_has_noted_what_it_sent() -> None:
    def fail() -> None:
        raise StoreUnavailable("the store is away")

    world = World(Interrupted(lambda: None))
    name = world.connect()
    world.push()
    world.tell()
    world.sockets._meanwhile.append(fail)  # type: ignore[attr-defined]
    with pytest.raises(StoreUnavailable):
        world.push()
    world.push("other")  # the lease was released
    assert world.heard(name) == [1, 2, 2]  # at least once: what failed may have been sent


def test_results_are_read_once_for_all() -> None:
    world = World()
    world.runs.tell(RUN, [RunEvent(kind=EventKind.NODE_COMPLETED, at="x", node_id="a", value_of="0")])
    names = [world.connect() for _ in range(3)]
    world.push()
    assert [world.messages(name)[1]["result"] for name in names] == [{"in": 1}] * 3


def test_quiet_sockets_get_a_sign_of_life_that_is_not_news() -> None:
    world = World()
    update = RunEvent(kind=EventKind.UPDATE, at="x", status=RunStatus.RUNNING, node_id="w", node_type="wait")
    world.runs.tell(RUN, [update])
    world.tell(PAGE + 5)
    name = world.connect(age=0)
    world.push()
    said = len(world.heard(name))
    assert world.pushing.keep_alive("me") == 0
    world.clock.advance(QUIET_SECONDS + 1)
    assert world.pushing.keep_alive("me") == 1
    last = world.messages(name)[-1]
    assert (len(world.heard(name)), last["sequence"], last["keep_alive"]) == (said + 1, 2, True)
    assert world.pushing.keep_alive("me") == 0
    world.tell()
    world.push()
    assert world.heard(name)[-1] == PAGE + 8


def test_keeping_alive_makes_up_for_a_pusher_that_died() -> None:
    world = World()
    name = world.connect()
    now = int(world.clock.now().timestamp())
    world.connections.lease(RUN, "dead", now, now + 30)
    world.clock.advance(QUIET_SECONDS + 31)
    world.pushing.keep_alive("me")
    assert world.heard(name) == [1]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["tell", "connect", "reconnect", "push", "other pushes", "slow", "quick"]),
        max_size=40,
    )
)
def test_whatever_happens_everybody_hears_everything_once_and_in_order(steps: list[str]) -> None:
    world = World()
    names = {world.connect(): 0}
    told = 1
    for step in steps:
        if step == "tell":
            world.tell()
            told += 1
        elif step == "connect":
            names[world.connect()] = 0
        elif step == "reconnect":
            names[world.connect(sent=told)] = told
        elif step == "slow":
            world.sockets.slow.add(next(iter(names)))
        elif step == "quick":
            world.sockets.slow.clear()
        else:
            try:
                world.push(step)
            except StoreUnavailable:
                assert world.sockets.slow
    world.sockets.slow.clear()
    world.end()
    world.push()
    assert {name: world.heard(name) for name in names} == {
        name: list(range(sent + 1, told + 3)) for name, sent in names.items()
    }
    assert sorted(world.sockets.closed) == sorted(names)

"""Stopping a run, wherever it is: nothing of it goes on, and its end is reported once."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from flowker_local.engine import RunEnd, TaskError
from tests.engine_world import World, instantly, states, task

WAIT = {"Type": "Wait", "Seconds": 100}
AGAIN = [{"ErrorEquals": ["Again"], "IntervalSeconds": 100, "MaxAttempts": 3}]
STOPPED = RunEnd("run", "machine", "ABORTED", "Stopped", "by hand")


def again(payload: Any) -> Any:
    raise TaskError("Again")


async def forever(payload: Any) -> Any:
    await asyncio.Event().wait()


async def stubborn(payload: Any) -> Any:
    """Answers all the same when it is cancelled."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "too late"


TASKS = {"again": again, "forever": forever, "stubborn": stubborn, "next": lambda payload: payload}
PLACES: dict[str, Mapping[str, Any]] = {
    "waiting": WAIT,
    "between two attempts": task("again", Retry=AGAIN),
    "while a task runs": task("forever"),
    "while a task runs that will be caught": task(
        "forever", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "next"}], Retry=AGAIN
    ),
    "while a task runs that answers late": task("stubborn"),
    "waiting for a callback": task("next.waitForTaskToken", TimeoutSeconds=50),
    "in the branches of a fork": {
        "Type": "Parallel",
        "Branches": [states(a=WAIT), states(b=task("forever")), states(c=task("stubborn"))],
    },
    "in the iterations of a map": {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": states(a=task("stubborn"), b=WAIT),
    },
}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_can_be_stopped_wherever_it_is(place: str) -> None:
    async def main() -> None:
        world = World(TASKS)
        world.engine.create("machine", states(here=PLACES[place], next=task("next")))
        world.engine.start("machine", "run", {"items": [1, 2]})
        await asyncio.sleep(2)
        called = len(world.calls)
        assert await world.engine.stop("run", "Stopped", "by hand")
        assert await world.end() == STOPPED
        assert world.elapsed == 2
        await asyncio.sleep(1000)
        assert len(world.calls) == called
        assert (world.engine.running(), world.journal.runs()) == (0, {})

    instantly(main())


def test_of_two_who_stop_a_run_at_once_one_did() -> None:
    async def main() -> None:
        world = World(TASKS)
        world.engine.create("machine", states(here=WAIT))
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        both = [world.engine.stop("run", "Stopped", "by hand") for _ in range(2)]
        assert sorted(await asyncio.gather(*both)) == [False, True]
        assert await world.end() == STOPPED

    instantly(main())


def test_what_has_ended_or_never_was_cannot_be_stopped() -> None:
    async def main() -> None:
        world = World(TASKS)
        assert (await world.run(states(here=task("next")))).status == "SUCCEEDED"
        assert not await world.engine.stop("run", "Stopped", "by hand")
        assert not await world.engine.stop("unknown", "Stopped", "by hand")
        await asyncio.sleep(1)
        assert world.ends["run"].status == "SUCCEEDED"

    instantly(main())


def test_a_stopped_run_is_not_started_again() -> None:
    async def main() -> None:
        world = World(TASKS)
        world.engine.create("machine", states(here=WAIT))
        world.engine.start("machine", "run", {})
        await world.engine.stop("run", "Stopped", "by hand")
        assert not world.engine.start("machine", "run", {})
        await world.end()
        await asyncio.sleep(1)
        assert not world.engine.start("machine", "run", {})

    instantly(main())


def test_the_others_go_on() -> None:
    async def main() -> None:
        world = World(TASKS)
        world.engine.create("machine", states(here=WAIT))
        for name in ("run", "other"):
            world.engine.start("machine", name, {})
        await asyncio.sleep(1)
        await world.engine.stop("run", "Stopped", "by hand")
        assert (await world.end("other")).status == "SUCCEEDED"
        assert world.elapsed == 100

    instantly(main())


def test_a_callback_that_comes_after_the_stop_is_refused() -> None:
    async def main() -> None:
        tokens: list[str] = []
        world = World({"ask": lambda payload: tokens.append(payload["token"])})
        asking = task("ask.waitForTaskToken", Parameters={"token.$": "$$.Task.Token"})
        world.engine.create("machine", states(here=asking))
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        await world.engine.stop("run", "Stopped", "by hand")
        await world.end()
        assert not await world.engine.send_task_success(tokens[0], "too late")
        assert world.ends["run"] == STOPPED

    instantly(main())

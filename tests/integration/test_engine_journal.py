"""The engine's journal: what both implementations keep, and that a run survives a crash at any of its transitions."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from flowker.model.exact_json import Json
from flowker_local.engine import Engine, Journal, RunEnd, SqliteJournal, TaskError
from tests.engine_world import EPOCH, MemoryJournal, World, instantly, states, task


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
    else:
        sqlite_journal = SqliteJournal(tmp_path / "engine.db")
        yield sqlite_journal
        sqlite_journal.close()


def test_a_machine_is_kept(journal: Journal) -> None:
    definition = {"StartAt": "a", "States": {}, "n": Decimal("1.10")}
    assert journal.machine("machine") is None
    journal.add_machine("machine", definition)
    assert journal.machine("machine") == definition
    assert journal.machine("other") is None


def test_a_machine_that_was_removed_is_gone_and_can_come_back(journal: Journal) -> None:
    journal.remove_machine("machine")
    for number in (1, 2):
        journal.add_machine("machine", {"n": number})
        assert journal.machine("machine") == {"n": number}
        journal.remove_machine("machine")
        assert journal.machine("machine") is None


def test_the_latest_position_of_every_run_is_kept_until_it_is_removed(journal: Journal) -> None:
    async def main() -> None:
        for name in ("one", "two", "three"):
            journal.save(name, {"at": 1})
        await journal.flush()
        journal.save("one", {"at": 2, "money": Decimal("0.10")})
        journal.remove("two")
        journal.remove("unknown")
        journal.save("four", {"at": 1})
        journal.remove("four")
        journal.remove("three")
        journal.save("three", {"at": 3})
        await journal.flush()

    asyncio.run(main())
    assert journal.runs() == {"one": {"at": 2, "money": Decimal("0.10")}, "three": {"at": 3}}


def test_a_journal_has_a_key(journal: Journal) -> None:
    assert len(journal.key()) == 32
    assert journal.key() == journal.key()


def test_everything_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    first = SqliteJournal(tmp_path / "engine.db")
    first.add_machine("machine", {"a": 1})
    for n in range(500):
        first.save(f"run {n % 7}", {"n": n})
    first.remove("run 0")
    first.close()
    second = SqliteJournal(tmp_path / "engine.db")
    assert second.machine("machine") == {"a": 1}
    assert second.runs() == {f"run {n % 7}": {"n": n} for n in range(493, 500) if n % 7}
    assert second.key() == first.key()
    second.close()
    other = SqliteJournal(tmp_path / "other.db")
    assert other.key() != first.key()
    other.close()


def test_a_closed_journal_takes_nothing_more(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "engine.db")
    journal.close()
    with pytest.raises(RuntimeError, match="closed"):
        journal.save("run", {})
    with pytest.raises(RuntimeError, match="closed"):
        journal.add_machine("machine", {})


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "engine.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match="schema 99"):
        SqliteJournal(tmp_path / "engine.db")


def test_who_waits_learns_that_the_disk_refused_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(journal: SqliteJournal) -> None:
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as saboteur:
            saboteur.execute("ALTER TABLE runs RENAME TO hidden")
            journal.save("run", {"at": 1})
            with pytest.raises(sqlite3.OperationalError, match="no such table"):
                await journal.flush()
            saboteur.execute("ALTER TABLE hidden RENAME TO runs")
        await journal.flush()

    journal = SqliteJournal(tmp_path / "engine.db")
    asyncio.run(main(journal))
    assert journal.runs() == {"run": {"at": 1}}
    journal.close()
    assert "could not be written" in caplog.text


def test_who_gives_up_waiting_disturbs_nobody(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal) -> None:
        impatient = [asyncio.create_task(journal.flush()) for _ in range(20)]
        await asyncio.sleep(0)
        for each in impatient:
            each.cancel()
        journal.save("run", {"at": 1})
        await journal.flush()

    journal = SqliteJournal(tmp_path / "engine.db")
    asyncio.run(main(journal))
    assert journal.runs() == {"run": {"at": 1}}
    journal.close()


def test_closing_tells_that_the_disk_refused(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "engine.db")
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as saboteur:
        saboteur.execute("DROP TABLE runs")
    journal.save("run", {"at": 1})
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        journal.close()


def test_a_position_that_is_not_json_spoils_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(journal: SqliteJournal) -> None:
        journal.save("bad", {"at": 1})
        await journal.flush()
        journal.save("bad", {"at": {2}})
        journal.save("good", {"at": 2})
        await journal.flush()

    journal = SqliteJournal(tmp_path / "engine.db")
    with caplog.at_level(logging.ERROR):
        asyncio.run(main(journal))
    assert journal.runs() == {"bad": {"at": 1}, "good": {"at": 2}}
    assert "bad" in caplog.text
    journal.close()


# ── Crashes ──


class DyingJournal:
    """A journal whose process dies right after a given number of saves: what follows is lost."""

    def __init__(self, inner: Journal, lives: int) -> None:
        self._inner = inner
        self._lives = lives
        self.saves = 0
        self.dead = asyncio.Event()

    def key(self) -> bytes:
        return self._inner.key()

    def add_machine(self, name: str, definition: Json) -> None:
        self._inner.add_machine(name, definition)

    def remove_machine(self, name: str) -> None:
        self._inner.remove_machine(name)

    def machine(self, name: str) -> Json:
        return self._inner.machine(name)

    def save(self, name: str, position: Json) -> None:
        self.saves += 1
        if self.saves <= self._lives:
            self._inner.save(name, position)
        if self.saves == self._lives:
            self.dead.set()

    def remove(self, name: str) -> None:
        if not self.dead.is_set():
            self._inner.remove(name)

    async def flush(self) -> None:
        if not self.dead.is_set():
            await self._inner.flush()

    def runs(self) -> dict[str, Json]:
        return self._inner.runs()


def flaky(payload: Any) -> Any:
    """Fails in the first two attempts; idempotent, because the attempt is in the payload."""
    if payload["attempt"] < 2:
        raise TaskError("NotYet")
    return {"attempts": payload["attempt"]}


def machine() -> dict[str, Any]:
    retry = [{"ErrorEquals": ["NotYet"], "IntervalSeconds": 10, "BackoffRate": 2}]
    attempt = {"attempt.$": "$$.State.RetryCount"}
    return states(
        first=task("echo", ResultPath="$.first"),
        pause={"Type": "Wait", "Seconds": 100},
        flaky=task("flaky", Parameters=attempt, Retry=retry, ResultPath="$.flaky"),
        fork={
            "Type": "Parallel",
            "Branches": [
                states(
                    left=task("echo"), left_pause={"Type": "Wait", "Seconds": 50}, left_end={"Type": "Pass"}
                ),
                states(right=task("flaky", Parameters=attempt, Retry=retry), right_end=task("echo")),
                states(
                    ask=task(
                        "ask.waitForTaskToken",
                        Parameters={"token.$": "$$.Task.Token"},
                        TimeoutSeconds=1000,
                    )
                ),
            ],
            "ResultPath": "$.fork",
        },
        map={
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemSelector": {"item.$": "$$.Map.Item.Value"},
            "MaxConcurrency": 2,
            "ItemProcessor": states(
                nap={"Type": "Wait", "Seconds": 7},
                each=task("echo", Parameters={"n.$": "$.item", "i.$": "$$.Map.Item.Index"}),
            ),
            "ResultPath": "$.map",
        },
        wrong={
            "Type": "Task",
            "Resource": "broken",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "last", "ResultPath": "$.error"}],
        },
        last={"Type": "Pass", "Result": True, "ResultPath": "$.last"},
    )


INPUT = {"items": ["a", "b", "c"]}
SECONDS = 100 + 10 + 20 + 50 + 7 + 7
"""The pause, two retries, the longest branch, two rounds of the map."""


class Person:
    """Answers every question it knows of, whoever asks, a while after it was asked."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def ask(self, payload: Any) -> None:
        if payload["token"] not in self.tokens:
            self.tokens.append(payload["token"])

    async def answer(self, world: World) -> None:
        while True:
            await asyncio.sleep(3)
            for token in self.tokens:
                await world.engine.send_task_success(token, "answered")


def inhabited(journal: Journal, person: Person, start: float) -> World:
    def broken(payload: Any) -> Any:
        raise TaskError("Broken", "as ever")

    return World({"echo": lambda x: x, "flaky": flaky, "ask": person.ask, "broken": broken}, journal, start)


async def live(
    world: World, person: Person, *, until_death: DyingJournal | None = None
) -> tuple[RunEnd | None, float]:
    """Go on until the run ends or the process dies: the end, and what the clock says then."""
    answering = asyncio.create_task(person.answer(world))
    ended = asyncio.create_task(world.end())
    waits: list[asyncio.Task[Any]] = [ended]
    if until_death is not None:
        waits.append(asyncio.create_task(until_death.dead.wait()))
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    answering.cancel()
    return ended.result() if ended.done() else None, world.clock.now()


def lived(path: Path, lives: int) -> tuple[RunEnd | None, float, int]:
    """Run the machine in a process that dies after so many saves; then in another that takes it up, if need be."""
    person = Person()

    async def first_life(journal: SqliteJournal) -> tuple[RunEnd | None, float, int]:
        dying = DyingJournal(journal, lives)
        world = inhabited(dying, person, EPOCH)
        world.engine.create("machine", machine())
        world.engine.start("machine", "run", INPUT)
        return (*(await live(world, person, until_death=dying)), dying.saves)

    async def second_life(journal: SqliteJournal, now: float) -> tuple[RunEnd | None, float]:
        world = inhabited(journal, person, now)
        assert await world.engine.resume() == 1
        end = await live(world, person)
        await world.engine.drain(1)
        assert journal.runs() == {}
        assert len(person.tokens) == 1
        return end

    journal = SqliteJournal(path)
    end, now, saves = instantly(first_life(journal))
    journal.close()
    if saves < lives:
        return end, now, saves
    reopened = SqliteJournal(path)
    end, now = instantly(second_life(reopened, now))
    reopened.close()
    return end, now, saves


def test_a_run_survives_a_crash_after_any_of_its_saves(tmp_path: Path) -> None:
    expected, ended, saves = lived(tmp_path / "whole.db", 10**6)
    assert expected is not None
    assert expected.output == {
        **INPUT,
        "first": INPUT,
        "flaky": {"attempts": 2},
        "fork": [
            {**INPUT, "first": INPUT, "flaky": {"attempts": 2}},
            {"attempts": 2},
            "answered",
        ],
        "map": [{"n": "a", "i": 0}, {"n": "b", "i": 1}, {"n": "c", "i": 2}],
        "error": {"Error": "Broken", "Cause": "as ever"},
        "last": True,
    }
    assert ended == pytest.approx(EPOCH + SECONDS, abs=0.01)
    assert saves > 30
    for lives in range(1, saves + 1):
        end, now, _ = lived(tmp_path / f"{lives}.db", lives)
        assert end == expected, f"after save {lives}"
        assert now == pytest.approx(EPOCH + SECONDS, abs=0.01), f"after save {lives}"


def test_waits_and_callbacks_keep_their_deadlines_while_nobody_runs_them(tmp_path: Path) -> None:
    definition = states(
        fork={
            "Type": "Parallel",
            "Branches": [
                states(nap={"Type": "Wait", "Seconds": 100}),
                states(
                    ask=task(
                        "ask.waitForTaskToken", Parameters={"token.$": "$$.Task.Token"}, TimeoutSeconds=60
                    )
                ),
            ],
        }
    )

    async def first_life(journal: SqliteJournal) -> None:
        world = World({"ask": lambda _: None}, journal)
        world.engine.create("machine", {**definition, "TimeoutSeconds": 80})
        world.engine.create("patient", definition)
        world.engine.start("machine", "strict", {})
        world.engine.start("patient", "patient", {})
        await asyncio.sleep(10)
        await world.engine.drain(0)

    async def second_life(journal: SqliteJournal, asleep: float) -> dict[str, str]:
        world = World({}, journal, EPOCH + asleep)
        assert await world.engine.resume() == 2
        ends = [await world.end(name) for name in ("strict", "patient")]
        assert world.clock.now() == pytest.approx(max(EPOCH + 60, EPOCH + asleep), abs=0.01)
        await world.engine.drain(0)
        return {end.name: end.status for end in ends}

    for asleep, strict in ((30, "FAILED"), (70, "FAILED"), (500, "TIMED_OUT")):
        path = tmp_path / f"{asleep}.db"
        journal = SqliteJournal(path)
        instantly(first_life(journal))
        journal.close()
        journal = SqliteJournal(path)
        assert instantly(second_life(journal, asleep)) == {"strict": strict, "patient": "FAILED"}
        journal.close()


def test_an_accepted_answer_survives_a_crash_that_follows_at_once(tmp_path: Path) -> None:
    tokens: list[str] = []
    definition = states(
        ask=task("ask.waitForTaskToken", Parameters={"token.$": "$$.Task.Token"}),
        more=task("more"),
    )

    async def never(_payload: Json) -> None:
        await asyncio.Event().wait()

    async def first_life(journal: SqliteJournal) -> None:
        tasks = {"ask": lambda payload: tokens.append(payload["token"]), "more": never}
        world = World(tasks, journal)
        world.engine.create("machine", definition)
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        assert await world.engine.send_task_success(tokens[0], "accepted")
        # What is in the file now is what a crash at this moment would leave.
        with (
            closing(sqlite3.connect(tmp_path / "engine.db")) as live,
            closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
        ):
            live.backup(copy)

    async def second_life(journal: SqliteJournal) -> Json:
        world = World({"more": lambda payload: payload}, journal)
        assert await world.engine.resume() == 1
        return (await world.end()).output

    journal = SqliteJournal(tmp_path / "engine.db")
    instantly(first_life(journal))
    journal.close()
    copy = SqliteJournal(tmp_path / "copy.db")
    assert instantly(second_life(copy)) == "accepted"
    copy.close()


def test_an_answer_is_taken_up_where_it_was_recorded(tmp_path: Path) -> None:
    tokens: list[str] = []

    async def first_life(journal: Journal) -> None:
        world = World({"ask": lambda payload: tokens.append(payload["token"])}, journal)
        world.engine.create(
            "machine", states(ask=task("ask.waitForTaskToken", Parameters={"token.$": "$$.Task.Token"}))
        )
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        assert await world.engine.send_task_failure(tokens[0], "Rejected", "no")

    async def second_life(journal: SqliteJournal) -> RunEnd:
        world = World({}, journal)
        await world.engine.resume()
        return await world.end()

    answered = 3  # saves: started, delivered, answered
    journal = SqliteJournal(tmp_path / "engine.db")
    instantly(first_life(DyingJournal(journal, answered)))
    journal.close()
    journal = SqliteJournal(tmp_path / "engine.db")
    assert instantly(second_life(journal)) == RunEnd("run", "machine", "FAILED", "Rejected", "no")
    journal.close()


def test_a_stop_survives_a_crash_before_it_was_reported(tmp_path: Path) -> None:
    async def first_life(journal: Journal) -> None:
        world = World({}, journal)
        world.engine.create("machine", states(nap={"Type": "Wait", "Seconds": 100}))
        world.engine.start("machine", "run", {})
        await asyncio.sleep(1)
        assert await world.engine.stop("run", "Cancelled", "by hand")

    async def second_life(journal: SqliteJournal) -> RunEnd:
        world = World({}, journal)
        await world.engine.resume()
        return await world.end()

    journal = SqliteJournal(tmp_path / "engine.db")
    dying = DyingJournal(journal, 2)
    instantly(first_life(dying))
    journal.close()
    journal = SqliteJournal(tmp_path / "engine.db")
    assert instantly(second_life(journal)) == RunEnd("run", "machine", "ABORTED", "Cancelled", "by hand")
    journal.close()


def test_a_stop_survives_a_crash_that_follows_at_once(tmp_path: Path) -> None:
    async def never(_end: RunEnd) -> None:
        await asyncio.Event().wait()

    async def work(_resource: str, payload: Json) -> Json:
        await asyncio.Event().wait()

    async def first_life(journal: SqliteJournal) -> None:
        engine = Engine(work, journal, on_end=never)
        engine.create("machine", states(first=task(), second=task()))
        for name in ("run", "other"):
            engine.start("machine", name, {})
        await asyncio.sleep(1)
        assert await engine.stop("run", "Stopped", "by hand")
        # What is in the file now is what a crash at this moment would leave.
        with (
            closing(sqlite3.connect(tmp_path / "engine.db")) as live,
            closing(sqlite3.connect(tmp_path / "copy.db")) as copy,
        ):
            live.backup(copy)

    async def second_life(journal: SqliteJournal) -> None:
        world = World({"work": lambda payload: payload}, journal)
        assert await world.engine.resume() == 2
        assert await world.end("run") == RunEnd("run", "machine", "ABORTED", "Stopped", "by hand")
        assert (await world.end("other")).status == "SUCCEEDED"
        assert len(world.calls) == 2  # both of the other run
        await world.engine.drain(1)
        assert journal.runs() == {}

    journal = SqliteJournal(tmp_path / "engine.db")
    instantly(first_life(journal))
    journal.close()
    copy = SqliteJournal(tmp_path / "copy.db")
    instantly(second_life(copy))
    copy.close()


def test_who_stops_a_run_learns_that_the_disk_refused_and_the_run_has_stopped_all_the_same(
    tmp_path: Path,
) -> None:
    async def main(journal: SqliteJournal) -> None:
        world = World({"next": lambda payload: payload}, journal)
        world.engine.create("machine", states(nap={"Type": "Wait", "Seconds": 100}, next=task("next")))
        world.engine.start("machine", "run", {})
        await journal.flush()  # a run that never touched the disk would need nothing of it now
        with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as saboteur:
            saboteur.execute("ALTER TABLE runs RENAME TO hidden")
            with pytest.raises(sqlite3.Error):
                await world.engine.stop("run", "Stopped", "by hand")
            saboteur.execute("ALTER TABLE hidden RENAME TO runs")
        assert (await world.end()).status == "ABORTED"
        assert world.calls == []

    journal = SqliteJournal(tmp_path / "engine.db")
    asyncio.run(main(journal))
    journal.close()

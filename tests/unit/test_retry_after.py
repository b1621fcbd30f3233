"""How long a provider asks to wait, and how the state machine comes to wait so long (Flowker spec d.7)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.compiler.policy import ATTEMPTS, CALL_RETRY, before_next_attempt
from flowker.errors import PROVIDER_UNAVAILABLE
from flowker.model.retry_after import seconds_to_wait
from flowker_local.engine import TaskError
from tests.engine_world import World, instantly, states, task

NOW = datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)
DAY = 24 * 60 * 60


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("5", 5),
        (" 5 ", 5),
        ("1.2", 2),
        ("-5", 0),
        ("+5", 0),
        ("٥", 0),
        ("5s", 0),
        ("9" * 50, DAY),
        ("9" * 5000, DAY),
        ("Sun, 01 Mar 2026 10:00:03 GMT", 3),
        ("Sun, 01 Mar 2026 10:00:03 -0000", 3),
        ("Sun, 01 Mar 2026 11:00:03 +0100", 3),
        ("Sunday, 01-Mar-26 10:00:03 GMT", 3),
        ("Sun, 01 Mar 2026 09:59:59 GMT", 0),
        ("Sat, 01 Mar 2036 10:00:00 GMT", DAY),
        ("Sun, 99 Mar 2026 10:00:03 GMT", 0),
        (f"Sun, 01 Mar 2026 10:00:03 +{'9' * 30}", 0),
        ("tomorrow", 0),
    ],
)
def test_seconds_or_a_date_say_how_long_to_wait(header: str | None, seconds: int) -> None:
    assert seconds_to_wait(header, NOW) == seconds


@settings(max_examples=300)
@given(
    st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,12}")
)
def test_no_header_whatever_is_an_error(header: str) -> None:
    assert 0 <= seconds_to_wait(header, NOW) <= DAY


@pytest.mark.parametrize("attempt", range(ATTEMPTS - 1))
@pytest.mark.parametrize("asked", [0, 1, 2, 3, 4, 5, 8, 9, DAY])
def test_the_wait_is_the_longer_of_backoff_and_asked_and_at_most_eight_seconds(
    attempt: int, asked: int
) -> None:
    wait = before_next_attempt(attempt, asked).seconds
    assert wait in (1, 2, 4, 8)
    assert wait >= max(2**attempt, min(asked, 8))
    assert wait == 1 or wait // 2 < max(2**attempt, min(asked, 8))


@pytest.mark.parametrize(
    "waits",
    [(1, 2, 4, 8), (8, 8, 8, 8), (8, 2, 4, 8), (4, 2, 8, 1), (1, 1, 1, 1)],
)
def test_the_state_machine_waits_as_the_name_of_the_error_says_and_counts_all_attempts(
    waits: tuple[int, ...],
) -> None:
    names = {error.seconds: error.__name__ for error in PROVIDER_UNAVAILABLE}
    left = [names[wait] for wait in waits]
    started = [sum(waits[:number]) for number in range(ATTEMPTS)]

    def work(_payload: Any) -> Any:
        if left:
            raise TaskError(left.pop(0))
        return {}

    async def main() -> None:
        world = World({"work": work})
        end = await world.run(
            states(a=task(Parameters={"attempt.$": "$$.State.RetryCount"}, Retry=CALL_RETRY))
        )
        assert end.status == "SUCCEEDED"
        assert world.times("work") == started
        assert world.payloads("work") == [{"attempt": number} for number in range(ATTEMPTS)]

    instantly(main())

"""Cron expressions against a search that looks at every minute, and against themselves (FlowRunner spec d.11)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.model.cron import Cron, CronError, cron, time_zone

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Santiago",
)
MINUTE = timedelta(minutes=1)
SEARCHED = 3 * 24 * 60


def fields(least: int, most: int) -> st.SearchStrategy[str]:
    value = st.integers(least, most)
    span = st.tuples(value, value).map(lambda both: f"{min(both)}-{max(both)}")
    step = st.integers(1, most - least)
    plain = st.one_of(st.just("*"), value.map(str), span)
    stepped = st.tuples(st.one_of(st.just("*"), span), step).map(lambda both: f"{both[0]}/{both[1]}")
    return st.lists(st.one_of(plain, stepped), min_size=1, max_size=3).map(",".join)


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """That are due within days, most of them."""
    minute, hour = draw(fields(0, 59)), draw(fields(0, 23))
    weekday = draw(st.one_of(st.just("*"), fields(0, 7)))
    return f"{minute} {hour} * * {weekday}"


around_changes = st.sampled_from(
    [
        datetime(2026, 3, 28),
        datetime(2026, 10, 24),
        datetime(2026, 11, 1),
        datetime(2026, 4, 4),
        datetime(2026, 9, 5),
    ]
)
moments = st.builds(
    lambda day, seconds: (day + timedelta(seconds=seconds)).replace(tzinfo=UTC),
    around_changes,
    st.integers(0, 2 * 24 * 3600),
)


def allows(expression: Cron, wall: datetime) -> bool:
    return (
        wall.minute in expression.minutes
        and wall.hour in expression.hours
        and wall.day in expression.days
        and wall.month in expression.months
        and (wall.weekday() + 1) % 7 in expression.weekdays
    )


def searched(expression: Cron, after: datetime, zone: str) -> datetime | None:
    """The first whole minute that is due: each minute is looked at, and those that the clock repeats are passed over."""
    minute = after.replace(second=0, microsecond=0)
    for _ in range(SEARCHED):
        minute += MINUTE
        wall = minute.astimezone(time_zone(zone))
        if not wall.fold and allows(expression, wall):
            return minute
    return None


@given(expressions(), moments, st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_the_next_time_is_the_first_minute_that_fits(text: str, after: datetime, zone: str) -> None:
    found = cron(text).following(after, time_zone(zone))
    wanted = searched(cron(text), after, zone)
    if wanted is None:
        assert found is None or found > after + MINUTE * SEARCHED
    else:
        assert found == wanted


@given(expressions(), moments, st.sampled_from(ZONES))
@settings(max_examples=60, deadline=None)
def test_times_follow_each_other_and_none_is_passed_over(text: str, after: datetime, zone: str) -> None:
    first = cron(text).following(after, time_zone(zone))
    assert first is not None
    assert first > after
    assert first.second == first.microsecond == 0
    before = first - timedelta(seconds=1)
    assert cron(text).following(before, time_zone(zone)) == first
    assert cron(text).following(max(after, before), time_zone(zone)) == first


@given(st.text(st.characters(codec="ascii"), max_size=30))
@settings(max_examples=200)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        found = cron(text)
    except CronError:
        return
    assert found.eventbridge().count(" ") == 5

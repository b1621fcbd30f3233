"""Cron expressions: what they mean, what is refused, and how EventBridge is told (FlowRunner spec d.11)."""

from datetime import UTC, datetime

import pytest

from flowker.model.cron import CronError, cron, time_zone
from flowker.model.instant import instant


def times(expression: str, after: str, zone: str = "UTC", count: int = 3) -> list[str]:
    """When it is due next, to the minute."""
    found: list[str] = []
    moment = datetime.fromisoformat(after).astimezone(UTC)
    for _ in range(count):
        due = cron(expression).following(moment, time_zone(zone))
        assert due is not None
        moment = due
        found.append(instant(due)[:16])
    return found


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("* * * * *", ["2026-03-01T10:01", "2026-03-01T10:02", "2026-03-01T10:03"]),
        ("0 * * * * *", ["2026-03-01T10:01", "2026-03-01T10:02", "2026-03-01T10:03"]),
        ("*/20 * * * *", ["2026-03-01T10:20", "2026-03-01T10:40", "2026-03-01T11:00"]),
        ("10/25 * * * *", ["2026-03-01T10:10", "2026-03-01T10:35", "2026-03-01T11:10"]),
        ("5-15/5 10 * * *", ["2026-03-01T10:05", "2026-03-01T10:10", "2026-03-01T10:15"]),
        ("30 8 * * MON-FRI", ["2026-03-02T08:30", "2026-03-03T08:30", "2026-03-04T08:30"]),
        ("30 8 ? * mon,7", ["2026-03-02T08:30", "2026-03-08T08:30", "2026-03-09T08:30"]),
        ("0 0 * * 5-7", ["2026-03-06T00:00", "2026-03-07T00:00", "2026-03-08T00:00"]),
        ("0 0 31 * *", ["2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00"]),
        ("0 0 29 FEB ?", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("59 23 31 12 *", ["2026-12-31T23:59", "2027-12-31T23:59", "2028-12-31T23:59"]),
    ],
)
def test_an_expression_is_due_at_its_times(expression: str, due: list[str]) -> None:
    assert times(expression, "2026-03-01T10:00:30+00:00") == due


def test_a_time_is_due_only_once_it_has_passed() -> None:
    assert times("0 10 * * *", "2026-03-01T10:00:00+00:00", count=1) == ["2026-03-02T10:00"]
    assert times("0 10 * * *", "2026-03-01T09:59:59+00:00", count=1) == ["2026-03-01T10:00"]


def test_a_time_zone_decides_whose_clock_counts() -> None:
    assert times("30 8 * * *", "2026-03-27T12:00:00+00:00", "Europe/Berlin") == [
        "2026-03-28T07:30",
        "2026-03-29T06:30",
        "2026-03-30T06:30",
    ]
    assert times("0 0 * * *", "2026-03-01T00:00:00+00:00", "Asia/Kathmandu", 1) == ["2026-03-01T18:15"]


def test_a_time_that_a_change_of_the_clock_skips_is_left_out() -> None:
    assert times("30 2 * * *", "2026-03-27T12:00:00+00:00", "Europe/Berlin") == [
        "2026-03-28T01:30",
        "2026-03-30T00:30",
        "2026-03-31T00:30",
    ]


def test_a_time_that_a_change_of_the_clock_repeats_is_due_once() -> None:
    assert times("30 2 * * *", "2026-10-24T12:00:00+00:00", "Europe/Berlin", 2) == [
        "2026-10-25T00:30",
        "2026-10-26T01:30",
    ]
    assert times("*/30 * * * *", "2026-10-25T00:29:00+00:00", "Europe/Berlin", 2) == [
        "2026-10-25T00:30",
        "2026-10-25T02:00",
    ]
    assert times("*/30 * * * *", "2026-10-25T01:10:00+00:00", "Europe/Berlin", 1) == ["2026-10-25T02:00"]


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("0 " * 4 + "0" * 300, "five fields"),
        ("30 * * * * *", "0 as seconds"),
        ("* * * * * *", "0 as seconds"),
        ("60 * * * *", "minute that is not from 0 to 59"),
        ("* 24 * * *", "hour that is not from 0 to 23"),
        ("* * 0 * *", "day of the month that is not from 1 to 31"),
        ("* * * 13 *", "month that is not from 1 to 12"),
        ("* * * * 8", "day of the week that is not from 0 to 7"),
        ("0 0 L * *", "not supported"),
        ("0 0 15W * *", "not supported"),
        ("0 0 * * 5L", "not supported"),
        ("0 0 * * MON#2", "not supported"),
        ("0 0 * * MONDAY", "cannot have MONDAY"),
        ("a * * * *", "cannot have a"),
        ("-1 * * * *", "cannot have -1"),
        ("1.5 * * * *", "cannot have 1.5"),
        ("²  * * * *", "cannot have"),
        ("5,,6 * * * *", "cannot have"),
        ("*/0 * * * *", "step that is not from 1 to 59"),
        ("*/90 * * * *", "step that is not from 1 to 59"),
        ("*/ * * * *", "step"),
        ("30-10 * * * *", "backwards"),
        ("0 0 1 * MON", "two schedules"),
        ("0 0 30 2 *", "never due"),
        ("0 0 31 2,4,6,9,11 *", "never due"),
    ],
)
def test_an_expression_that_means_nothing_here_is_refused(expression: str, reason: str) -> None:
    with pytest.raises(CronError, match=reason):
        cron(expression)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("* * * * *", "cron(* * * * ? *)"),
        ("30 8 * * MON-FRI", "cron(30 8 ? * 2-6 *)"),
        ("0 30 8 * * 0,6", "cron(30 8 ? * 1,7 *)"),
        ("0 0 1,15 * *", "cron(0 0 1,15 * ? *)"),
        ("0 0 1-31 * 7", "cron(0 0 ? * 1 *)"),
        ("0 0 1 1 0-7", "cron(0 0 1 1 ? *)"),
        ("*/20 9-17 * JAN-MAR,12 *", "cron(0,20,40 9-17 * 1-3,12 ? *)"),
    ],
)
def test_eventbridge_is_told_the_same(expression: str, told: str) -> None:
    assert cron(expression).eventbridge() == told


def test_the_longest_expression_fits_into_what_eventbridge_takes() -> None:
    fields = [range(0, 60, 2), range(0, 24, 2), range(1, 32, 2), range(1, 13, 2)]
    text = " ".join(",".join(map(str, field)) for field in fields)
    assert len(cron(f"{text} *").eventbridge()) <= 256


@pytest.mark.parametrize(
    "name", ["", "Nowhere/At_All", "utc ", "../etc/passwd", "/etc/localtime", "localtime", "europe/berlin"]
)
def test_a_time_zone_that_the_database_does_not_have_is_refused(name: str) -> None:
    with pytest.raises(CronError, match="time zone"):
        time_zone(name)

"""Go's time layouts: what each element writes and reads, and what is refused (Flowker spec f.3, `timestamp`)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flowker.expressions.layouts import MAX_LENGTH, Layout, Moment, UnixSeconds
from flowker.expressions.problems import EvaluationError, MappingError

INDIA = 19_800
MORNING = Moment(1_772_336_107, 120_045_000, INDIA, "IST")  # Sunday, 2026-03-01T09:05:07.120045+05:30
EVENING = Moment(1_765_404_000 + 45, 0, -10_800, "")  # Wednesday, 2025-12-10T19:00:45-03:00
GREENWICH = Moment(1_772_359_200)  # Sunday, 2026-03-01T10:00:00Z
RFC3339 = "2006-01-02T15:04:05Z07:00"
NANO = "2006-01-02T15:04:05.999999999Z07:00"


@pytest.mark.parametrize(
    ("layout", "morning", "evening"),
    [
        # every element alone
        ("2006", "2026", "2025"),
        ("06", "26", "25"),
        ("January", "March", "December"),
        ("Jan", "Mar", "Dec"),
        ("01", "03", "12"),
        ("1", "3", "12"),
        ("Monday", "Sunday", "Wednesday"),
        ("Mon", "Sun", "Wed"),
        ("02", "01", "10"),
        ("2", "1", "10"),
        ("_2", " 1", "10"),
        ("002", "060", "344"),
        ("__2", " 60", "344"),
        ("15", "09", "19"),
        ("03", "09", "07"),
        ("3", "9", "7"),
        ("04", "05", "00"),
        ("4", "5", "0"),
        ("05", "07", "45"),
        ("5", "7", "45"),
        ("PM", "AM", "PM"),
        ("pm", "am", "pm"),
        ("MST", "IST", "-0300"),
        ("-0700", "+0530", "-0300"),
        ("-07:00", "+05:30", "-03:00"),
        ("-07", "+05", "-03"),
        ("-070000", "+053000", "-030000"),
        ("-07:00:00", "+05:30:00", "-03:00:00"),
        ("Z0700", "+0530", "-0300"),
        ("Z07:00", "+05:30", "-03:00"),
        ("Z07", "+05", "-03"),
        ("Z070000", "+053000", "-030000"),
        ("Z07:00:00", "+05:30:00", "-03:00:00"),
        ("05.000", "07.120", "45.000"),
        ("05,000000", "07,120045", "45,000000"),
        ("05.999", "07.12", "45"),
        ("05.9999999999", "07.120045", "45"),
        ("05.0000000000", "07.120045000", "45.000000000"),
        # what looks like an element and is none
        ("Janet Monkey _2006 5.05", "Janet Monkey _2026 7.07", "Janet Monkey _2025 45.45"),
        ("05.0005", "07.0007", "45.0045"),
        # the constants of Go's package time
        ("Mon Jan _2 15:04:05 2006", "Sun Mar  1 09:05:07 2026", "Wed Dec 10 19:00:45 2025"),
        ("Mon Jan _2 15:04:05 MST 2006", "Sun Mar  1 09:05:07 IST 2026", "Wed Dec 10 19:00:45 -0300 2025"),
        ("Mon Jan 02 15:04:05 -0700 2006", "Sun Mar 01 09:05:07 +0530 2026", "Wed Dec 10 19:00:45 -0300 2025"),
        ("02 Jan 06 15:04 MST", "01 Mar 26 09:05 IST", "10 Dec 25 19:00 -0300"),
        ("Monday, 02-Jan-06 15:04:05 MST", "Sunday, 01-Mar-26 09:05:07 IST", "Wednesday, 10-Dec-25 19:00:45 -0300"),
        ("Mon, 02 Jan 2006 15:04:05 -0700", "Sun, 01 Mar 2026 09:05:07 +0530", "Wed, 10 Dec 2025 19:00:45 -0300"),
        (RFC3339, "2026-03-01T09:05:07+05:30", "2025-12-10T19:00:45-03:00"),
        (NANO, "2026-03-01T09:05:07.120045+05:30", "2025-12-10T19:00:45-03:00"),
        ("3:04PM", "9:05AM", "7:00PM"),
        ("Jan _2 15:04:05.000", "Mar  1 09:05:07.120", "Dec 10 19:00:45.000"),
        ("20060102", "20260301", "20251210"),
        ("02/01/2006", "01/03/2026", "10/12/2025"),
    ],
)  # fmt: skip
def test_what_a_layout_writes(layout: str, morning: str, evening: str) -> None:
    assert Layout.parse(layout).write(MORNING) == morning
    assert Layout.parse(layout).write(EVENING) == evening


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("Z07:00 Z0700 Z07 -07:00", "Z Z Z +00:00"),
        ("MST", "UTC"),
    ],
)
def test_utc_is_written_in_its_own_ways(layout: str, text: str) -> None:
    assert Layout.parse(layout).write(GREENWICH) == text


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        (RFC3339, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
        (RFC3339, "2026-03-01T10:00:00+05:30", "2026-03-01T10:00:00+05:30"),
        (RFC3339, "2026-03-01T10:00:00-00:00", "2026-03-01T10:00:00Z"),
        # a fraction may be there although the layout has none
        (RFC3339, "2026-03-01T10:00:00.25Z", "2026-03-01T10:00:00.25Z"),
        (RFC3339, "2026-03-01T10:00:00,123456789123Z", "2026-03-01T10:00:00.123456789Z"),
        ("15:04:05.000", "10:00:00.250", "0000-01-01T10:00:00.25Z"),
        ("15:04:05.000", "10:00:00,250", "0000-01-01T10:00:00.25Z"),
        ("15:04:05.9", "10:00:00.123456", "0000-01-01T10:00:00.123456Z"),
        ("15:04:05.9", "10:00:00", "0000-01-01T10:00:00Z"),
        # one digit where the layout has one, and where blanks are
        ("2/1/2006 15:04", "7/3/2026 9:05", "2026-03-07T09:05:00Z"),
        ("2/1/2006 15:04", "17/12/2026   19:05", "2026-12-17T19:05:00Z"),
        ("_2 Jan 2006", "7 mar 2026", "2026-03-07T00:00:00Z"),
        ("_2 January 2006", " 7 MARCH 2026", "2026-03-07T00:00:00Z"),
        ("2006-01-02 ", "2026-03-07", "2026-03-07T00:00:00Z"),
        ("02.01.06", "01.03.69", "1969-03-01T00:00:00Z"),
        ("02.01.06", "01.03.68", "2068-03-01T00:00:00Z"),
        ("Monday, Jan 2 2006", "friday, Mar 1 2026", "2026-03-01T00:00:00Z"),
        # day of the year
        ("2006-002", "2026-060", "2026-03-01T00:00:00Z"),
        ("2006-__2", "2024- 60", "2024-02-29T00:00:00Z"),
        ("2006-01-02 002", "2024-02-29 060", "2024-02-29T00:00:00Z"),
        # halves of the day
        ("3:04PM", "12:05AM", "0000-01-01T00:05:00Z"),
        ("3:04PM", "12:05PM", "0000-01-01T12:05:00Z"),
        ("3:04pm", "9:05pm", "0000-01-01T21:05:00Z"),
        ("15:04 PM", "21:05 PM", "0000-01-01T21:05:00Z"),
        ("03", "12", "0000-01-01T12:00:00Z"),
        # zones
        ("2006 -0700", "2026 -0330", "2026-01-01T00:00:00-03:30"),
        ("2006 -07", "2026 +14", "2026-01-01T00:00:00+14:00"),
        ("2006 Z07:00:00", "2026 +01:00:30", "2026-01-01T00:00:00+01:00"),
        ("2006 -070000", "2026 -010000", "2026-01-01T00:00:00-01:00"),
        ("2006 MST", "2026 UTC", "2026-01-01T00:00:00Z"),
        ("2006 MST", "2026 GMT", "2026-01-01T00:00:00Z"),
        ("2006 MST", "2026 GMT-8", "2026-01-01T00:00:00-08:00"),
        ("2006 MST", "2026 PDT", "2026-01-01T00:00:00Z"),
        ("2006 MST", "2026 WITA", "2026-01-01T00:00:00Z"),
        ("2006 MST", "2026 ChST", "2026-01-01T00:00:00Z"),
        ("2006 MST", "2026 +03", "2026-01-01T00:00:00Z"),
        ("2006 -0700 MST", "2026 -0800 PST", "2026-01-01T00:00:00-08:00"),
        ("2006", "0000", "0000-01-01T00:00:00Z"),
        ("2006-01-02", "2400-02-29", "2400-02-29T00:00:00Z"),
    ],
)  # fmt: skip
def test_what_a_layout_reads(layout: str, text: str, expected: str) -> None:
    assert Layout.parse(NANO).write(Layout.parse(layout).read(text)) == expected


def test_zone_names_are_kept() -> None:
    read = Layout.parse("2006 -0700 MST").read
    assert read("2026 -0800 PST").zone == "PST"
    assert (read("2026 -0800 UTC").zone, read("2026 -0800 UTC").offset) == ("UTC", 0)
    assert Layout.parse("MST").read("CEST").zone == "CEST"
    assert Layout.parse("2006-01-02T15:04:05-07:00").read("2026-03-01T10:00:00+00:00").zone == "UTC"


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        (RFC3339, ""),
        (RFC3339, "yesterday"),
        (RFC3339, "2026-03-01T10:00:00"),
        (RFC3339, "2026-03-01 10:00:00Z"),
        (RFC3339, "2026-03-01T10:00:00Zulu"),
        (RFC3339, "2026-03-01T10:00:00Z\n"),
        (RFC3339, "2026-3-01T10:00:00Z"),
        (RFC3339, "2026-13-01T10:00:00Z"),
        (RFC3339, "2026-00-01T10:00:00Z"),
        (RFC3339, "2026-02-29T10:00:00Z"),
        (RFC3339, "2026-02-00T10:00:00Z"),
        (RFC3339, "2026-03-01T24:00:00Z"),
        (RFC3339, "2026-03-01T10:60:00Z"),
        (RFC3339, "2026-03-01T10:00:60Z"),
        (RFC3339, "2026-03-01T10:00:00+25:00"),
        (RFC3339, "2026-03-01T10:00:00+10:61"),
        (RFC3339, "２026-03-01T10:00:00Z"),
        ("3:04PM", "13:05PM"),
        ("3:04PM", "1:05pm"),
        ("15:04:05.000", "10:00:00.25"),
        ("15:04:05.000", "10:00:00"),
        ("2006 2", "2026"),
        ("2 January", "2 Mar"),
        ("2006-002", "2026-366"),
        ("2006-002", "2026-000"),
        ("2006-01-02 002", "2026-03-02 060"),
        ("2006-01-02 002", "2026-04-01 060"),
        ("MST", "pst"),
        ("MST", "PS"),
        ("MST", "ABCD"),
        ("MST", "ABCDET"),
        ("MST", "GMT+24"),
    ],
)
def test_a_text_that_is_not_in_the_layout_is_an_error(layout: str, text: str) -> None:
    with pytest.raises(EvaluationError):
        Layout.parse(layout).read(text)


@pytest.mark.parametrize(
    "layout", ["yyyy-mm-dd", "Mond Marc 0 00 07", "DD.MM.YYYY", "", "$now", "2" * (MAX_LENGTH + 1)]
)
def test_a_layout_that_shows_no_time_or_is_too_long_is_refused(layout: str) -> None:
    with pytest.raises(MappingError):
        Layout.parse(layout)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1772359200", "2026-03-01T10:00:00Z"),
        ("-1", "1969-12-31T23:59:59Z"),
        ("+0", "1970-01-01T00:00:00Z"),
        ("-62167219200", "0000-01-01T00:00:00Z"),
        ("-62167219201", "-0001-12-31T23:59:59Z"),
        ("253402300800", "10000-01-01T00:00:00Z"),
        ("9223372036854775807", "292277026596-12-04T15:30:07Z"),
    ],
)
def test_seconds_since_1970(text: str, expected: str) -> None:
    moment = UnixSeconds().read(text)
    assert Layout.parse(RFC3339).write(moment) == expected
    assert UnixSeconds().write(moment) == text.removeprefix("+")


@pytest.mark.parametrize("text", ["", "1.5", "x", " 1", "1e3", "9223372036854775808", "1" * 20])
def test_what_is_no_number_of_seconds_is_an_error(text: str) -> None:
    with pytest.raises(EvaluationError):
        UnixSeconds().read(text)


def test_a_moment_of_the_clock_is_in_utc() -> None:
    clock = datetime(2026, 3, 1, 12, 0, 0, 5, timezone(timedelta(hours=2)))
    assert Moment.at(clock) == Moment(1_772_359_200, 5_000)
    assert Moment.at(datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)) == Moment(-1, 999_999_000)


def test_a_long_text_is_refused_quickly() -> None:
    layout = Layout.parse("_2" * 20 + " " * 20 + "05.999" * 10)
    with pytest.raises(EvaluationError):
        layout.read(" " * 100_000 + "1" * 100_000)

"""Times as people write them into filters, in any time zone, at any moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eunoe_server.domain.time_phrase import TimeSpan, read_time, read_zone
from eunoe_server.errors import InvalidParameter

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland"]

#: From 1990 to 2090, in zones with and without daylight saving.
moments = st.builds(
    lambda seconds, zone: datetime.fromtimestamp(seconds, ZoneInfo(zone)),
    st.integers(631_152_000, 3_786_912_000) | st.floats(631_152_000, 3_786_912_000),
    st.sampled_from(ZONES),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1990, 1, 1), date(2090, 1, 1))

#: A Friday, half past nine in the morning in Berlin.
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=ZoneInfo("Europe/Berlin"))
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def span_of(first: date, last: date, zone: ZoneInfo) -> TimeSpan:
    """From the beginning of one day to the end of the other."""
    return TimeSpan(midnight(first, zone), midnight(last + timedelta(days=1), zone))


def local_day(now: datetime) -> tuple[date, ZoneInfo]:
    assert isinstance(now.tzinfo, ZoneInfo)
    return now.date(), now.tzinfo


@given(moments)
def test_yesterday_is_the_day_before_where_the_caller_is(now: datetime) -> None:
    today, zone = local_day(now)
    before = today - timedelta(days=1)
    assert read_time("yesterday", now, "f") == span_of(before, before, zone)
    assert read_time("Today", now, "f") == span_of(today, today, zone)


@given(moments, st.integers(1, 20))
def test_weeks_begin_on_monday(now: datetime, count: int) -> None:
    today, zone = local_day(now)
    year, week, _ = (today - timedelta(weeks=count)).isocalendar()
    wanted = span_of(date.fromisocalendar(year, week, 1), date.fromisocalendar(year, week, 7), zone)
    assert read_time(f"{count} weeks ago", now, "f") == wanted
    if count == 1:
        assert read_time("last week", now, "f") == wanted


@given(moments, st.sampled_from(MONTHS))
def test_a_month_by_itself_is_the_latest_that_has_begun(now: datetime, month: str) -> None:
    today, _ = local_day(now)
    span = read_time(f"in {month}", now, "f")
    assert span.start is not None
    first = span.start.astimezone(now.tzinfo)
    assert (first.day, first.time(), MONTHS[first.month - 1]) == (1, time(), month)
    assert first.date() <= today
    assert (first.year + 1, first.month) > (today.year, today.month)
    # The same month, with its year said.
    assert span == read_time(f"in {month} {first.year}", now, "f")


@given(moments, st.integers(1990, 2090), st.integers(0, 10))
def test_months_follow_each_other_without_a_gap(now: datetime, year: int, index: int) -> None:
    one = read_time(f"{MONTHS[index]} {year}", now, "f")
    next_one = read_time(f"{year}-{index + 2:02}", now, "f")
    assert one.end == next_one.start
    both = read_time(f"between {MONTHS[index]} {year} and {MONTHS[index + 1]} {year}", now, "f")
    assert both == TimeSpan(one.start, next_one.end)


@given(moments, days)
def test_a_date_is_a_day_where_the_caller_is_however_it_is_written(
    now: datetime, day: date
) -> None:
    _, zone = local_day(now)
    month = MONTHS[day.month - 1]
    for text in (
        day.isoformat(),
        f"on {day.day} {month} {day.year}",
        f"on the {day.day}th of {month.lower()}, {day.year}",
        f"{month} {day.day}, {day.year}",
    ):
        assert read_time(text, now, "f") == span_of(day, day, zone)
    assert read_time(f"since {day}", now, "f") == TimeSpan(start=midnight(day, zone))
    assert read_time(f"before {day}", now, "f") == TimeSpan(end=midnight(day, zone))
    after = midnight(day + timedelta(days=1), zone)
    assert read_time(f"after {day}", now, "f") == TimeSpan(start=after)
    assert read_time(f"until {day}", now, "f") == TimeSpan(end=after)


@given(moments, moments)
def test_an_instant_is_itself_alone(now: datetime, moment: datetime) -> None:
    for text in (moment.isoformat(), moment.astimezone(UTC).isoformat().replace("+00:00", "Z")):
        span = read_time(text, now, "f")
        assert span == TimeSpan(moment, moment.astimezone(UTC) + timedelta(microseconds=1))


@given(moments, st.integers(1, 500))
def test_the_last_days_end_now_and_are_open(now: datetime, count: int) -> None:
    span = read_time(f"in the last {count} days", now, "f")
    assert span.end is None
    # In UTC: times that a clock change skips equal no other.
    assert span.start == (now - timedelta(days=count)).astimezone(UTC)


@given(moments, moments)
def test_a_day_without_a_year_is_the_latest_one(now: datetime, other: datetime) -> None:
    today, zone = local_day(now)
    span = read_time(f"{other.day} {MONTHS[other.month - 1]}", now, "f")
    assert span.start is not None
    start = span.start.astimezone(zone)
    assert (start.day, start.month, start.time()) == (other.day, other.month, time())
    assert start.date() <= today
    assert start.year > today.year - (9 if (other.day, other.month) == (29, 2) else 2)


_SAID = (
    "in on the last this since before between and from to until a of monday week weeks ago 3 day "
    "minutes years march may february 5 31 99 2024 2024-02-30 2024-01-01T25:00 0000-00-00 "
    "9999-12-31 0001-01-01 + \N{ARABIC-INDIC DIGIT THREE} \x00"
)
_WORDS = st.sampled_from(_SAID.split())


@given(moments, st.lists(_WORDS, max_size=7).map(" ".join) | st.text(max_size=40))
def test_whatever_is_written_is_resolved_or_refused(now: datetime, text: str) -> None:
    try:
        span = read_time(text, now, "filter.created")
    except InvalidParameter as error:
        refused = error
    else:
        assert span.start is not None or span.end is not None
        assert span.start is None or span.end is None or span.start < span.end
        return
    assert [field.field for field in refused.fields] == ["filter.created"]
    assert "last week" in refused.message


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("between November and January", "2025-11-01T00:00+01:00", "2026-02-01T00:00+01:00"),
        ("between March and May 2024", "2024-03-01T00:00+01:00", "2024-06-01T00:00+02:00"),
        ("from Monday to Wednesday", "2026-11-16T00:00+01:00", "2026-11-19T00:00+01:00"),
        ("on Friday", "2026-11-20T00:00+01:00", "2026-11-21T00:00+01:00"),
        ("last Friday", "2026-11-13T00:00+01:00", "2026-11-14T00:00+01:00"),
        ("this year", "2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("in 2024", "2024-01-01T00:00+01:00", "2025-01-01T00:00+01:00"),
        ("29 February", "2024-02-29T00:00+01:00", "2024-03-01T00:00+01:00"),
        ("since January", "2026-01-01T00:00+01:00", None),
        ("the past 24 hours", "2026-11-19T09:30+01:00", None),
        ("the last few months", "2026-08-20T09:30+02:00", None),
        ("2024-03-01T10:00", "2024-03-01T10:00+01:00", "2024-03-01T10:00:00.000001+01:00"),
    ],
)
def test_what_people_write_is_understood(text: str, start: str, end: str | None) -> None:
    wanted = TimeSpan(datetime.fromisoformat(start), (end and datetime.fromisoformat(end)) or None)
    assert read_time(text, NOW, "f") == wanted


@pytest.mark.parametrize(
    "text",
    ["", "recently", "the summer of 2022", "tomorrow", "31 June 2024", "in", "since", "2024-13",
     "between May and", "between 2025 and 2024", "last 9999 years", "March, April", "x" * 1000],
)  # fmt: skip
def test_what_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter):
        read_time(text, NOW, "f")


def test_a_day_of_a_clock_change_has_23_or_25_hours() -> None:
    spring = read_time("2026-03-29", NOW, "f")
    autumn = read_time("2026-10-25", NOW, "f")
    assert [span.end - span.start for span in (spring, autumn) if span.start and span.end] == [
        timedelta(hours=23),
        timedelta(hours=25),
    ]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "Europe", "\x00", "x" * 5000])
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameter, match="timezone"):
        read_zone(name)

"""Times that a text names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eunoe_server.domain.period import Period, find_periods

#: A Friday.
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def days(start: str, end: str) -> Period:
    return Period(
        datetime.fromisoformat(start).replace(tzinfo=UTC),
        datetime.fromisoformat(end).replace(tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("What happened on 7 May 2023?", days("2023-05-07", "2023-05-08")),
        ("on the 7th of May, 2023", days("2023-05-07", "2023-05-08")),
        ("before August 3rd, 2024", days("2024-08-03", "2024-08-04")),
        ("since 2024-02-29", days("2024-02-29", "2024-03-01")),
        ("in March 2024", days("2024-03-01", "2024-04-01")),
        ("december 2023", days("2023-12-01", "2024-01-01")),
        ("in 2022", days("2022-01-01", "2023-01-01")),
        ("the summer of 2022", days("2022-01-01", "2023-01-01")),
        ("today", days("2026-11-20", "2026-11-21")),
        ("What did I eat yesterday?", days("2026-11-19", "2026-11-20")),
        ("this week", days("2026-11-16", "2026-11-23")),
        ("last week", days("2026-11-09", "2026-11-16")),
        ("last month", days("2026-10-01", "2026-11-01")),
        ("the past year", days("2025-01-01", "2026-01-01")),
        ("last Friday", days("2026-11-13", "2026-11-14")),
        ("last monday", days("2026-11-16", "2026-11-17")),
        ("3 days ago", days("2026-11-17", "2026-11-18")),
        ("two weeks ago", days("2026-11-02", "2026-11-09")),
        ("a month ago", days("2026-10-01", "2026-11-01")),
        ("eleven months ago", days("2025-12-01", "2026-01-01")),
    ],
)
def test_a_named_time_is_a_period(text: str, period: Period) -> None:
    assert find_periods(text, NOW) == (period,)


@pytest.mark.parametrize(
    "text",
    [
        "May I go?",
        "in March",
        "on 31 June 2024",
        "a budget of 2000 euros",
        "room 2023",
        "1,000,000 years ago, on 2024-13-01",
        "",
    ],
)
def test_what_is_no_date_or_lacks_a_year_names_no_period(text: str) -> None:
    assert find_periods(text, NOW) == ()


def test_several_times_are_found_and_none_twice() -> None:
    found = find_periods("between 1 May 2023 and in June 2023", NOW)
    assert found == (days("2023-05-01", "2023-05-02"), days("2023-06-01", "2023-07-01"))

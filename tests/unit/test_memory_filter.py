"""The filters of a list of memories: spans of time, and what facts must be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from eunoe_server.domain.created_filter import created_range
from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.memory_filter import memory_filter
from eunoe_server.errors import InvalidParameter

NOON = datetime(2025, 1, 15, 12, tzinfo=UTC)


def test_a_date_is_its_whole_day_in_utc() -> None:
    assert created_range("2025-01-15", None, None) == (
        datetime(2025, 1, 15, tzinfo=UTC),
        datetime(2025, 1, 16, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "created",
    [
        "2025-01-15T12:00:00Z",
        "2025-01-15t12:00:00.000000z",
        "2025-01-15T14:00:00+02:00",
        "2025-01-15T14:00:00 02:00",
        "2025-01-15 07:30:00.0-04:30",
    ],
)
def test_an_instant_is_one_microsecond(created: str) -> None:
    assert created_range(created, None, None) == (NOON, NOON + timedelta(microseconds=1))


def test_without_created_start_and_end_stand() -> None:
    assert created_range("", NOON, None) == (NOON, None)
    assert created_range("", None, NOON) == (None, NOON)


def test_all_three_narrow_together() -> None:
    start = NOON.astimezone(timezone(timedelta(hours=5)))
    assert created_range("2025-01-15", start, None) == (NOON, datetime(2025, 1, 16, tzinfo=UTC))
    assert created_range("2025-01-15", None, NOON) == (datetime(2025, 1, 15, tzinfo=UTC), NOON)


@pytest.mark.parametrize(
    "created",
    ["x", "2025", "2025-1-5", "2025-02-30", "2025-01-15T12:00:00", "2025-01-15T25:00:00Z",
     "2025-W03-1",
     "\uff12\uff10\uff12\uff15-01-15", "9999-12-31", "0001-01-01T00:00:00+01:00", "last week"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(created: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        created_range(created, None, None)
    assert refusal.value.fields[0].field == "created"


def test_no_filter_filters_nothing() -> None:
    assert memory_filter() == MemoryFilter()


def test_filters_of_facts_are_passed_on() -> None:
    assert memory_filter(
        facts_only=True, fact_type="goal", min_confidence=0.5, as_of=NOON
    ) == MemoryFilter(is_fact=True, fact_type="goal", min_confidence=0.5, as_of=NOON)
    assert memory_filter(include_superseded=True, min_confidence=0.0) == MemoryFilter(
        include_superseded=True, min_confidence=0.0
    )


def test_filters_that_make_no_sense_are_refused_by_name() -> None:
    with pytest.raises(InvalidParameter) as refusal:
        memory_filter(fact_type="opinion")
    assert refusal.value.fields[0].field == "memoryType"
    for confidence in (-0.1, 1.1, float("nan"), float("inf")):
        with pytest.raises(InvalidParameter) as refusal:
            memory_filter(min_confidence=confidence)
        assert refusal.value.fields[0].field == "minConfidence"
    with pytest.raises(InvalidParameter) as refusal:
        memory_filter(as_of=NOON, include_superseded=True)
    assert refusal.value.fields[0].field == "includeSuperseded"

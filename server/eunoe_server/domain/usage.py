"""What was used, as sums: no contents, and no name but the API key's public id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from eunoe_server.domain.limit_table import MAX_PERIOD_DAYS
from eunoe_server.errors import InvalidParameter

_DEFAULT_PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over some calls."""

    calls: int = 0
    chats: int = 0
    searches: int = 0
    #: Memories and messages that were stored.
    writes: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    injected_tokens: int = 0
    extraction_prompt_tokens: int = 0
    extraction_completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        # By name: `astuple` copies deeply, for every call.
        return Usage(
            calls=self.calls + other.calls,
            chats=self.chats + other.chats,
            searches=self.searches + other.searches,
            writes=self.writes + other.writes,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            injected_tokens=self.injected_tokens + other.injected_tokens,
            extraction_prompt_tokens=(
                self.extraction_prompt_tokens + other.extraction_prompt_tokens
            ),
            extraction_completion_tokens=(
                self.extraction_completion_tokens + other.extraction_completion_tokens
            ),
        )


@dataclass(frozen=True, slots=True)
class Account:
    """Whose sums: a key's in one namespace on one day (UTC)."""

    #: Its name, or its key where that is what is known. None: of no namespace, or of none that is
    #: told apart any more.
    namespace: str | int | None
    #: Empty: nobody's; a worker did it.
    key_id: str
    day: date


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """The days on which anything was used, the earliest first."""

    days: Mapping[date, Usage]

    @property
    def total(self) -> Usage:
        """Of all of them."""
        return sum(self.days.values(), Usage())


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days in UTC, the last one included."""

    first: date
    last: date


def days_asked_for(start: datetime | None, end: datetime | None, now: datetime) -> Days:
    """From the day of `start` to the day of the instant before `end`. Raises InvalidParameter."""
    end = now if end is None else end
    try:
        last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
        first = last - _DEFAULT_PERIOD if start is None else start.astimezone(UTC).date()
    except OverflowError:
        raise InvalidParameter.of("endDate", "must be later") from None
    if start is not None and start >= end:
        raise InvalidParameter.of("startDate", "must be before endDate")
    if (last - first).days >= MAX_PERIOD_DAYS:
        raise InvalidParameter.of("startDate", f"must be at most {MAX_PERIOD_DAYS} days ago")
    return Days(first, last)


def month_of(day: date) -> date:
    """Its first day."""
    return day.replace(day=1)


def next_month(day: date) -> datetime:
    """The instant at which the month after this day's begins."""
    later = month_of(month_of(day) + timedelta(days=32))
    return datetime(later.year, later.month, 1, tzinfo=UTC)

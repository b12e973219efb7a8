"""A time as people write it into a filter: a date, an instant, or "last week", "since March".

The whole text must be one, so more is understood here than `period` finds inside a question: a
month or a day without a year is the latest one that has begun. What is not understood is refused,
with examples; nothing is guessed, and callers are told how it was resolved.

Phrases are read in the time zone of `now`. Every answer is half open and in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from eunoe_server.domain.period import (
    MONTHS,
    NUMBERS,
    WEEKDAYS,
    Period,
    calendar_period,
    day_from,
    months_later,
    read_period,
)
from eunoe_server.errors import InvalidParameter

EXAMPLES = "yesterday, last week, in March 2024, since 5 May, 2024-03-01, 2024-03-01T10:30:00Z"

_MAX_CHARACTERS = 100

_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[t ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:z|[+-]\d\d:?\d\d)?", re.ASCII
)
_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR_OR_MONTH = re.compile(r"(?P<year>(?:19|20)\d\d)(?:-(?P<month>\d\d))?", re.ASCII)
_WITHOUT_YEAR = [
    re.compile(pattern, re.ASCII)
    for pattern in (_MONTH, rf"{_DAY}(?: of)? {_MONTH}", rf"{_MONTH} (?:the )?{_DAY}")
]
_WEEKDAY = re.compile("|".join(WEEKDAYS))
_ROLLING = re.compile(
    rf"(?:last|past|previous) (?P<count>\d{{1,4}}|{'|'.join(NUMBERS)}|few)"
    r" (?P<unit>minute|hour|day|week|month|year)s?",
    re.ASCII,
)
_FEW = 3
_BETWEEN = re.compile(r"between (?P<first>.+) and (?P<last>.+)")
_FROM_TO = re.compile(r"from (?P<first>.+) (?:to|until|till|through) (?P<last>.+)")
_BOUND = re.compile(r"(?P<word>since|from|after|before|until|till|up to|by) (?P<rest>.+)")
_SMALL_WORDS = re.compile(r"^(?:(?:in|on|during|within|over|at|the)(?: |$))+")


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `start` until before `end`; None: open."""

    start: datetime | None = None
    end: datetime | None = None

    def within(self, other: TimeSpan) -> TimeSpan:
        """What lies in both."""
        return TimeSpan(
            max((start for start in (self.start, other.start) if start), default=None),
            min((end for end in (self.end, other.end) if end), default=None),
        )


EVER = TimeSpan()


def read_zone(name: str) -> tzinfo:
    """A time zone by its IANA name; the empty one is UTC. Raises InvalidParameter."""
    if name in {"", "UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, the name of a folder
        raise InvalidParameter.of(
            "timezone", "must be the IANA name of a time zone, such as Europe/Berlin"
        ) from None


def read_time(text: str, now: datetime, field: str) -> TimeSpan:
    """The stretch of time that `text` says. Raises InvalidParameter that names `field`."""
    phrase = " ".join(text.lower().replace(",", " ").split()).removesuffix(".")
    try:
        span = _span(phrase, now) if len(phrase) <= _MAX_CHARACTERS else None
        if span is not None:
            return TimeSpan(
                span.start and span.start.astimezone(UTC), span.end and span.end.astimezone(UTC)
            )
    except (ValueError, OverflowError):
        pass  # the 31st of June; a year that no calendar has
    raise InvalidParameter.of(field, f"is no time that is understood; say, for example: {EXAMPLES}")


def _span(phrase: str, now: datetime) -> TimeSpan | None:
    if match := _BETWEEN.fullmatch(phrase) or _FROM_TO.fullmatch(phrase):
        return _from_to(match["first"], match["last"], now)
    if match := _BOUND.fullmatch(phrase):
        period = _period(match["rest"], now)
        return None if period is None else _bounded(match["word"], period)
    if match := _ROLLING.fullmatch(_SMALL_WORDS.sub("", phrase)):
        count = _FEW if match["count"] == "few" else NUMBERS.get(match["count"])
        return TimeSpan(_back(now, int(match["count"]) if count is None else count, match["unit"]))
    period = _period(phrase, now)
    return None if period is None else TimeSpan(period.start, period.end)


def _from_to(first: str, last: str, now: datetime) -> TimeSpan | None:
    end = _period(last, now)
    if end is None:
        return None
    # "between November and January": the November before that January.
    start = _period(first, now, no_later_than=end.start)
    if start is None or start.start >= end.end:
        return None
    return TimeSpan(start.start, end.end)


def _bounded(word: str, period: Period) -> TimeSpan:
    match word:
        case "since" | "from":
            return TimeSpan(start=period.start)
        case "after":
            return TimeSpan(start=period.end)
        case "before":
            return TimeSpan(end=period.start)
        case _:
            return TimeSpan(end=period.end)


def _period(phrase: str, now: datetime, no_later_than: datetime | None = None) -> Period | None:
    """What is named without a year is the latest that begins by `no_later_than`."""
    phrase = _SMALL_WORDS.sub("", phrase)
    if _INSTANT.fullmatch(phrase):
        moment = datetime.fromisoformat(phrase.upper())
        moment = moment.replace(tzinfo=now.tzinfo) if moment.tzinfo is None else moment
        moment = moment.astimezone(UTC)  # where adding to it counts what passes
        return Period(moment, moment + timedelta(microseconds=1))
    if match := _YEAR_OR_MONTH.fullmatch(phrase):
        month = match["month"]
        return calendar_period(now.tzinfo, int(match["year"]), int(month) if month else None)
    latest = now if no_later_than is None else no_later_than.astimezone(now.tzinfo)
    for pattern in _WITHOUT_YEAR:
        if match := pattern.fullmatch(phrase):
            return next(_every_year(match.groupdict(), latest), None)
    if _WEEKDAY.fullmatch(phrase):
        today = latest.replace(hour=0, minute=0, second=0, microsecond=0)
        return day_from(today - timedelta(days=(today.weekday() - WEEKDAYS[phrase]) % 7))
    return read_period(phrase, now)


def _every_year(part: dict[str, str | None], latest: datetime) -> Iterator[Period]:
    """That month or day of each year, latest first. The 29th of February is in every eighth."""
    month, day = MONTHS[part["month"] or ""], part.get("day")
    for year in range(latest.year, latest.year - 9, -1):
        try:
            period = calendar_period(latest.tzinfo, year, month, int(day) if day else None)
        except ValueError:
            continue
        if period.start <= latest:
            yield period


def _back(now: datetime, count: int, unit: str) -> datetime:
    """So much earlier: by the clock below a day, by the calendar above, at the same time of day."""
    match unit:
        case "minute" | "hour":
            return now.astimezone(UTC) - timedelta(**{f"{unit}s": count})
        case "day" | "week":
            return now - timedelta(**{f"{unit}s": count})
        case _:
            first = months_later(now, -count * (12 if unit == "year" else 1))
            last_day = (months_later(first, 1) - timedelta(days=1)).day
            return now.replace(year=first.year, month=first.month, day=min(now.day, last_day))

"""Stretches of time that a text names: "in March 2024", "on 7 May", "last week", "three days ago".

Plain calendar words of English, in the time zone of whoever asks; weeks begin on Monday. A month or
a day without a year names no period, because it may be any year's: its words still count as words.
It refuses to guess further than that; where a time is asked for and nothing else, `time_phrase`
reads more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo


def _numbered(words: str, start: int) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), start)}


MONTHS = _numbered(
    "january february march april may june july august september october november december", 1
)
WEEKDAYS = _numbered("monday tuesday wednesday thursday friday saturday sunday", 0)
NUMBERS = _numbered("one two three four five six seven eight nine ten eleven twelve", 1) | {
    "a": 1,
    "an": 1,
}

_MONTH = rf"(?P<month>{'|'.join(MONTHS)})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_PART_OF_YEAR = "(?:year|start|beginning|end|spring|summer|autumn|fall|winter)"
_UNIT = r"(?P<unit>day|week|month|year)"
_NAMES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_YEAR}-(?P<month_number>\d\d)-(?P<day>\d\d)\b",
        rf"\b{_DAY}(?: of)? {_MONTH},?(?: of)? {_YEAR}\b",
        rf"\b{_MONTH} {_DAY},?(?: of)? {_YEAR}\b",
        rf"\b{_MONTH},?(?: of)? {_YEAR}\b",
        r"\b(?P<near>today|yesterday|tonight|last night)\b",
        rf"\b(?P<which>this|last|past|previous) {_UNIT}\b",
        rf"\blast (?P<weekday>{'|'.join(WEEKDAYS)})\b",
        rf"(?<![\d,.])\b(?P<count>\d{{1,3}}|{'|'.join(NUMBERS)}) {_UNIT}s? ago\b",
    )
]
#: A bare number is a year only where a year is expected.
_YEAR_EXPECTED = re.compile(
    rf"\b(?:in|during|since|by|{_PART_OF_YEAR} of) {_YEAR}\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` until before `end`."""

    start: datetime
    end: datetime


def find_periods(text: str, now: datetime) -> tuple[Period, ...]:
    """The periods that `text` names, as seen from `now` and in its time zone.

    Words used once are not read twice.
    """
    found: list[Period] = []
    for pattern in (*_NAMES, _YEAR_EXPECTED):
        matches = list(pattern.finditer(text))
        for match in matches:
            try:
                found.append(_period(match, now))
            except (ValueError, OverflowError):
                continue  # the 31st of June, 900 years ago
        if matches:
            text = pattern.sub(" ", text)
    return tuple(found)


def read_period(text: str, now: datetime) -> Period | None:
    """The period that `text` is the name of; None when it is not one, or not only one.

    Raises ValueError or OverflowError for a day that no calendar has.
    """
    for pattern in _NAMES:
        if match := pattern.fullmatch(text):
            return _period(match, now)
    return None


def _period(match: re.Match[str], now: datetime) -> Period:
    part = {name: text.lower() for name, text in match.groupdict().items() if text}
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if "year" in part:
        return calendar_period(
            now.tzinfo,
            int(part["year"]),
            int(part.get("month_number", 0)) or MONTHS.get(part.get("month", "")),
            int(part["day"]) if "day" in part else None,
        )
    if "near" in part:
        return day_from(today - timedelta(days=part["near"] in ("yesterday", "last night")))
    if "weekday" in part:
        back = (today.weekday() - WEEKDAYS[part["weekday"]]) % 7 or 7
        return day_from(today - timedelta(days=back))
    if "count" in part:
        count = NUMBERS.get(part["count"]) or int(part["count"])
        return _ago(part["unit"], count, today)
    return _ago(part["unit"], 0 if part["which"] == "this" else 1, today)


def calendar_period(
    zone: tzinfo | None, year: int, month: int | None = None, day: int | None = None
) -> Period:
    """A year, a month of it, or a day of that. Raises ValueError for one that there is not."""
    if month is None:
        return Period(datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone))
    start = datetime(year, month, day or 1, tzinfo=zone)
    return Period(start, months_later(start, 1)) if day is None else day_from(start)


def day_from(start: datetime) -> Period:
    """The day that begins then; by the calendar, where some days have 23 hours or 25."""
    return Period(start, start + timedelta(days=1))


def months_later(moment: datetime, count: int) -> datetime:
    """The beginning of the day on the first of the month that comes `count` months later."""
    years, month_index = divmod(moment.year * 12 + moment.month - 1 + count, 12)
    return datetime(years, month_index + 1, 1, tzinfo=moment.tzinfo)


def _ago(unit: str, count: int, today: datetime) -> Period:
    """The calendar unit that lies `count` of them back."""
    match unit:
        case "day":
            return day_from(today - timedelta(days=count))
        case "week":
            start = today - timedelta(days=today.weekday() + 7 * count)
            return Period(start, start + timedelta(days=7))
        case "month":
            start = months_later(today, -count)
            return Period(start, months_later(start, 1))
        case _:
            return calendar_period(today.tzinfo, today.year - count)


def spans(periods: tuple[Period, ...]) -> Iterator[tuple[float, float]]:
    """The periods as seconds since the epoch."""
    for period in periods:
        yield period.start.timestamp(), period.end.timestamp()

"""Dates that keep their meaning: "last year", said in May 2024, is "in 2023".

A fact is read months after it was said, so what counts from the day of the message is replaced by
what it meant. Words that name no day, week, month or year ("recently", "a while ago", "last
summer") stay as they are. Days are those of the message's own time zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from eunoe_server.providers.extractors.english.patterns import pattern


@dataclass(frozen=True, slots=True)
class Dated:
    """A text without relative dates, and when the first of them began (None: it had none)."""

    text: str
    began_at: datetime | None


def resolved(text: str, said_at: datetime) -> Dated:
    """`text`, said at `said_at`, with absolute dates."""
    began_at: datetime | None = None

    def absolute(match: re.Match[str]) -> str:
        nonlocal began_at
        found = _meaning(match, said_at)
        if found is None:
            return match[0]
        preposition, date, start = found
        began_at = began_at or start
        # "since last year" already has its preposition.
        return f"{match['before']}{date}" if match["before"] else f"{preposition} {date}"

    return Dated(_RELATIVE.sub(absolute, text), began_at)


def _meaning(match: re.Match[str], said_at: datetime) -> tuple[str, str, datetime] | None:
    today = datetime.combine(said_at.date(), time(), said_at.tzinfo or UTC)
    if day := match["day"]:
        return _day(today + timedelta(days=_DAY_OFFSETS[day.casefold().split()[0]]))
    if match["weekday"]:
        back = (today.weekday() - _WEEKDAYS.index(match["weekday"].casefold()[:3])) % 7 or 7
        return _day(today - timedelta(days=back))
    if unit := match["unit"]:
        offset = {"last": -1, "past": -1, "this": 0, "next": 1}[match["which"].casefold()]
        return _shifted(today, unit.casefold(), offset)
    words = match["count"] or match["in_count"]
    count = int(words) if words.isdecimal() else _COUNTS[words.casefold()]
    unit = (match["count_unit"] or match["in_unit"]).casefold().rstrip("s")
    return _shifted(today, unit, -count if match["count"] else count)


def _shifted(today: datetime, unit: str, offset: int) -> tuple[str, str, datetime] | None:
    try:
        match unit:
            case "day":
                return _day(today + timedelta(days=offset))
            case "week":
                monday = today + timedelta(days=7 * offset - today.weekday())
                return "in", f"the week of {_spelled(monday)}", monday
            case "weekend":
                saturday = today + timedelta(days=7 * offset + 5 - today.weekday())
                return "on", f"the weekend of {_spelled(saturday)}", saturday
            case "month":
                years, month = divmod(today.month - 1 + offset, 12)
                first = today.replace(year=today.year + years, month=month + 1, day=1)
                return "in", f"{_MONTHS[month]} {first.year}", first
            case _:
                first = today.replace(year=today.year + offset, month=1, day=1)
                return "in", str(first.year), first
    except (ValueError, OverflowError):
        return None  # "3000 years ago" is before the calendar


def _day(day: datetime) -> tuple[str, str, datetime]:
    return "on", _spelled(day), day


def _spelled(day: datetime) -> str:
    return f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


_MONTHS = [
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
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_OFFSETS = {"yesterday": -1, "last": -1, "today": 0, "tonight": 0, "this": 0, "tomorrow": 1}
_COUNTS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_COUNT = rf"\d{{1,4}}|{'|'.join(_COUNTS)}"
_UNIT = r"days?|weeks?|months?|years?"

_RELATIVE = pattern(rf"""
    \b(?P<before>(?:since|from|until|till|by|before|after|during|for|of)\s+)?(?:(?P<day>yesterday
    (?:\s+(?:morning|afternoon|evening|night))?|last\s+night|today|tonight|tomorrow|this\s+
    (?:morning|afternoon|evening))|last\s+(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)
    |(?P<which>last|past|this|next)\s+(?P<unit>weekend|week|month|year)|(?:(?:just|about|around
    |roughly|over|almost|only)\s+)?(?P<count>{_COUNT})\s+(?P<count_unit>{_UNIT})\s+ago|in\s+
    (?P<in_count>{_COUNT})\s+(?P<in_unit>{_UNIT}))\b(?!['\u2019-])
    """)

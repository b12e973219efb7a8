"""The three date filters that every list has (seed 002), as one span of time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from eunoe_server.errors import InvalidParameter

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
#: A blank is what an unescaped `+` turns into in a query.
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+\- ]\d\d:\d\d)", re.ASCII
)


def created_range(
    created: str, start: datetime | None, end: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """From when on, and before when; None: no bound.

    `created` is a date, which means its whole day in UTC, or an instant, which means that very
    microsecond; with a start or an end it narrows further. Raises InvalidParameter.
    """
    if not created:
        return start, end
    try:
        exactly, until = _span(created)
    except (ValueError, OverflowError):
        raise InvalidParameter.of(
            "created", "must be a date or a time such as 2025-01-15T10:30:00Z, with its offset"
        ) from None
    return max(exactly, start or exactly), min(until, end or until)


def _span(created: str) -> tuple[datetime, datetime]:
    if _DATE.fullmatch(created):
        midnight = datetime.combine(date.fromisoformat(created), time(tzinfo=UTC))
        return midnight, midnight + timedelta(days=1)
    if not _INSTANT.fullmatch(created):
        raise ValueError
    offset = created[-6:].replace(" ", "+")
    moment = datetime.fromisoformat((created[:-6] + offset).upper()).astimezone(UTC)
    return moment, moment + timedelta(microseconds=1)

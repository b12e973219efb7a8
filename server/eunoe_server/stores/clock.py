"""The database's time of day, known here without asking.

Everything that servers must agree on is decided by one clock: the database's. Statements say
`now()`. What is computed here (the date of a fact that is told, what "yesterday" means, which month
a call belongs to) asks this clock, which a wrong or jumping clock of this machine does not touch.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection


class DatabaseClock:
    """What the database said last, and how much time has gone by since."""

    def __init__(self, monotonic_seconds: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_seconds = monotonic_seconds
        #: Its time at zero of our monotonic clock.
        self._zero: datetime | None = None

    async def ask(self, connection: AsyncConnection[Any]) -> None:
        """Sets itself: when a connection is made, and whenever the probe asks."""
        cursor = await connection.execute("select clock_timestamp()")
        ((moment,),) = await cursor.fetchall()
        self._zero = moment.astimezone(UTC) - timedelta(seconds=self._monotonic_seconds())

    def now(self) -> datetime:
        """Its time of day, in UTC; this machine's as long as it has never answered."""
        if self._zero is None:
            return datetime.now(UTC)
        return self._zero + timedelta(seconds=self._monotonic_seconds())

"""Whether the database answers and has the right schema, asked on a connection of its own.

The pool is not asked: when all its connections are busy the server is busy, not broken, and must
not be taken out of service for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection

from eunoe_server.stores.clock import DatabaseClock
from eunoe_server.stores.migrate import schema_status
from eunoe_server.stores.time_limit import TimeLimit

ANSWER_SECONDS = 1.0
#: A question that gets no answer for so long is asked anew, on a new connection.
QUESTION_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Readiness:
    """Can calls be served? If not, a sentence that says why."""

    is_ready: bool
    why_not: str = ""


class Probe:
    """Asks one question at a time; who comes meanwhile gets the same answer."""

    def __init__(self, conninfo: str, clock: DatabaseClock) -> None:
        self._conninfo = conninfo
        self._clock = clock
        self._connection: AsyncConnection[Any] | None = None
        self._question: asyncio.Task[Readiness] | None = None
        self._misses = 0

    @property
    def is_in_vain(self) -> bool:
        """Whether nothing was heard twice since the last answer.

        That is a wait that ended, or a question that failed; one may have come at a bad moment.
        """
        return self._misses >= 2

    async def ask(self) -> Readiness:
        """The answer, or that there was none within a second."""
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(self._ask())
        # Not cancelled when time is up: the driver would wait for the database to hear of it.
        done, _ = await asyncio.wait([self._question], timeout=ANSWER_SECONDS)
        if not done:
            self._misses += 1
            return Readiness(False, f"The database did not answer within {ANSWER_SECONDS:.0f} s.")
        return self._question.result()

    async def close(self) -> None:
        """Gives up the question and the connection."""
        if self._question is not None:
            self._question.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._question
        await self._hang_up()

    async def _ask(self) -> Readiness:
        try:
            if self._connection is None:
                self._connection = await AsyncConnection.connect(self._conninfo, autocommit=True)
            limit = TimeLimit(self._connection, QUESTION_SECONDS)
            try:
                status = await schema_status(self._connection)
                await self._clock.ask(self._connection)
            finally:
                await limit.lift()
        except psycopg.Error:
            await self._hang_up()
            self._misses += 1
            return Readiness(False, "The database cannot be reached.")
        self._misses = 0
        return Readiness(is_ready=status.why_not == "", why_not=status.why_not)

    async def _hang_up(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()

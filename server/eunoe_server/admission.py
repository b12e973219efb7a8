"""Who may come in when more come than can be served: so many at a time, the others in a short line.

A server that takes everything finishes nothing: each call waits for each other, and all of them
run into their deadlines. So each scarce thing has a gate, and who would wait too long behind it is
refused at once, which costs next to nothing and tells a client when to come back.

How long is too long? A line that comes and goes is a burst (one program that asks a hundred things
at once), and waiting a second is better than an error. One that stays is overload: a long line
then serves nobody sooner, and only makes everybody wait; so it is kept short (this is the thought
of CoDel, RFC 8289, with the wait foretold at the door instead of measured behind it, because a
refusal after a wait is the worst of both).

Like telemetry, this is beside the layers: services and the transport use it, and it knows neither.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from eunoe_server.errors import Overloaded

#: When a refused caller may come back; by then a line has moved on.
RETRY_SECONDS = 1.0
#: In a line at most, whatever the pace: each waiter holds its request in memory.
MAX_WAITING = 2_000
#: How much each leaving tells of the pace of the next ones.
_SMOOTHING = 0.1


class Gate:
    """Lets `limit` in at a time. Of one event loop."""

    def __init__(
        self,
        limit: int,
        *,
        burst_seconds: float,
        standing_seconds: float,
        monotonic_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """A line may foretell `burst_seconds` of waiting; once it stays, `standing_seconds`.

        With `burst_seconds` 0 there is no line at all.
        """
        self._limit = limit
        self._burst_seconds = burst_seconds
        self._standing_seconds = standing_seconds
        self._now = monotonic_seconds
        self._inside = 0
        self._coming = 0
        self._line: deque[asyncio.Future[None]] = deque()
        #: What was begun inside and must end: never refused, and served before the line.
        self._owed: deque[asyncio.Future[None]] = deque()
        #: Seconds from one leaving to the next while somebody waits.
        self._pace_seconds = 0.0
        self._last_left_at = 0.0
        self._busy_since = 0.0
        self._emptied_at = float("-inf")

    @property
    def inside(self) -> int:
        """How many are in."""
        return self._inside

    @property
    def waiting(self) -> int:
        """How many wait, those included that have given up and are not yet passed over."""
        return len(self._line) + len(self._owed)

    @property
    def expected(self) -> int:
        """How many are in, in line or coming."""
        return self._inside + self._coming + len(self._line)

    @property
    def is_refusing(self) -> bool:
        """Whether somebody who came now would be refused, behind all that are coming."""
        return self.is_refusing_behind(self.expected)

    def is_refusing_behind(self, others: int) -> bool:
        """The same if there were so many `others`, inside, in line and coming."""
        waiting = others - self._limit
        return waiting >= 0 and self._is_too_long(waiting)

    def is_full_with(self, others: int) -> bool:
        """Whether who comes behind so many would have to wait at least."""
        return others >= self._limit

    def expect(self) -> Callable[[], None]:
        """Somebody is coming. To be called when he is here or has gone; twice does no harm."""
        is_coming = True
        self._coming += 1

        def has_come() -> None:
            nonlocal is_coming
            self._coming -= is_coming
            is_coming = False

        return has_come

    def _is_too_long(self, waiting: int) -> bool:
        if self._burst_seconds == 0 or waiting >= MAX_WAITING:
            return True
        if waiting == 0:
            return False
        allowed, standstill = self._burst_seconds, 0.0
        # Who is only coming stands in no line yet, and of the last one the times say nothing.
        if self.waiting:
            now = self._now()
            if now - self._busy_since > self._burst_seconds:
                allowed = self._standing_seconds
            # One moment without a leaving is no new pace; where nobody leaves any more, it counts.
            standstill = now - self._last_left_at
        return (waiting + 1) * self._pace_seconds + standstill > allowed

    @asynccontextmanager
    async def entered(
        self, *, is_owed: bool = False, is_let_in: bool = False
    ) -> AsyncIterator[None]:
        """Inside while the context lasts. Raises Overloaded instead of a long wait.

        `is_owed`: for what must be finished because something before it was let in.
        `is_let_in`: for who was told at the door that the line is short enough.
        """
        if self._inside < self._limit:
            self._inside += 1
        elif is_owed or is_let_in or not self._is_too_long(len(self._line)):
            await self._wait(self._owed if is_owed else self._line)
        else:
            raise Overloaded(retry_after_seconds=RETRY_SECONDS)
        try:
            yield
        finally:
            self._leave()

    async def _wait(self, line: deque[asyncio.Future[None]]) -> None:
        now = self._now()
        if not self.waiting:
            self._last_left_at = now
            if now - self._emptied_at > self._burst_seconds:
                self._busy_since = now
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(place)
        # What was foretold may not come true: then the wait ends at twice the longest promise.
        longest = None if line is self._owed else 2 * self._burst_seconds
        try:
            async with asyncio.timeout(longest):
                await place
        except (asyncio.CancelledError, TimeoutError) as error:
            # Its turn may have come in the same moment; then it must be passed on.
            if place.done() and not place.cancelled():
                self._leave()
            if isinstance(error, TimeoutError):
                raise Overloaded(retry_after_seconds=RETRY_SECONDS) from None
            raise

    def _leave(self) -> None:
        while self.waiting:
            place, now = (self._owed or self._line).popleft(), self._now()
            if not self.waiting:
                self._emptied_at = now
            if not place.done():
                self._pace_seconds += _SMOOTHING * (now - self._last_left_at - self._pace_seconds)
                self._last_left_at = now
                place.set_result(None)
                return
        self._inside -= 1

"""Work that nobody waits for, one small piece after the other.

What a piece is, who may do it and what becomes of one that fails is the service's; this loop only
decides when to ask for the next. It refuses to end because of a failure.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from eunoe_server.errors import Overloaded, StorageUnavailable

log = structlog.get_logger()

#: Pause when there was nothing to do, or no database to do it in.
IDLE_SECONDS = 1.0


class UpkeepWorker:
    """One process's share of one kind of work. Any number may run against one database."""

    def __init__(self, kind: str, do_next: Callable[[], Awaitable[bool]]) -> None:
        """`do_next` does a piece, and says whether there was one."""
        self._kind = kind
        self._do_next = do_next
        self._is_draining = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works in the background; on leaving, finishes the piece it is at."""
        task = asyncio.create_task(self._work(), name=self._kind)
        try:
            yield
        finally:
            self._is_draining.set()
            await task

    async def _work(self) -> None:
        while not self._is_draining.is_set():
            has_more = False
            try:
                has_more = await self._do_next()
            except (StorageUnavailable, Overloaded):
                pass
            except Exception:
                # A bug in a piece must not end the work for good; it is seen in the log.
                log.exception("upkeep failed", kind=self._kind)
            if not has_more:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._is_draining.wait(), IDLE_SECONDS)

"""Whether this server should get traffic, and why not: asked often, answered from one place.

Ready means the database answers within a second, the schema is the one this code was written for,
and the server is not draining. The upstream does not count: its outage is not ours to report by
taking ourselves out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from eunoe_server.stores.database import Database

log = structlog.get_logger()

CHECK_EVERY_SECONDS = 1.0


class Readiness:
    """The last known answer, kept fresh in the background."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._why_not = "starting"
        self._is_draining = False
        self._listeners: list[Callable[[bool], None]] = []

    @property
    def is_ready(self) -> bool:
        """Whether to send traffic here."""
        return not self.why_not

    @property
    def why_not(self) -> str:
        """One sentence; empty when ready."""
        return "draining" if self._is_draining else self._why_not

    def subscribe(self, listener: Callable[[bool], None]) -> None:
        """Calls `listener` now and at every change."""
        self._listeners.append(listener)
        listener(self.is_ready)

    def start_draining(self) -> None:
        """From here on not ready, for good."""
        self._is_draining = True
        self._tell()

    async def check(self) -> None:
        """Asks the database once."""
        was_ready, before = self.is_ready, self._why_not
        answer = await self._database.readiness()
        self._why_not = answer.why_not
        if before != self._why_not:
            log.info("readiness", ready=self.is_ready, why_not=self.why_not)
        if was_ready != self.is_ready:
            self._tell()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Checks now, then every second in the background."""
        await self.check()
        task = asyncio.create_task(self._watch(), name="readiness")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_SECONDS)
            await self.check()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self.is_ready)

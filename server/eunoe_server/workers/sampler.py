"""Looks, once a second, at what cannot be counted as it happens: the pool and the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eunoe_server.stores.database import Database
from eunoe_server.telemetry import Metrics

SAMPLE_SECONDS = 1.0


class Sampler:
    """Keeps the gauges of one process fresh."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Samples in the background."""
        self._look_at_pool()
        task = asyncio.create_task(self._sample(), name="sampler")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SAMPLE_SECONDS
            await asyncio.sleep(SAMPLE_SECONDS)
            self._metrics.loop_lag_seconds.observe(max(0.0, loop.time() - due))
            self._metrics.tasks.set(len(asyncio.all_tasks()))
            self._look_at_pool()

    def _look_at_pool(self) -> None:
        stats = self._database.pool_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        self._metrics.pool_connections.labels("idle").set(idle)
        self._metrics.pool_connections.labels("busy").set(size - idle)
        self._metrics.pool_waiting.set(stats.get("requests_waiting", 0))

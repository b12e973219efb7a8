"""Claims conversations that have been idle long enough and has them committed.

The queue is the row that says when (`stores/commits.py`); this loop only decides when to look and
what to do with an outcome. A claim is a lease that is renewed while the work runs, also while
draining; whoever loses it writes nothing, because the last write checks the lease's token.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from eunoe_server.domain.commit import CommitJob
from eunoe_server.errors import Overloaded, StorageUnavailable, Unavailable
from eunoe_server.services.commits import Committer, LeaseLost
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import Metrics, QueueGauges

log = structlog.get_logger()

#: Pause after the first failure of a job; doubled with each further one, up to the last.
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How the worker behaves; see `settings.WorkerSettings`."""

    concurrency: int
    poll_seconds: float
    lease_seconds: float
    max_attempts: int


async def measure_queue(database: Database, gauges: QueueGauges) -> None:
    """Sets the gauges of the queue; leaves them alone when the database cannot be asked."""
    with suppress(StorageUnavailable, Overloaded):
        async with database.transaction(None) as tx:
            depth = await tx.commits.depth()
        gauges.commit_queue.labels("waiting").set(depth.waiting)
        gauges.commit_queue.labels("leased").set(depth.leased)
        gauges.commit_queue.labels("dead").set(depth.dead)
        gauges.commit_lag_seconds.set(depth.lag_seconds)


class CommitWorker:
    """One process's share of the committing. Any number may run against one database."""

    def __init__(
        self, database: Database, committer: Committer, options: WorkerOptions, metrics: Metrics
    ) -> None:
        self._database = database
        self._committer = committer
        self._options = options
        self._metrics = metrics
        self._is_draining = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works in the background; on leaving, claims no more and finishes what it holds."""
        if self._options.concurrency == 0:
            yield
            return
        tasks = [
            asyncio.create_task(self._work(), name=f"commit worker {number}")
            for number in range(self._options.concurrency)
        ]
        try:
            yield
        finally:
            self._is_draining.set()
            await asyncio.gather(*tasks)

    async def _work(self) -> None:
        while not self._is_draining.is_set():
            try:
                jobs = await self._claim()
            except (StorageUnavailable, Overloaded):
                jobs = ()
            except Exception:
                # A bug in the claim must not end committing for good; it is seen in the log.
                log.exception("commit claim failed")
                jobs = ()
            for job in jobs:
                await self._commit(job)
            if not jobs:
                # Spread, so that many workers do not look at the same instant.
                await self._pause(self._options.poll_seconds * random.uniform(0.75, 1.25))  # noqa: S311 - no secret depends on it

    async def _claim(self) -> tuple[CommitJob, ...]:
        async def work(tx: Transaction) -> tuple[CommitJob, ...]:
            return tuple(
                await tx.commits.claim(
                    limit=1,
                    lease_seconds=self._options.lease_seconds,
                    lease_token=uuid4(),
                    max_attempts=self._options.max_attempts,
                )
            )

        return await self._database.run(None, work)

    async def _commit(self, job: CommitJob) -> None:
        renewing = asyncio.create_task(self._renew(job), name="lease renewal")
        try:
            await self._committer.commit(job)
        except LeaseLost:
            log.warning("commit lease lost", dialogue_key=job.dialogue_key)
            self._metrics.commits.labels("lease_lost").inc()
        except Exception as error:
            log.warning(
                "commit failed",
                dialogue_key=job.dialogue_key,
                attempt=job.attempts,
                error=type(error).__name__,
                exc_info=not isinstance(error, (Unavailable, Overloaded)),
            )
            await self._fail(job, error)
        else:
            self._metrics.commits.labels("committed").inc()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _fail(self, job: CommitJob, error: Exception) -> None:
        self._metrics.commits.labels("failed").inc()
        pause = min(FIRST_RETRY_SECONDS * 2 ** (job.attempts - 1), LAST_RETRY_SECONDS)

        async def work(tx: Transaction) -> bool:
            return await tx.commits.fail(
                job, type(error).__name__, pause, self._options.max_attempts
            )

        try:
            await self._database.run(None, work)
        except (StorageUnavailable, Overloaded):
            log.warning("commit failure not recorded; the lease will run out")

    async def _renew(self, job: CommitJob) -> None:
        while True:
            await asyncio.sleep(self._options.lease_seconds / 3)

            async def work(tx: Transaction) -> bool:
                return await tx.commits.renew(job, self._options.lease_seconds)

            try:
                if not await self._database.run(None, work):
                    return
            except (StorageUnavailable, Overloaded):
                continue

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_draining.wait(), seconds)

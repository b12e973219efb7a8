"""The commit queue: what waits, who works on it, and what was set aside.

All times are the database's. A worker's token fences it: once the lease has gone to somebody else,
nothing it still does here has an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from eunoe_server.domain.commit import CommitJob, DeadCommit, QueueDepth
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store, filled_in

_SQL = load_queries("commits")


class Commits(Store):
    """Of all tenants; only `arming` works for one, that of the transaction."""

    __slots__ = ()

    def arming(self, dialogue_key: int, after_seconds: float) -> bytes:
        """Commits the dialogue `after_seconds` from now; each new message says so again.

        A statement for `Transaction.at_end`.
        """
        return filled_in(
            _SQL["arm"], self._tenant, dialogue_key=dialogue_key, after_seconds=after_seconds
        )

    async def disarm(self, dialogue_key: int) -> None:
        """Forgets the dialogue: it was deleted."""
        await self._execute(_SQL["disarm"], dialogue_key=dialogue_key)

    async def claim(
        self, limit: int, lease_seconds: float, lease_token: UUID, max_attempts: int
    ) -> Sequence[CommitJob]:
        """Due dialogues that nobody works on, longest due first. They are this worker's now.

        Those whose lease ran out `max_attempts` times are set aside instead.
        """
        return await self._all(
            _SQL["claim"],
            CommitJob,
            limit=limit,
            lease_seconds=lease_seconds,
            lease_token=lease_token,
            max_attempts=max_attempts,
        )

    async def renew(self, job: CommitJob, lease_seconds: float) -> bool:
        """Keeps the lease; False when it was lost."""
        return await self._fenced("renew", job, lease_seconds=lease_seconds)

    async def finish(self, job: CommitJob) -> bool:
        """The job is done; if messages came meanwhile, the dialogue stays armed.

        False when the lease was lost: whatever this transaction has written must be undone.
        """
        return await self._fenced("finish", job) or await self._fenced("hand_back", job)

    async def fail(
        self, job: CommitJob, error_class: str, retry_after_seconds: float, max_attempts: int
    ) -> bool:
        """The try failed: again later, or set aside after the last. False: the lease was lost."""
        return await self._fenced(
            "fail",
            job,
            error_class=error_class,
            retry_after_seconds=retry_after_seconds,
            max_attempts=max_attempts,
        )

    async def release(self, job: CommitJob) -> bool:
        """Gives the job back untried. False: the lease was lost."""
        return await self._fenced("release", job)

    async def depth(self) -> QueueDepth:
        """How much waits, and for how long."""
        (depth,) = await self._all(_SQL["depth"], QueueDepth)
        return depth

    async def list_dead(self, limit: int) -> Sequence[DeadCommit]:
        """What was set aside, latest first."""
        return await self._all(_SQL["list_dead"], DeadCommit, limit=limit)

    async def _fenced(self, query: str, job: CommitJob, **values: object) -> bool:
        changed = await self._execute(
            _SQL[query],
            dialogue_key=job.dialogue_key,
            version=job.version,
            lease_token=job.lease_token,
            **values,
        )
        return changed > 0

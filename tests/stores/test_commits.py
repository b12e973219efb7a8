"""The commit queue: claimed by one, finished once, never dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from eunoe_server.domain.commit import CommitJob
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database
from tests.fixtures.database import at_once

LEASE_SECONDS = 30
MAX_ATTEMPTS = 3


async def arm(database: Database, tenant: Tenant, *dialogue_keys: int, after: float = 0) -> None:
    for key in dialogue_keys:
        await database.run(tenant, lambda tx, key=key: at_once(tx, tx.commits.arming(key, after)))  # type: ignore[misc]


async def claim(
    database: Database, limit: int = 10, token: UUID | None = None
) -> Sequence[CommitJob]:
    return await database.run(
        None,
        lambda tx: tx.commits.claim(limit, LEASE_SECONDS, token or uuid4(), MAX_ATTEMPTS),
    )


async def let_leases_run_out(dsn: str) -> None:
    await change(dsn, "update commit_queue set lease_until = now() - interval '1 second'")


async def let_all_be_due(dsn: str) -> None:
    await change(dsn, "update commit_queue set due_at = now() - interval '90 seconds'")


async def change(dsn: str, statement: str) -> None:
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute(statement.encode())


async def test_a_dialogue_is_due_when_it_was_idle_long_enough(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    await arm(database, tenant, 1, after=120)
    assert await claim(database) == []
    await let_all_be_due(dsn)
    await arm(database, tenant, 1, after=120)  # one more message
    assert await claim(database) == []
    await let_all_be_due(dsn)
    (job,) = await claim(database)
    assert (job.dialogue_key, job.version, job.attempts) == (1, 2, 1)
    assert (job.project_id, job.namespace_key) == (tenant.project_id, tenant.namespace_key)


async def test_each_job_is_claimed_by_one_of_many_workers(
    database: Database, tenant: Tenant
) -> None:
    await arm(database, tenant, *range(40))
    claims = await asyncio.gather(*(claim(database, 7) for _ in range(8)))
    claimed = [job.dialogue_key for jobs in claims for job in jobs]
    claimed += [job.dialogue_key for job in await claim(database, 40)]
    assert sorted(claimed) == list(range(40))


async def test_a_finished_job_is_gone(database: Database, tenant: Tenant) -> None:
    await arm(database, tenant, 1)
    (job,) = await claim(database)
    assert await database.run(None, lambda tx: tx.commits.finish(job))
    assert not await database.run(None, lambda tx: tx.commits.finish(job))
    async with database.transaction(None) as tx:
        assert (await tx.commits.depth()).waiting == 0


async def test_a_message_that_comes_meanwhile_keeps_the_dialogue_armed(
    database: Database, tenant: Tenant
) -> None:
    await arm(database, tenant, 1)
    (job,) = await claim(database)
    await arm(database, tenant, 1)
    assert await claim(database) == []  # the lease holds
    assert await database.run(None, lambda tx: tx.commits.finish(job))
    (again,) = await claim(database)
    assert (again.version, again.attempts) == (2, 1)


async def test_who_lost_the_lease_can_do_nothing_more(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    await arm(database, tenant, 1)
    (frozen,) = await claim(database)
    await let_leases_run_out(dsn)
    (other,) = await claim(database)
    assert other.attempts == 2
    for attempt in (
        database.run(None, lambda tx: tx.commits.finish(frozen)),
        database.run(None, lambda tx: tx.commits.renew(frozen, LEASE_SECONDS)),
        database.run(None, lambda tx: tx.commits.fail(frozen, "E", 0, MAX_ATTEMPTS)),
        database.run(None, lambda tx: tx.commits.release(frozen)),
    ):
        assert await attempt is False
    assert await database.run(None, lambda tx: tx.commits.finish(other))


async def test_a_lease_that_is_renewed_is_kept(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    await arm(database, tenant, 1)
    (job,) = await claim(database)
    await let_leases_run_out(dsn)
    assert await database.run(None, lambda tx: tx.commits.renew(job, LEASE_SECONDS))
    assert await claim(database) == []


async def test_poisoned_work_is_tried_again_later_and_then_set_aside(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    await arm(database, tenant, 1)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        (job,) = await claim(database)
        assert job.attempts == attempt
        assert await database.run(
            None,
            lambda tx, job=job: tx.commits.fail(job, "ValueError", 60, MAX_ATTEMPTS),  # type: ignore[misc]
        )
        assert await claim(database) == []
        await let_all_be_due(dsn)
    assert await claim(database) == []
    async with database.transaction(None) as tx:
        (dead,) = await tx.commits.list_dead(10)
        assert (dead.dialogue_key, dead.attempts, dead.last_error) == (1, 3, "ValueError")
        depth = await tx.commits.depth()
        assert (depth.waiting, depth.dead) == (0, 1)
    # A new message gives it another chance.
    await arm(database, tenant, 1)
    (job,) = await claim(database)
    assert job.attempts == 1
    async with database.transaction(None) as tx:
        assert await tx.commits.list_dead(10) == []


async def test_what_kills_its_workers_is_set_aside(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    await arm(database, tenant, 1)
    for _ in range(MAX_ATTEMPTS):
        assert len(await claim(database)) == 1
        await let_leases_run_out(dsn)
    assert await claim(database) == []
    async with database.transaction(None) as tx:
        (dead,) = await tx.commits.list_dead(10)
    assert (dead.attempts, dead.last_error) == (MAX_ATTEMPTS, "LeaseExpired")


async def test_a_job_given_back_was_not_tried(database: Database, tenant: Tenant) -> None:
    await arm(database, tenant, 1)
    (job,) = await claim(database)
    assert await database.run(None, lambda tx: tx.commits.release(job))
    (again,) = await claim(database)
    assert again.attempts == 1


async def test_a_deleted_dialogue_is_forgotten(database: Database, tenant: Tenant) -> None:
    await arm(database, tenant, 1, 2)
    await database.run(tenant, lambda tx: tx.commits.disarm(1))
    assert [job.dialogue_key for job in await claim(database)] == [2]


async def test_depth_and_lag_are_told_by_the_databases_clock(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    async with database.transaction(None) as tx:
        empty = await tx.commits.depth()
    assert (empty.waiting, empty.leased, empty.dead, empty.lag_seconds) == (0, 0, 0, 0)
    await arm(database, tenant, 1, 2, 3)
    await let_all_be_due(dsn)
    await arm(database, tenant, 4, after=3600)
    await claim(database, 1)
    async with database.transaction(None) as tx:
        depth = await tx.commits.depth()
    assert (depth.waiting, depth.leased) == (4, 1)
    assert depth.lag_seconds == pytest.approx(90, abs=60)

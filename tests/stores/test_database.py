"""The pool and its transactions: cancelled, exhausted, cut off, and whole again afterwards."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection

from eunoe_server.domain.deadline import due_in
from eunoe_server.domain.open_transaction import TransactionIsOpen, assert_no_transaction
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    DuplicateId,
    InvalidInput,
    Overloaded,
    StorageUnavailable,
)
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.store import Read
from tests.fixtures.database import NewTenant, at_once, connection_of


async def execute(tx: Transaction, query: str, *values: object) -> list[tuple[Any, ...]]:
    cursor = await connection_of(tx).execute(query.encode(), values)
    return await cursor.fetchall() if cursor.description else []


async def wait_until_whole(database: Database) -> None:
    """Every connection is back in the pool, or was replaced, and nobody waits for one."""
    for _ in range(500):
        stats = database.pool_stats()
        if stats["pool_available"] == stats["pool_size"] > 0 and not stats["requests_waiting"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the pool is not whole: {database.pool_stats()}")


@pytest.fixture
async def small(dsn: str) -> AsyncIterator[Database]:
    """A pool of two."""
    async with Database(
        dsn, max_connections=2, max_waiting=5, acquire_timeout_seconds=0.3
    ) as database:
        yield database


async def test_what_was_written_is_kept_when_its_work_ends(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await execute(tx, "insert into commit_queue values (1, 1, 1, 'waiting', now())")

    await database.run(None, work)
    async with database.transaction(None) as tx:
        assert await execute(tx, "select count(*) from commit_queue") == [(1,)]


async def test_a_transaction_is_undone_by_any_exception(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await execute(tx, "insert into commit_queue values (1, 1, 1, 'waiting', now())")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(None, work)
    async with database.transaction(None) as tx:
        assert await execute(tx, "select count(*) from commit_queue") == [(0,)]


async def test_what_is_left_to_the_end_is_done_with_the_rest_or_not_at_all(
    database: Database, tenant: Tenant
) -> None:
    async def work(tx: Transaction, *, is_good: bool) -> None:
        tx.at_end(tx.commits.arming(1, 60))
        tx.at_end(tx.commits.arming(2, 60) if is_good else b"select 1 / 0")
        assert await execute(tx, "select count(*) from commit_queue") == [(0,)]

    with pytest.raises(psycopg.errors.DivisionByZero):
        await database.run(tenant, partial(work, is_good=False))
    await database.run(tenant, partial(work, is_good=True))
    async with database.transaction(None) as tx:
        assert await execute(tx, "select dialogue_key from commit_queue order by 1") == [(1,), (2,)]
        with pytest.raises(ValueError, match="for reading"):
            tx.at_end(b"select 1")
    await wait_until_whole(database)


async def test_nothing_of_a_tenant_stays_on_its_connection(
    dsn: str, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    async with Database(dsn, min_connections=1, max_connections=1) as database:
        async with database.transaction(tenant):
            pass
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with database.transaction(tenant) as tx:
                await execute(tx, "select 1 / 0")
        sleeping = asyncio.create_task(self_cancelled(database, tenant))
        await asyncio.sleep(0.05)
        sleeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeping
        connection = await database._pool.getconn()
        cursor = await connection.execute(
            "select current_setting('eunoe.project_id', true),"
            " current_setting('eunoe.namespace_key', true), current_user = session_user"
        )
        assert await cursor.fetchone() in ((None, None, True), ("", "", True))
        await database._pool.putconn(connection)
    assert "rolling back returned connection" not in caplog.text


async def test_a_read_that_fails_as_its_transaction_begins_leaves_a_clean_connection(
    dsn: str, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(state: str) -> Read[dict[str, Any]]:
        return Read(f"do $$ begin raise sqlstate '{state}'; end $$".encode(), dict)

    # Two of the driver's operational errors that leave the connection as it was.
    deadlock, full_disk = failing("40P01"), failing("53100")
    async with Database(dsn, min_connections=1, max_connections=1) as database:
        with pytest.raises(Overloaded):
            await database.ask(tenant, deadlock)
        with pytest.raises(StorageUnavailable, match="no space left"):
            async with database.searching(tenant, full_disk):
                pass
        await wait_until_whole(database)
    assert "rolling back returned connection" not in caplog.text


async def self_cancelled(database: Database, tenant: Tenant) -> None:
    async with database.transaction(tenant) as tx:
        await execute(tx, "select pg_sleep(60)")


async def test_the_server_works_as_a_role_without_rights_of_its_own(
    database: Database, tenant: Tenant
) -> None:
    for scope in (None, tenant, Tenant(tenant.project_id)):
        async with database.transaction(scope) as tx:
            ((is_plain,),) = await execute(
                tx,
                "select not (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb"
                " or rolcanlogin) from pg_roles where rolname = current_user",
            )
            assert is_plain
            owned = await execute(
                tx, "select relname from pg_class where relowner = current_user::regrole"
            )
            assert owned == []


async def test_providers_can_tell_that_a_transaction_is_open(
    database: Database, tenant: Tenant
) -> None:
    assert_no_transaction()
    async with database.transaction(tenant):
        with pytest.raises(TransactionIsOpen):
            assert_no_transaction()

    async def work(tx: Transaction) -> None:
        with pytest.raises(TransactionIsOpen):
            assert_no_transaction()

    await database.run(tenant, work)
    assert_no_transaction()


async def test_a_full_pool_refuses_in_bounded_time(small: Database) -> None:
    async def hold() -> None:
        async with small.transaction(None) as tx:
            await execute(tx, "select pg_sleep(1)")

    results = await asyncio.gather(*(hold() for _ in range(12)), return_exceptions=True)
    # Two work; five wait and give up; five more may not even wait.
    assert [result for result in results if result is None] == [None, None]
    refused = [result for result in results if result is not None]
    assert {type(result) for result in refused} == {Overloaded}
    assert all(isinstance(r, Overloaded) and r.retry_after_seconds for r in refused)
    assert (await small.readiness()).is_ready
    await wait_until_whole(small)


async def test_a_statement_that_takes_too_long_is_stopped(database: Database) -> None:
    with pytest.raises(StorageUnavailable, match="took too long"):
        async with database.transaction(None, statement_timeout_seconds=0.05) as tx:
            await execute(tx, "select pg_sleep(60)")


async def test_connections_that_were_cut_are_replaced_before_anybody_notices(
    database: Database, postgres: str, dsn: str
) -> None:
    async with database.transaction(None), database.transaction(None):
        pass
    await cut_all(postgres, dsn)
    for _ in range(5):
        async with database.transaction(None) as tx:
            assert await execute(tx, "select 1") == [(1,)]


async def cut_all(postgres: str, dsn: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    async with await AsyncConnection.connect(postgres, autocommit=True) as outside:
        await outside.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )


async def test_a_connection_that_is_cut_in_use_is_an_unavailable_storage(
    database: Database, postgres: str, dsn: str
) -> None:
    async def work(tx: Transaction) -> None:
        await cut_all(postgres, dsn)
        await execute(tx, "select 'canary'")

    with pytest.raises(StorageUnavailable) as caught:
        await database.run(None, work)
    assert "canary" not in caught.value.message
    assert caught.value.retry_after_seconds
    await wait_until_whole(database)


async def test_without_a_server_calls_end_and_say_so() -> None:
    async with Database("host=/nonexistent dbname=eunoe", acquire_timeout_seconds=0.3) as database:
        with pytest.raises(StorageUnavailable):
            async with database.transaction(None):
                pass
        readiness = await database.readiness()
        assert not readiness.is_ready
        assert readiness.why_not == "The database cannot be reached."


async def test_a_cancelled_read_stops_its_statement(database: Database, dsn: str) -> None:
    reading = asyncio.create_task(self_cancelled(database, Tenant(1)))
    while not await sleeping_backends(dsn):  # noqa: ASYNC110 (it happens in the database)
        await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await sleeping_backends(dsn) == 0
    await wait_until_whole(database)


async def sleeping_backends(dsn: str) -> int:
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        cursor = await outside.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and wait_event = 'PgSleep'"
        )
        ((count,),) = await cursor.fetchall()
        return int(count)


async def test_a_write_is_finished_although_its_caller_is_gone(
    database: Database, tenant: Tenant
) -> None:
    begun = asyncio.Event()

    async def work(tx: Transaction) -> None:
        begun.set()
        await execute(tx, "select pg_sleep(0.1)")
        await at_once(tx, tx.commits.arming(7, 0))

    writing = asyncio.create_task(database.run(tenant, work))
    await begun.wait()
    writing.cancel()
    await asyncio.sleep(0.01)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    async with database.transaction(None) as tx:
        assert (await tx.commits.depth()).waiting == 1


async def test_a_cancellation_cannot_come_between_a_connection_and_its_pool(dsn: str) -> None:
    async with Database(dsn, min_connections=1, max_connections=1) as database:
        is_inside, may_end = asyncio.Event(), asyncio.Event()

        async def read() -> None:
            async with database.transaction(None):
                is_inside.set()
                await may_end.wait()

        reading = asyncio.create_task(read())
        await is_inside.wait()
        async with database._pool._lock:  # as if another caller were just served
            may_end.set()
            await asyncio.wait([reading], timeout=0.1)
            reading.cancel()
            await asyncio.wait([reading])
        await wait_until_whole(database)
        async with database.transaction(None):
            pass


async def test_a_deadline_that_passes_before_there_is_a_connection_costs_none(dsn: str) -> None:
    async def read() -> None:
        with due_in(0.05):
            async with database.transaction(None):
                pass

    async with Database(dsn, min_connections=1, max_connections=1) as database:
        async with database.transaction(None):
            pass
        async with database._pool._lock:  # as if another caller were just served
            reading = asyncio.create_task(read())
            await asyncio.sleep(0.1)
        with pytest.raises(StorageUnavailable, match="took too long"):
            await reading
        await wait_until_whole(database)


async def test_the_pool_is_whole_after_a_storm_of_cancellations(
    database: Database, tenant: Tenant, dsn: str
) -> None:
    chance = random.Random(1208)  # noqa: S311 (the same storm each time)

    async def read() -> None:
        async with database.transaction(tenant) as tx:
            await execute(tx, "select pg_sleep(%s)", chance.uniform(0, 0.01))
            await tx.dialogues.get("nothing")

    async def write() -> None:
        async def work(tx: Transaction) -> None:
            await at_once(tx, tx.commits.arming(chance.randrange(5), 60))
            await execute(tx, "select pg_sleep(%s)", chance.uniform(0, 0.01))

        await database.run(tenant, work)

    async def cancelled(call: Any, after_seconds: float) -> None:
        task = asyncio.create_task(call)
        await asyncio.sleep(after_seconds)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None, task.exception()

    await asyncio.gather(
        *(cancelled(chance.choice((read, write))(), chance.uniform(0, 0.02)) for _ in range(200))
    )
    await wait_until_whole(database)
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        cursor = await outside.execute(
            "select state, query from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state <> 'idle'"
        )
        assert await cursor.fetchall() == []
    await read()
    await write()


async def test_two_writers_in_each_others_way_both_succeed(
    database: Database, tenant: Tenant
) -> None:
    async def arm_both(tx: Transaction) -> None:
        await at_once(tx, tx.commits.arming(1, 60))
        await at_once(tx, tx.commits.arming(2, 60))

    await database.run(tenant, arm_both)
    met = asyncio.Barrier(2)
    is_first_try = {1: True, 2: True}

    async def both(first: int, second: int) -> None:
        async def work(tx: Transaction) -> None:
            await at_once(tx, tx.commits.arming(first, 60))
            if is_first_try[first]:
                is_first_try[first] = False
                await met.wait()  # each holds what the other wants: one of them is a victim
            await at_once(tx, tx.commits.arming(second, 60))

        await database.run(tenant, work)

    await asyncio.gather(both(1, 2), both(2, 1))
    async with database.transaction(None) as tx:
        rows = await execute(tx, "select version from commit_queue")
        assert rows == [(3,), (3,)]


async def test_a_race_that_is_lost_again_and_again_is_an_overload(
    database: Database, tenant: Tenant
) -> None:
    tries = 0

    async def work(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        await execute(tx, "do $$ begin raise sqlstate '40001'; end $$")

    with pytest.raises(Overloaded):
        await database.run(tenant, work)
    assert tries == 6


async def test_what_cannot_be_stored_is_the_callers_fault(
    database: Database, tenant: Tenant
) -> None:
    for text in ("a\0b", "a\ud800b"):
        with pytest.raises(InvalidInput):
            await database.run(
                Tenant(tenant.project_id),
                lambda tx, text=text: tx.namespaces.resolve(text),  # type: ignore[misc]
            )


async def test_errors_say_nothing_of_the_database(database: Database, tenant: Tenant) -> None:
    async def work(tx: Transaction) -> None:
        await execute(
            tx,
            "insert into dialogues (namespace_key, project_id, id)"
            " values (%s, %s, 'canary'), (%s, %s, 'canary')",
            *(tenant.namespace_key, tenant.project_id) * 2,
        )

    with pytest.raises(DuplicateId) as caught:
        await database.run(tenant, work)
    for word in ("canary", "dialogues", "insert", "constraint"):
        assert word not in caught.value.message


async def test_a_project_is_made_once(database: Database) -> None:
    assert await database.open_project("p") is None
    made = await asyncio.gather(*(database.open_project("p", create=True) for _ in range(8)))
    assert len(set(made)) == 1
    assert await database.open_project("p") == made[0]
    assert await database.open_project("p' or true --") is None


async def test_readiness_is_told_by_the_schema(
    database: Database, new_tenant: NewTenant, dsn: str
) -> None:
    assert (await database.readiness()).is_ready
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        await outside.execute("alter table schema_migrations rename to gone")
        readiness = await database.readiness()
        assert not readiness.is_ready
        told = r"The database has schema 0000, this server needs \d{4}\. Run `eunoe migrate`\."
        assert re.fullmatch(told, readiness.why_not)
        await outside.execute("alter table gone rename to schema_migrations")
    assert (await database.readiness()).is_ready


async def test_readiness_does_not_wait_for_a_database_that_hangs(
    database: Database, dsn: str
) -> None:
    async with await AsyncConnection.connect(dsn) as outside:
        await outside.execute("lock table schema_migrations in access exclusive mode")
        readiness = await database.readiness()
        assert not readiness.is_ready
        assert readiness.why_not == "The database did not answer within 1 s."
    assert (await database.readiness()).is_ready

"""A transaction ends when its time is up: in a slow database, and without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from eunoe_server.domain.deadline import due_in, seconds_left
from eunoe_server.errors import Overloaded, StorageUnavailable
from eunoe_server.stores.cluster import PORT
from eunoe_server.stores.database import Database, Transaction
from tests.fixtures.fault_proxy import BlackHole, FaultProxy, Pass

#: Far more than any limit here, far less than what the driver would wait by itself.
PATIENCE_SECONDS = 5.0


@pytest.fixture
def network(dsn: str) -> Iterator[FaultProxy]:
    """Between the pool and the database."""
    host = str(conninfo_to_dict(dsn)["host"])
    port = conninfo_to_dict(dsn).get("port") or PORT
    target = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"
    with FaultProxy(target) as network:
        yield network


@pytest.fixture
async def distant(dsn: str, network: FaultProxy) -> AsyncIterator[Database]:
    """The database behind the network, with connections that have been used."""
    far = make_conninfo(dsn, host="127.0.0.1", port=network.port)
    async with Database(far, acquire_timeout_seconds=0.5) as database:
        await read(database)
        yield database


async def read(database: Database) -> None:
    async with database.transaction(None) as tx:
        await execute(tx, "select 1")


async def write(database: Database, *, seconds: float = 0) -> None:
    await database.run(None, lambda tx: execute(tx, f"select pg_sleep({seconds})"))


async def execute(tx: Transaction, statement: str) -> None:
    await tx.keys._connection.execute(statement.encode())


async def active(dsn: str) -> int:
    async with await AsyncConnection.connect(dsn, autocommit=True) as outside:
        cursor = await outside.execute(
            "select count(*) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and state <> 'idle'"
        )
        ((count,),) = await cursor.fetchall()
        return int(count)


async def is_whole(database: Database) -> bool:
    for _ in range(200):
        stats = database.pool_stats()
        if stats["pool_available"] == stats["pool_size"] > 0 and not stats["requests_waiting"]:
            return True
        await asyncio.sleep(0.02)
    return False


def test_the_nearer_deadline_counts() -> None:
    assert seconds_left() is None
    with due_in(60):
        with due_in(1):
            assert 0 < (seconds_left() or 0) <= 1
        with due_in(600):
            assert 59 < (seconds_left() or 0) <= 60
    assert seconds_left() is None


async def test_a_write_of_many_statements_ends_in_the_database_too(
    database: Database, dsn: str
) -> None:
    async def work(tx: Transaction) -> None:
        for _ in range(100):
            await execute(tx, "select pg_sleep(0.05)")

    with due_in(0.3), pytest.raises(StorageUnavailable):
        await asyncio.wait_for(database.run(None, work), PATIENCE_SECONDS)
    while await active(dsn):  # noqa: ASYNC110 (it happens in the database)
        await asyncio.sleep(0.01)
    await write(database)
    assert await is_whole(database)


async def test_what_is_overdue_is_not_begun(database: Database) -> None:
    with due_in(0), pytest.raises(StorageUnavailable):
        await read(database)


@pytest.mark.parametrize("work", [read, write])
async def test_a_database_that_falls_silent_is_not_waited_for(
    distant: Database, network: FaultProxy, work: Any
) -> None:
    network.set(BlackHole())
    for _ in range(2):  # on a connection that stands, then with none left, be it busy or gone
        with due_in(0.3), pytest.raises((StorageUnavailable, Overloaded)):
            await asyncio.wait_for(work(distant), PATIENCE_SECONDS)
    network.set(Pass())
    await asyncio.wait_for(work(distant), PATIENCE_SECONDS)
    assert await is_whole(distant)


async def test_silence_in_the_middle_of_a_transaction_ends_it(
    distant: Database, network: FaultProxy
) -> None:
    async def work(tx: Transaction) -> None:
        network.set(BlackHole())
        await execute(tx, "select 1")

    with due_in(0.3), pytest.raises(StorageUnavailable):
        await asyncio.wait_for(distant.run(None, work), PATIENCE_SECONDS)
    network.set(Pass())
    assert await is_whole(distant)


async def test_once_it_is_known_to_be_gone_nobody_waits(
    distant: Database, network: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eunoe_server.stores.database.SILENCE_SECONDS", 0.0)
    monkeypatch.setattr("eunoe_server.stores.readiness.ANSWER_SECONDS", 0.05)
    network.set(BlackHole())
    for _ in range(2):
        assert not (await distant.readiness()).is_ready
    asked = distant.pool_stats()["requests_num"]
    with pytest.raises(StorageUnavailable):
        await read(distant)
    assert distant.pool_stats()["requests_num"] == asked
    network.set(Pass())
    while not (await distant.readiness()).is_ready:  # noqa: ASYNC110 (it asks anew)
        await asyncio.sleep(0.01)
    await read(distant)

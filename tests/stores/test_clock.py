"""The database's clock: what it says goes, and our own only before it has said anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine
from psycopg import AsyncConnection

from eunoe_server.stores.clock import DatabaseClock
from eunoe_server.stores.database import Database
from tests.fixtures.clock import Clock


async def test_it_goes_on_from_what_the_database_said_last(dsn: str) -> None:
    monotonic = Clock()
    clock = DatabaseClock(monotonic)
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        before = await moment_of(connection)
        await clock.ask(connection)
        after = await moment_of(connection)
    assert before <= clock.now() <= after
    monotonic.seconds += 3_600
    assert before <= clock.now() - timedelta(hours=1) <= after


async def test_without_any_answer_it_is_this_machines() -> None:
    before = datetime.now(UTC)
    assert before <= DatabaseClock().now() <= datetime.now(UTC)


async def test_a_database_that_was_used_knows_its_time_whatever_the_machine_says(
    database: Database, dsn: str
) -> None:
    async with (
        await AsyncConnection.connect(dsn, autocommit=True) as connection,
        database.transaction(None),
    ):
        there = await moment_of(connection)
        with time_machine.travel(timedelta(hours=1), tick=True):
            assert datetime.now(UTC) - there > timedelta(minutes=50)
            now = database.now()
        assert now.tzinfo is UTC
        assert abs(now - there) < timedelta(seconds=5)


async def moment_of(connection: AsyncConnection[tuple[datetime]]) -> datetime:
    """The database's time of day."""
    cursor = await connection.execute("select clock_timestamp()")
    ((moment,),) = await cursor.fetchall()
    return moment

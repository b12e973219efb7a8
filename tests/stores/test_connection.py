"""Connections outside of the pool: for commands, which say what went wrong in a sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from eunoe_server.errors import StorageUnavailable
from eunoe_server.stores.backup import restore
from eunoe_server.stores.condition import look
from eunoe_server.stores.connection import connected
from eunoe_server.stores.distribution import distribute
from eunoe_server.stores.migrate import migrate, status


@pytest.mark.parametrize(
    "ask", [migrate, status, look, distribute, lambda dsn: restore(dsn, Path(__file__))]
)
async def test_a_database_that_is_not_there_is_said_to_be_so(
    ask: Callable[[str], Awaitable[Any]],
) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        await ask("host=/nonexistent dbname=eunoe")


async def test_a_database_that_goes_away_meanwhile_is_said_to_be_so(dsn: str) -> None:
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        async with connected(dsn) as connection:
            await connection.execute("select pg_terminate_backend(pg_backend_pid())")


async def test_a_full_disk_is_not_called_a_database_that_cannot_be_reached(dsn: str) -> None:
    with pytest.raises(StorageUnavailable, match="no space left"):
        async with connected(dsn) as connection:
            await connection.execute("do $$ begin raise sqlstate '53100'; end $$")


async def test_our_own_mistakes_stay_what_they_are(dsn: str) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        async with connected(dsn) as connection:
            await connection.execute("selekt")


@pytest.mark.parametrize("fails", [False, True])
async def test_without_autocommit_it_is_done_as_a_whole(dsn: str, fails: bool) -> None:
    try:
        async with connected(dsn, autocommit=False) as connection:
            await connection.execute("create table made (id integer)")
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    async with connected(dsn) as connection:
        cursor = await connection.execute("select to_regclass('made') is null")
        assert await cursor.fetchone() == (fails,)

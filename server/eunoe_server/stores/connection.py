"""A connection of its own, for what is done to a database as a whole.

Migrations, backups and examinations run beside the pool: they work as the role that owns the
tables, and no tenant is set. Calls that are served never come here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from eunoe_server.errors import StorageUnavailable
from eunoe_server.stores.driver_errors import translate


@asynccontextmanager
async def connected(
    conninfo: str, *, autocommit: bool = True
) -> AsyncIterator[AsyncConnection[Any]]:
    """Closed at the end; without `autocommit` committed before, or undone by any exception.

    Raises StorageUnavailable, also for a database that goes away meanwhile.
    """
    try:
        connection = await AsyncConnection.connect(conninfo, autocommit=autocommit)
    except psycopg.OperationalError as exc:
        raise StorageUnavailable("The database cannot be reached.") from exc
    try:
        async with connection:
            yield connection
    except psycopg.OperationalError as exc:
        if (ours := translate(exc)) is None:
            raise
        raise ours from exc

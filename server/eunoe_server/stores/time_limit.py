"""Ends what a connection is doing when its time is up, also when the database is not there to ask.

The database's own `statement_timeout` counts one statement, not a transaction, and a database that
hangs or is cut off counts nothing. The driver waits for it as long as TCP does, which is minutes,
and so does a cancelled task, since cancelling asks the database as well. So this keeps time on our
side: it asks the database to stop, and what has not stopped soon after loses its socket. The
driver then reads that the connection has ended, and raises.

A connection whose limit was reached is closed and never used again: the request to stop might
still be on its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import Any

import psycopg
from psycopg import AsyncConnection

#: What a database that is well needs to stop a statement.
ASK_SECONDS = 0.15


class TimeLimit:
    """For one piece of work on one connection; `lift` it when the work is done."""

    __slots__ = ("_connection", "_ending", "_timer")

    def __init__(self, connection: AsyncConnection[Any], seconds: float) -> None:
        self._connection = connection
        self._ending: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._reach)

    @property
    def was_reached(self) -> bool:
        """Whether the work was ended by this."""
        return self._ending is not None

    async def lift(self) -> None:
        """From here on the connection may take its time."""
        self._timer.cancel()
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.wait([self._ending])
            await self._connection.close()

    def _reach(self) -> None:
        self._ending = asyncio.create_task(self._end(), name="time limit")

    async def _end(self) -> None:
        with contextlib.suppress(psycopg.Error):
            await self._connection.cancel_safe(timeout=ASK_SECONDS)
        await asyncio.sleep(ASK_SECONDS)
        hang_up(self._connection)


def hang_up(connection: AsyncConnection[Any]) -> None:
    """Shuts the socket under whoever waits on it."""
    with (
        contextlib.suppress(psycopg.Error, OSError),  # closed meanwhile
        socket.socket(fileno=os.dup(connection.pgconn.socket)) as twin,
    ):
        twin.shutdown(socket.SHUT_RDWR)

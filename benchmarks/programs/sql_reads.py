"""One memory read by the store, and by a bare psycopg connection: what tenancy and rows cost.

A program of its own (`processes.run_program`): it reads a `ReadOrder` and prints, round by round,
the median milliseconds of each side. The bare side selects the same row by its key with one
prepared statement, outside any transaction, and makes nothing of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

import psycopg

from benchmarks.processes import own_program, run_program
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database
from eunoe_server.stores.memories import memory_of

BARE = "select * from memories where namespace_key = %s and id = %s"


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """What to read, and how often."""

    dsn: str
    ids: tuple[str, ...]
    reads: int
    rounds: int


@dataclass(frozen=True, slots=True)
class ReadReport:
    """Milliseconds, a median each round."""

    store: tuple[float, ...]
    bare: tuple[float, ...]


def read(order: ReadOrder) -> ReadReport:
    """Reads, in a process of its own."""
    report = run_program(own_program("sql_reads"), dataclasses.asdict(order), seconds=600)
    return ReadReport(tuple(report["store"]), tuple(report["bare"]))


async def measure(order: ReadOrder) -> ReadReport:
    """Both sides, taking turns."""
    store: list[float] = []
    bare: list[float] = []
    async with (
        Database(order.dsn) as database,
        await psycopg.AsyncConnection.connect(order.dsn, autocommit=True) as connection,
    ):
        found = await connection.execute(
            "select project_id, namespace_key from memories where id = %s", [order.ids[0]]
        )
        row = await found.fetchone()
        assert row is not None
        tenant = Tenant(*row)

        async def by_store(memory_id: str) -> None:
            assert await database.ask(tenant, memory_of(tenant, memory_id, row[1]))

        async def by_hand(memory_id: str) -> None:
            cursor = await connection.execute(BARE, [tenant.namespace_key, memory_id], prepare=True)
            assert await cursor.fetchone() is not None

        for number in range(order.rounds + 1):
            for side, rounds in ((by_store, store), (by_hand, bare)):
                middle = await _median(side, order)
                if number:  # the first one warms up
                    rounds.append(middle)
    return ReadReport(tuple(store), tuple(bare))


async def _median(side: Callable[[str], Awaitable[None]], order: ReadOrder) -> float:
    times = []
    for number in range(order.reads):
        before = time.perf_counter()
        await side(order.ids[number % len(order.ids)])
        times.append(1000 * (time.perf_counter() - before))
    return median(times)


if __name__ == "__main__":
    order = ReadOrder(**json.load(sys.stdin))
    json.dump(dataclasses.asdict(asyncio.run(measure(order))), sys.stdout)

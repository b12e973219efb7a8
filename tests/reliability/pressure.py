"""A database that hangs: a pool that is used up, calls that outlive their deadline (R7, R8, R13).

    python -m tests.reliability.pressure [--callers 50]

Somebody else holds a lock that every memory needs, so each call that gets a connection keeps it.
With two connections for fifty callers, the others have to be refused in bounded time, health must
not suffer, and what was given up on must not go on in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx2
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eunoe.v1 import memory_pb2, memory_pb2_grpc
from tests.fixtures.server import METADATA, ServerProcess, serving
from tests.reliability.callers import Said, said_by_status
from tests.reliability.figures import Rows, main, seconds
from tests.reliability.postgres import OutsidePostgres, outside_postgres

NAMESPACE = "pressure"
CONNECTIONS = 2
DEADLINE_SECONDS = 0.3
#: How long after its deadline a call may still be at work in the database.
MERCY_SECONDS = 1.0


@dataclass(slots=True)
class Outcome:
    """What a run showed. Times are in seconds."""

    answered: list[tuple[float, Said]] = field(default_factory=list)
    unhealthy: int = 0
    slowest_health: float = 0.0
    deadline_seconds: list[float] = field(default_factory=list)
    at_work_after_deadline: int = 0
    well_after: float = float("inf")

    @property
    def refused_seconds(self) -> list[float]:
        """Of those who never got a connection."""
        return [took for took, said in self.answered if said.reason == "OVERLOADED"]


async def run(callers: int) -> Outcome:
    """The lock is held until everybody has given up."""
    outcome = Outcome()
    with (
        outside_postgres() as postgres,
        serving(
            {
                "EUNOE_DATABASE_URL": postgres.dsn,
                "EUNOE_DATABASE__POOL_MIN": str(CONNECTIONS),
                "EUNOE_DATABASE__POOL_MAX": str(CONNECTIONS),
                "EUNOE_SERVER__CALL_SECONDS": "5",
                "EUNOE_WORKER__CONCURRENCY": "0",
            }
        ) as server,
    ):
        async with grpc.aio.insecure_channel(server.grpc) as channel:
            stub = memory_pb2_grpc.MemoryServiceStub(channel)
            assert (await _create(stub, "before"))[1].is_done
            with _lock(postgres):
                watching = asyncio.create_task(_watch_health(server, outcome))
                outcome.answered = list(await asyncio.gather(*(_get(stub) for _ in range(callers))))
                for call in (_get(stub, DEADLINE_SECONDS), _create(stub, "x", DEADLINE_SECONDS)):
                    took, _ = await call
                    outcome.deadline_seconds.append(took)
                    await asyncio.sleep(MERCY_SECONDS)
                    outcome.at_work_after_deadline += await asyncio.to_thread(_at_work, postgres)
                watching.cancel()
                await asyncio.wait([watching])
            began = time.monotonic()
            if (await _create(stub, "after"))[1].is_done:
                outcome.well_after = time.monotonic() - began
    return outcome


@contextlib.contextmanager
def _lock(postgres: OutsidePostgres) -> Iterator[None]:
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute("lock table memories in access exclusive mode")
        yield


async def _said(call: Any) -> tuple[float, Said]:
    began, said = time.monotonic(), Said("OK", "OK")
    try:
        await call
    except grpc.aio.AioRpcError as error:
        said = said_by_status(error)
    return time.monotonic() - began, said


async def _get(stub: Any, deadline_seconds: float | None = None) -> tuple[float, Said]:
    request = memory_pb2.GetMemoryRequest(id="before")
    return await _said(stub.GetMemory(request, metadata=METADATA, timeout=deadline_seconds))


async def _create(
    stub: Any, name: str, deadline_seconds: float | None = None
) -> tuple[float, Said]:
    request = memory_pb2.CreateMemoryRequest(id=name, namespace=NAMESPACE, value_json=f'"{name}"')
    return await _said(stub.CreateMemory(request, metadata=METADATA, timeout=deadline_seconds))


async def _watch_health(server: ServerProcess, outcome: Outcome) -> None:
    """Over both protocols: neither has the pool's leave to ask for."""
    async with (
        grpc.aio.insecure_channel(server.grpc) as channel,
        httpx2.AsyncClient(base_url=server.ops, timeout=20, trust_env=False) as client,
    ):
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types lack the methods
        while True:
            began = time.monotonic()
            answer = await stub.Check(health_pb2.HealthCheckRequest())
            ready = await client.get("/readyz")
            outcome.slowest_health = max(outcome.slowest_health, time.monotonic() - began)
            outcome.unhealthy += (
                answer.status != health_pb2.HealthCheckResponse.SERVING or ready.status_code != 200
            )
            await asyncio.sleep(0.1)


def _at_work(postgres: OutsidePostgres) -> int:
    """Statements of the server that wait for the lock."""
    ((count,),) = postgres.execute(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
    )
    return int(str(count))


async def measure(callers: int = 50) -> Rows:
    """For the table."""
    outcome = await run(callers)
    what = f"{callers} callers, {CONNECTIONS} connections that hang"
    answered = [said for _, said in outcome.answered]
    return [
        (f"{what}: every call ends", "5 s", seconds([took for took, _ in outcome.answered])),
        (
            f"{what}: refused as overload, with a time to return",
            f"{callers - CONNECTIONS}",
            str(sum(s.reason == "OVERLOADED" and s.says_when_to_return for s in answered)),
        ),
        # Two seconds in line at the gate, and two for a connection.
        (f"{what}: how soon they are refused", "4 s", seconds(outcome.refused_seconds)),
        (
            f"{what}: health meanwhile",
            "serving",
            f"{outcome.unhealthy} times not, slowest {outcome.slowest_health:.2f} s",
        ),
        ("a deadline of 0.3 s, kept after", "0.3 s", seconds(outcome.deadline_seconds)),
        (
            f"statements still at work {MERCY_SECONDS:.0f} s after the deadline",
            "0",
            str(outcome.at_work_after_deadline),
        ),
        (f"{what}: the next call once it is over", "1 s", f"{outcome.well_after:.2f} s"),
    ]


if __name__ == "__main__":
    main(measure, __doc__, callers=50)

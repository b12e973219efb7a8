"""Two servers on one database, restarted in turn under a client that knows both (R14, R15).

    python -m tests.reliability.rolling_restart [--rounds 5] [--kills 2]

A restart as operators make them (SIGTERM, then start again), and now and then a kill. The Python
client retries by itself; whoever uses it must not see any of this.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from eunoe import AsyncEunoe, EunoeError
from tests.fixtures.server import KEY, ServerProcess
from tests.reliability.addresses import fixed_addresses
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import outside_postgres

NAMESPACE = "rolling"
CALLERS = 8


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    calls: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    exit_statuses: list[int] = field(default_factory=list)
    #: Values that are not there exactly once.
    astray: int = 0


async def run(rounds: int, kills: int) -> Outcome:
    """Each round restarts both servers; then each is killed, `kills` times."""
    outcome = Outcome()
    with (
        outside_postgres() as postgres,
        tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder,
    ):
        servers = [
            ServerProcess(
                Path(folder) / f"server-{number}",
                fixed_addresses()
                | {
                    "EUNOE_DATABASE_URL": postgres.dsn,
                    # What a balancer needs to see that this one goes.
                    "EUNOE_SERVER__DRAIN_DELAY_SECONDS": "0.3",
                },
            )
            for number in range(2)
        ]
        try:
            # At once, on an empty database: both want to migrate it.
            starts = (asyncio.to_thread(server.start) for server in servers)
            for started in await asyncio.gather(*starts, return_exceptions=True):
                if isinstance(started, BaseException):
                    raise started
            address = "ipv4:" + ",".join(server.grpc for server in servers)
            async with AsyncEunoe(address, api_key=KEY, timeout=30) as client:
                stop = asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    working = [
                        group.create_task(_work(client, number, stop, outcome))
                        for number in range(CALLERS)
                    ]
                    for number in range(2 * rounds):
                        server = servers[number % 2]
                        await asyncio.sleep(0.3)
                        outcome.exit_statuses.append(await asyncio.to_thread(server.stop))
                        await asyncio.to_thread(server.start)
                    for number in range(2 * kills):
                        server = servers[number % 2]
                        await asyncio.sleep(0.3)
                        await asyncio.to_thread(server.kill)
                        await asyncio.to_thread(server.start)
                    stop.set()
                written = Counter(value for task in working for value in task.result())
                listing = client.memories.list(namespace=NAMESPACE, limit=200)
                held = Counter([str(memory.value) async for memory in listing])
            outcome.astray = sum((written - held).values()) + sum((held - written).values())
        finally:
            for server in servers:
                await asyncio.to_thread(server.stop)
    return outcome


async def _work(
    client: AsyncEunoe, number: int, stop: asyncio.Event, outcome: Outcome
) -> list[str]:
    """Writes and reads back; the values that were acknowledged."""
    written: list[str] = []
    while not stop.is_set():
        try:
            made = await client.memories.create(f"{number}-{len(written)}", namespace=NAMESPACE)
            written.append(str(made.value))
            await client.memories.get(made.id)
            outcome.calls += 2
        except EunoeError as error:
            outcome.errors[f"{type(error).__name__}: {error}"] += 1
        await asyncio.sleep(0.005)
    return written


async def measure(rounds: int = 5, kills: int = 2) -> Rows:
    """For the table."""
    outcome = await run(rounds, kills)
    what = f"{2 * rounds} restarts and {2 * kills} kills of two servers in turn"
    return [
        (
            f"{what}: errors that a user of the Python client sees",
            f"0 of {outcome.calls}",
            "; ".join(f"{count} x {text}" for text, count in outcome.errors.items()) or "0",
        ),
        (f"{what}: memories lost or doubled", "0", str(outcome.astray)),
        (
            f"{what}: stops that did not end in exit status 0",
            "0",
            str(sum(status != 0 for status in outcome.exit_statuses)),
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, rounds=5, kills=2)

"""kill -9 of the server under sixteen writers: nothing acknowledged is lost (R4, R29).

    python -m tests.reliability.server_kills [--rounds 30] [--seed 1]

Postgres is an outside one and lives on. The server is killed at random moments and started again
at once; the writers repeat what was not acknowledged. Afterwards the server's holdings are
compared with the history.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.server import ServerProcess
from tests.fixtures.upstream import Upstream
from tests.reliability import holdings
from tests.reliability.addresses import fixed_addresses
from tests.reliability.figures import Rows, integrity, main, seconds
from tests.reliability.history import Verdict, judge
from tests.reliability.postgres import orphans, outside_postgres
from tests.reliability.writers import NAMESPACES, Load, writing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed."""

    load: Load
    verdict: Verdict
    orphans: int
    #: From the start of the process to the first acknowledged change, each time.
    serving_again_seconds: list[float]


async def run(rounds: int, seed: int) -> Outcome:
    """Kills `rounds` times."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable run
    served: list[float] = []
    with (
        outside_postgres() as postgres,
        Upstream() as upstream,
        tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder,
    ):
        settings = fixed_addresses() | {
            "EUNOE_DATABASE_URL": postgres.dsn,
            "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
        }
        server = ServerProcess(Path(folder) / "data", settings)
        await asyncio.to_thread(server.start)
        try:
            async with writing(server.grpc, server.http, seed) as load:
                for _ in range(rounds):
                    await asyncio.sleep(chance.uniform(0.2, 1.2))
                    await asyncio.to_thread(server.kill)
                    started = time.monotonic()
                    await asyncio.to_thread(server.start)
                    served.append(await load.seconds_until_served(started))
            held = await holdings.read(server.grpc, NAMESPACES)
            return Outcome(
                load, judge(load.history, held), await asyncio.to_thread(orphans, postgres.dsn),
                served,
            )  # fmt: skip
        finally:
            await asyncio.to_thread(server.stop)


async def measure(rounds: int = 30, seed: int = 1) -> Rows:
    """For the table."""
    outcome = await run(rounds, seed)
    load = outcome.load
    return [
        *integrity(
            f"{rounds} kills of the server", load.history.acknowledged, outcome.verdict,
            outcome.orphans,
        ),
        ("kills of the server: serving again", "3 s", seconds(outcome.serving_again_seconds)),
        ("kills of the server: answers that show internals", "0", str(len(load.improper))),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure, __doc__, rounds=30, seed=1)

"""kill -9 of the postmaster under sixteen writers (R5, R29).

    python -m tests.reliability.postgres_kills [--rounds 10] [--seed 1]

Once with the embedded Postgres, which the server itself starts again, and once with an outside one,
which this run starts again. The server has to live through all of it, to say nothing but
"unavailable, come back", and to serve as soon as Postgres accepts connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eunoe_server.stores.embedded import EmbeddedUser
from tests.fixtures.server import ServerProcess, wait_until
from tests.fixtures.upstream import Upstream
from tests.reliability import holdings
from tests.reliability.addresses import fixed_addresses
from tests.reliability.figures import Rows, integrity, main, seconds
from tests.reliability.history import Verdict, judge
from tests.reliability.postgres import (
    orphans,
    outside_postgres,
    postmaster_pid,
    wait_until_accepting,
)
from tests.reliability.writers import NAMESPACES, Load, writing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed."""

    load: Load
    verdict: Verdict
    orphans: int
    #: From the moment Postgres accepts connections to the first acknowledged change, each time.
    serving_again_seconds: list[float]
    needs_restart: bool


@dataclass(frozen=True, slots=True)
class Victim:
    """A server and how to hurt its database."""

    server: ServerProcess
    #: Kills the postmaster; what it returns waits until Postgres accepts connections again.
    kill: Callable[[], Callable[[], float]]
    dsn: Callable[[], str]


@contextlib.contextmanager
def on_embedded(upstream: Upstream) -> Iterator[Victim]:
    """The server's own Postgres: it has to notice, and start it again."""
    with tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder:
        data = Path(folder) / "data"
        settings = fixed_addresses() | {"EUNOE_UPSTREAM_BASE_URL": upstream.base_url}
        server = ServerProcess(data, settings).start()
        joined = EmbeddedUser(data)  # after the server: only to know where it is
        try:
            dsn = joined.enter()

            def kill() -> Callable[[], float]:
                killed = postmaster_pid(data / "postgres")
                os.kill(killed, signal.SIGKILL)

                def wait() -> float:
                    wait_until(lambda: _new_postmaster(data, killed), "a new postmaster")
                    return wait_until_accepting(dsn)

                return wait

            yield Victim(server, kill, lambda: dsn)
        finally:
            joined.leave()
            server.stop()


def _new_postmaster(data: Path, killed: int) -> bool:
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        return postmaster_pid(data / "postgres") != killed
    return False


@contextlib.contextmanager
def on_outside(upstream: Upstream) -> Iterator[Victim]:
    """A Postgres that somebody else runs, here this run."""
    with (
        outside_postgres() as postgres,
        tempfile.TemporaryDirectory(prefix="eunoe-test-") as folder,
    ):
        settings = fixed_addresses() | {
            "EUNOE_DATABASE_URL": postgres.dsn,
            "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
        }
        server = ServerProcess(Path(folder) / "data", settings).start()

        def kill() -> Callable[[], float]:
            postgres.kill()

            def wait() -> float:
                postgres.start()
                return time.monotonic()

            return wait

        try:
            yield Victim(server, kill, lambda: postgres.dsn)
        finally:
            server.stop()


async def run(
    place: Callable[[Upstream], contextlib.AbstractContextManager[Victim]], rounds: int, seed: int
) -> Outcome:
    """Kills `rounds` times."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable run
    served: list[float] = []
    with Upstream() as upstream, place(upstream) as victim:
        server = victim.server
        async with writing(server.grpc, server.http, seed) as load:
            for _ in range(rounds):
                await asyncio.sleep(chance.uniform(0.3, 1.5))
                wait = await asyncio.to_thread(victim.kill)
                back = await asyncio.to_thread(wait)
                served.append(await load.seconds_until_served(back))
        held = await holdings.read(server.grpc, NAMESPACES)
        return Outcome(
            load,
            judge(load.history, held),
            await asyncio.to_thread(orphans, victim.dsn()),
            served,
            not server.is_running,
        )


async def measure(rounds: int = 10, seed: int = 1) -> Rows:
    """For the table."""
    rows: Rows = []
    for name, place in (("embedded", on_embedded), ("outside", on_outside)):
        outcome = await run(place, rounds, seed)
        load = outcome.load
        subject = f"{rounds} kills of the {name} Postgres"
        rows += [
            *integrity(subject, load.history.acknowledged, outcome.verdict, outcome.orphans),
            (
                f"{subject}: serving after it accepts connections",
                "3 s",
                seconds(outcome.serving_again_seconds),
            ),
            (f"{subject}: other answers than 'unavailable'", "0", str(len(load.improper))),
            (f"{subject}: the server itself went", "0", str(int(outcome.needs_restart))),
        ]
    return rows


if __name__ == "__main__":
    main(measure, __doc__, rounds=10, seed=1)

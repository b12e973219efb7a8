"""Migrations that are killed, and servers whose schema is not theirs (R25).

    python -m tests.reliability.versions [--kills 20] [--seed 1]

`eunoe migrate` is killed at random moments and run again; the result has to be what a run in peace
makes. Then a running server finds its database older and newer than itself: it must not be ready,
say why in a sentence, live on, and be ready again once the two fit. (Two servers that migrate one
database at once: `rolling_restart`.)
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from psycopg.conninfo import make_conninfo

from eunoe_server.stores.migrate import migrations
from tests.fixtures.server import PATIENCE_SECONDS, ServerProcess, serving
from tests.migrations.schema import describe
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import OutsidePostgres, outside_postgres


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    #: Killed before it had ended by itself.
    interrupted: int = 0
    failed_afterwards: int = 0
    different: int = 0
    #: What the server said of an older and of a newer schema.
    why_not: list[str] = field(default_factory=list)
    not_ready_again: int = 0


async def run(kills: int, seed: int) -> Outcome:
    """The migrations, then the servers."""
    chance, outcome = random.Random(seed), Outcome()  # noqa: S311 - a repeatable run
    with outside_postgres() as postgres:
        await asyncio.to_thread(_kill_migrations, postgres, kills, chance, outcome)
        with serving({"EUNOE_DATABASE_URL": postgres.dsn}) as server:
            newest = migrations()[-1]
            row = f"({newest.version}, '{newest.name}', '{newest.sha256}')"
            forget = f"delete from schema_migrations where version = {newest.version}"  # noqa: S608
            remember = f"insert into schema_migrations values {row}"  # noqa: S608
            await _skewed(server, postgres, outcome, forget, remember)
            await _skewed(
                server, postgres, outcome,
                "insert into schema_migrations values (9999, '9999_post_drop_things.sql', '')",
                "delete from schema_migrations where version = 9999",
            )  # fmt: skip
    return outcome


def _kill_migrations(
    postgres: OutsidePostgres, kills: int, chance: random.Random, outcome: Outcome
) -> None:
    began = time.monotonic()
    peaceful = _new_database(postgres, "peaceful")
    assert _migrate(peaceful).wait(PATIENCE_SECONDS) == 0
    usual_seconds = time.monotonic() - began
    for number in range(kills):
        dsn = _new_database(postgres, f"killed_{number}")
        victim = _migrate(dsn)
        try:
            # Its first half is Python starting.
            victim.wait(chance.uniform(0.4, 1.0) * usual_seconds)
        except subprocess.TimeoutExpired:
            outcome.interrupted += 1
            victim.kill()
            victim.wait()
        outcome.failed_afterwards += _migrate(dsn).wait(PATIENCE_SECONDS) != 0
        outcome.different += describe(dsn) != describe(peaceful)


def _new_database(postgres: OutsidePostgres, name: str) -> str:
    postgres.execute(f"create database {name}")
    return make_conninfo(postgres.dsn, dbname=name)


def _migrate(dsn: str) -> subprocess.Popen[bytes]:
    environment = {name: text for name, text in os.environ.items() if name[:6] != "EUNOE_"}
    return subprocess.Popen(
        [sys.executable, "-m", "eunoe_server", "migrate"],
        env=environment | {"EUNOE_DATABASE_URL": dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )


async def _skewed(
    server: ServerProcess, postgres: OutsidePostgres, outcome: Outcome, before: str, after: str
) -> None:
    postgres.execute(before)
    outcome.why_not.append(await _readiness(server, is_ready=False))
    postgres.execute(after)
    outcome.not_ready_again += await _readiness(server, is_ready=True) != "ok"


async def _readiness(server: ServerProcess, *, is_ready: bool) -> str:
    """What /readyz says once it says so, or at last."""
    deadline = time.monotonic() + 10
    async with httpx2.AsyncClient(base_url=server.ops, timeout=5, trust_env=False) as client:
        while True:
            answer = await client.get("/readyz")
            if (answer.status_code == 200) is is_ready or time.monotonic() > deadline:
                return answer.text.strip()
            await asyncio.sleep(0.1)


async def measure(kills: int = 20, seed: int = 1) -> Rows:
    """For the table."""
    outcome = await run(kills, seed)
    older, newer = outcome.why_not
    what = f"{outcome.interrupted} of {kills} migrations killed on their way"
    return [
        (f"{what}: not completed by the next run", "0", str(outcome.failed_afterwards)),
        (f"{what}: schemas that differ from a peaceful one", "0", str(outcome.different)),
        ("a server on an older schema", "not ready: run `eunoe migrate`", older),
        ("a server on a newer schema", "not ready: update", newer),
        ("not ready again once they fit", "0", str(outcome.not_ready_again)),
    ]


if __name__ == "__main__":
    main(measure, __doc__, kills=20, seed=1)

"""Storms of calls that are cancelled within 20 ms (R9).

    python -m tests.reliability.cancellations [--rounds 20] [--calls 1000] [--seed 1]

Clients hang up at every moment: before the call arrives, while it waits for a connection, in the
middle of a statement, while the answer is on its way. After each storm the next call has to be
answered as if nothing had happened, the pool has to be whole, and no transaction may be left open.
What the cancelled calls were to store is in doubt, but stored wholly or not at all.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx2

from tests.fixtures.server import ServerProcess, serving
from tests.fixtures.upstream import Upstream
from tests.reliability import holdings
from tests.reliability.callers import Caller, GrpcCaller, HttpCaller, Said
from tests.reliability.figures import Rows, integrity, main, seconds
from tests.reliability.history import Hear, History, Keep, Verdict, judge
from tests.reliability.postgres import OutsidePostgres, orphans, outside_postgres

NAMESPACE = "storm"
WITHIN_SECONDS = 0.02
#: What the server's metrics say of a pool that is whole.
_WHOLE = ('eunoe_pool_connections{state="busy"} 0.0', "eunoe_pool_waiting 0.0")
#: What asyncio and we write when something was dropped.
_DROPPED = re.compile(r"never retrieved|was destroyed|never awaited|unhandled|Traceback")


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    calls: int = 0
    next_call_seconds: list[float] = field(default_factory=list)
    refused_next_calls: list[Said] = field(default_factory=list)
    #: Until every connection was back in the pool and nobody waited; inf when never.
    whole_after_seconds: list[float] = field(default_factory=list)
    open_transactions: int = 0
    complaints: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    orphans: int = 0


async def run(rounds: int, calls: int, seed: int) -> Outcome:
    """Storms, one after the other."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable run
    outcome, history = Outcome(), History()
    with (
        outside_postgres() as postgres,
        Upstream() as upstream,
        serving(
            {
                "EUNOE_DATABASE_URL": postgres.dsn,
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
                # Its own look at the queue would be one of the connections in use.
                "EUNOE_WORKER__CONCURRENCY": "0",
            }
        ) as server,
    ):
        async with (
            grpc.aio.insecure_channel(server.grpc) as channel,
            httpx2.AsyncClient(base_url=server.http, timeout=20, trust_env=False) as client,
        ):
            over_grpc = GrpcCaller(channel)
            for storm in range(rounds):
                outcome.calls += calls
                await asyncio.gather(
                    *(
                        _cancelled(
                            _call(
                                chance.choice([over_grpc, over_grpc, HttpCaller(client)]),
                                history, chance, f"{storm}-{number}",
                            ),
                            chance.uniform(0, WITHIN_SECONDS),
                        )
                        for number in range(calls)
                    )
                )  # fmt: skip
                began = time.monotonic()
                text = f"after-{storm}"
                entry = history.intend(Keep((text,)))
                said = await over_grpc.keep_memories(NAMESPACE, [text], request_id="")
                if said.is_done:
                    history.acknowledge(entry)
                else:
                    outcome.refused_next_calls.append(said)
                outcome.next_call_seconds.append(time.monotonic() - began)
                outcome.whole_after_seconds.append(await _whole(server) - began)
                outcome.open_transactions += await asyncio.to_thread(_open_transactions, postgres)
        held = await holdings.read(server.grpc, [NAMESPACE])
        outcome.verdict = judge(history, held)
        outcome.orphans = await asyncio.to_thread(orphans, postgres.dsn)
        outcome.complaints = [
            line for line in server.announced.splitlines() if _DROPPED.search(line)
        ]
    return outcome


async def _cancelled(call: Callable[[], Awaitable[Any]], after_seconds: float) -> None:
    task = asyncio.ensure_future(call())
    await asyncio.sleep(after_seconds)
    task.cancel()
    await asyncio.wait([task])


def _call(
    caller: Caller, history: History, chance: random.Random, name: str
) -> Callable[[], Awaitable[Any]]:
    """One of the things that clients do; what it stores is noted first."""
    kind = chance.choice(["keep", "batch", "dialogue", "chat", "stream", "tag"])
    texts = [f"{name}-{place}" for place in range(1 if kind == "keep" else 5)]
    match kind:
        case "keep" | "batch":
            history.intend(Keep(tuple(texts)))
            return lambda: caller.keep_memories(NAMESPACE, texts, request_id="")
        case "dialogue":
            history.intend(Keep(tuple(texts), name))
            return lambda: caller.open_dialogue(NAMESPACE, name, texts)
        case "tag":
            return lambda: caller.tag_memory("nothing", ["t"])
        case _:
            question = texts[0]
            # Of a chat that was left the question may be kept without its answer, or with a part.
            history.intend(Keep((question,), name))
            history.intend(Hear(f"You said: {question}", name))
            return lambda: caller.chat(
                NAMESPACE, name, [("user", question)], attempt=1, is_stream=kind == "stream"
            )


async def _whole(server: ServerProcess) -> float:
    """When the pool says that nothing is in use and nobody waits."""
    deadline = time.monotonic() + 15
    async with httpx2.AsyncClient(base_url=server.ops, timeout=20, trust_env=False) as client:
        while time.monotonic() < deadline:
            metrics = (await client.get("/metrics")).text
            if all(line in metrics.splitlines() for line in _WHOLE):
                return time.monotonic()
            await asyncio.sleep(0.1)
    return float("inf")


def _open_transactions(postgres: OutsidePostgres) -> int:
    ((count,),) = postgres.execute(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and pid <> pg_backend_pid() and state like 'idle in transaction%'"
    )
    return int(str(count))


async def measure(rounds: int = 20, calls: int = 1000, seed: int = 1) -> Rows:
    """For the table."""
    outcome = await run(rounds, calls, seed)
    what = f"{rounds} x {calls:,} calls cancelled within 20 ms"
    return [
        (f"{what}: the next call", "1 s", seconds(outcome.next_call_seconds)),
        (f"{what}: next calls that failed", "0", str(len(outcome.refused_next_calls))),
        (
            f"{what}: storms after which the pool was not whole",
            "0",
            str(outcome.whole_after_seconds.count(float("inf"))),
        ),
        (f"{what}: transactions left open", "0", str(outcome.open_transactions)),
        (f"{what}: forgotten exceptions in the log", "0", str(len(outcome.complaints))),
        *integrity(
            what, rounds - len(outcome.refused_next_calls), outcome.verdict, outcome.orphans
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, rounds=20, calls=1000, seed=1)

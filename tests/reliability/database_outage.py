"""A network that swallows what goes to Postgres, for half a minute (R6).

    python -m tests.reliability.database_outage [--seconds 30] [--seed 1]

Nothing is refused and nothing is reset, which is the worst kind: connections stand, and no answer
comes. Every half second a call of each kind is made. What is measured is when they end and how,
what health says, whether the event loop turns, and how soon everything is well again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eunoe.v1 import search_pb2, search_pb2_grpc
from tests.fixtures.fault_proxy import BlackHole, Pass
from tests.fixtures.server import METADATA, PATIENCE_SECONDS, ServerProcess
from tests.reliability.callers import Caller, GrpcCaller, HttpCaller, Said, said_by_status
from tests.reliability.distance import Distant, behind_a_network
from tests.reliability.figures import Rows, main

NAMESPACE = "outage"
EVERY_SECONDS = 0.5


@dataclass(slots=True)
class Outcome:
    """What a run showed. Times are in seconds."""

    #: Kind of call -> how long each took that began while the network was silent.
    took: dict[str, list[float]] = field(default_factory=dict)
    heard: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    healed_at: float = float("inf")
    #: Chats that ended while the network was silent, or did not end well.
    chats: int = 0
    #: Of those, the ones that were answered and said that memory was left out.
    degraded_chats: int = 0
    improper: list[Said] = field(default_factory=list)
    not_serving_after: float = float("inf")
    serving_after_healing: float = float("inf")
    writing_after_healing: float = float("inf")
    slowest_livez: float = 0.0
    livez_failures: int = 0
    needs_restart: bool = False


async def run(seconds: float, seed: int) -> Outcome:
    """Silence for so long, with calls all the while."""
    outcome = Outcome()
    with behind_a_network() as distant:
        await _disturb(distant, seconds, seed, outcome)
    return outcome


async def _disturb(distant: Distant, seconds: float, seed: int, outcome: Outcome) -> None:
    server, network = distant.server, distant.network
    async with _callers(server) as callers:
        calls = _calls(callers, seed)
        for name, call in calls.items():
            assert (await call(0)).is_done, name
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(server, outcome))
            network.set(BlackHole())
            silent_since = time.monotonic()
            health = group.create_task(_moment(server, is_serving=False))
            started: list[asyncio.Task[None]] = []
            number = 0
            while time.monotonic() - silent_since < seconds:
                number += 1
                started += [
                    group.create_task(_time(outcome, name, call(number)))
                    for name, call in calls.items()
                ]
                await asyncio.sleep(EVERY_SECONDS)
            healed = outcome.healed_at = time.monotonic()
            network.set(Pass())
            outcome.not_serving_after = await health - silent_since
            outcome.serving_after_healing = await _moment(server, is_serving=True) - healed
            await _until_done(lambda: calls["create over gRPC"](time.monotonic_ns()))
            outcome.writing_after_healing = time.monotonic() - healed
            await asyncio.gather(*started)
            watching.cancel()
        outcome.needs_restart = not server.is_running


async def _until_done(call: Callable[[], Awaitable[Said]]) -> None:
    while not (await call()).is_done:  # noqa: ASYNC110 (it happens in the server)
        await asyncio.sleep(0.05)


Call = Callable[[int], Awaitable[Said]]


@contextlib.asynccontextmanager
async def _callers(server: ServerProcess) -> AsyncIterator[tuple[GrpcCaller, HttpCaller, Call]]:
    async with (
        grpc.aio.insecure_channel(server.grpc) as channel,
        httpx2.AsyncClient(
            base_url=server.http, timeout=20, limits=httpx2.Limits(), trust_env=False
        ) as client,
    ):
        stub = search_pb2_grpc.SearchServiceStub(channel)

        async def search(_number: int) -> Said:
            request = search_pb2.SearchRequest(
                query="anything", object="memory", namespace=NAMESPACE
            )
            try:
                await stub.Search(request, metadata=METADATA, timeout=20)
            except grpc.aio.AioRpcError as error:
                return said_by_status(error)
            return Said("OK", "OK")

        yield GrpcCaller(channel), HttpCaller(client), search


def _calls(callers: tuple[GrpcCaller, HttpCaller, Call], seed: int) -> dict[str, Call]:
    over_grpc, over_http, search = callers

    def create(caller: Caller, prefix: str) -> Call:
        return lambda number: caller.keep_memories(
            NAMESPACE, [f"{prefix}-{seed}-{number}"], request_id=""
        )

    def chat(*, is_stream: bool) -> Call:
        return lambda number: over_http.chat(
            NAMESPACE, f"chat-{seed}-{is_stream}-{number}", [("user", f"Hello {number}")],
            attempt=1, is_stream=is_stream, must_store=False,
        )  # fmt: skip

    return {
        "create over gRPC": create(over_grpc, "g"),
        "create over HTTP": create(over_http, "h"),
        "search": search,
        "chat": chat(is_stream=False),
        "streamed chat": chat(is_stream=True),
    }


async def _time(outcome: Outcome, name: str, call: Awaitable[Said]) -> None:
    began = time.monotonic()
    said = await call
    outcome.took.setdefault(name, []).append(time.monotonic() - began)
    outcome.heard[name, said.status, said.reason] += 1
    if "chat" in name:
        # One that was still waiting when all was well again had nothing to leave out.
        is_late = time.monotonic() > outcome.healed_at
        outcome.chats += not is_late or said.reason != "OK"
        outcome.degraded_chats += not is_late and said.reason == "OK" and bool(said.degraded)
    elif not said.is_from_server or said.is_improper:
        outcome.improper.append(said)


async def _moment(server: ServerProcess, *, is_serving: bool) -> float:
    """When health begins to say so."""
    wanted = health_pb2.HealthCheckResponse.SERVING
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types lack the methods
        while time.monotonic() < deadline:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
            if (answer.status == wanted) is is_serving:
                return time.monotonic()
            await asyncio.sleep(0.05)
    return float("inf")


async def _watch(server: ServerProcess, outcome: Outcome) -> None:
    """Asks for life: answered by the event loop, without the database."""
    async with httpx2.AsyncClient(base_url=server.ops, timeout=20, trust_env=False) as client:
        while True:
            began = time.monotonic()
            answer = await client.get("/livez")
            outcome.slowest_livez = max(outcome.slowest_livez, time.monotonic() - began)
            outcome.livez_failures += answer.status_code != 200
            await asyncio.sleep(0.05)


async def measure(seconds: float = 30.0, seed: int = 1) -> Rows:
    """For the table."""
    outcome = await run(seconds, seed)
    slowest = max(max(times) for times in outcome.took.values())
    what = f"{seconds:.0f} s without the database"
    return [
        (f"{what}: every call ends", "10 s", f"slowest {slowest:.2f} s"),
        (
            f"{what}: chats answered, and saying that memory was left out",
            f"{outcome.chats} of {outcome.chats}",
            str(outcome.degraded_chats),
        ),
        (f"{what}: other answers than 'unavailable'", "0", str(len(outcome.improper))),
        (f"{what}: health says so", "5 s", f"{outcome.not_serving_after:.2f} s"),
        (
            f"{what}: /livez",
            "200 in 0.1 s",
            f"{outcome.livez_failures} failures, slowest {outcome.slowest_livez:.2f} s",
        ),
        (f"{what}: health after it", "5 s", f"{outcome.serving_after_healing:.2f} s"),
        (f"{what}: writes after it", "5 s", f"{outcome.writing_after_healing:.2f} s"),
        (f"{what}: restarts needed", "0", str(int(outcome.needs_restart))),
    ]


if __name__ == "__main__":
    main(measure, __doc__, seconds=30.0, seed=1)

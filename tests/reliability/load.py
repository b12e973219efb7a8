"""Makes the load of an overload run, in a process of its own: what came back, and how fast.

    echo '{"grpc": "127.0.0.1:50051", …}' | python -m tests.reliability.load

Closed loop: so many callers, each asks again when it has its answer; this finds what a server can
do. Open loop: so many calls a second whatever comes back, as the world does it; this is overload.
A call is timed from the moment it is sent. It prints one JSON object (`Report`).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import grpc.aio

from eunoe.v1 import chat_pb2, chat_pb2_grpc, memory_pb2, memory_pb2_grpc, search_pb2
from eunoe.v1 import search_pb2_grpc as search_grpc
from tests.fixtures.server import METADATA

NAMESPACES = 50
MEMORIES = 20
#: More unanswered calls than this and the load waits: then it is no load any more, but a leak.
MAX_UNANSWERED = 8_000
#: A caller's patience.
TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Order:
    """What load to make."""

    grpc: str
    seconds: float
    seed: int
    #: `memories`: gets, searches and creates as 70/20/10; `chats`: one after the other new.
    kind: str
    #: Closed loop with so many, or open loop with so many a second.
    callers: int = 0
    calls_per_second: float = 0.0


@dataclass(slots=True)
class Report:
    """What came back: (second of the run in which it was asked, milliseconds)."""

    answered: list[tuple[float, float]] = field(default_factory=list)
    refused: list[tuple[float, float]] = field(default_factory=list)
    #: Answers that are neither, or refusals without reason or delay: how often each came.
    wrong: dict[str, int] = field(default_factory=dict)
    #: Chats that were answered without memory.
    degraded: int = 0
    #: How many calls could not be made, because too many were unanswered.
    unsent: int = 0


class Load:
    """One run."""

    def __init__(self, order: Order, channels: list[grpc.aio.Channel]) -> None:
        self._order = order
        self._random = random.Random(order.seed)  # noqa: S311 - load, not secrets
        self.report = Report()
        self._memories = [memory_pb2_grpc.MemoryServiceStub(each) for each in channels]
        self._search = [search_grpc.SearchServiceStub(each) for each in channels]
        self._chats = [chat_pb2_grpc.ChatServiceStub(each) for each in channels]
        self._started = time.perf_counter()

    async def run(self) -> None:
        self._started = time.perf_counter()
        if self._order.callers:
            await asyncio.gather(*(self._caller() for _ in range(self._order.callers)))
        else:
            await self._arrivals()

    async def _caller(self) -> None:
        while self._elapsed() < self._order.seconds:
            await self._call()

    async def _arrivals(self) -> None:
        """Calls at random moments, so many a second on average; those that are late go at once."""
        due = 0.0
        calls: set[asyncio.Task[None]] = set()
        while due < self._order.seconds:
            due += self._random.expovariate(self._order.calls_per_second)
            if (early := due - self._elapsed()) > 0.001:
                await asyncio.sleep(early)
            if len(calls) >= MAX_UNANSWERED:
                self.report.unsent += 1
                await asyncio.sleep(0)
                continue
            task = asyncio.create_task(self._call())
            calls.add(task)
            task.add_done_callback(calls.discard)
            if len(calls) % 16 == 0:
                await asyncio.sleep(0)  # where all are late, answers are read too
        await asyncio.gather(*calls)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started

    async def _call(self) -> None:
        ask = self._chat() if self._order.kind == "chats" else self._memory_call()
        asked_at = self._elapsed()
        began = time.perf_counter()
        try:
            answer = await ask()
        except grpc.aio.AioRpcError as error:
            took = (time.perf_counter() - began) * 1000
            if is_proper_refusal(error):
                self.report.refused.append((asked_at, took))
            else:
                what = f"{error.code().name} {error.details()}"
                self.report.wrong[what] = self.report.wrong.get(what, 0) + 1
            return
        self.report.answered.append((asked_at, (time.perf_counter() - began) * 1000))
        if self._order.kind == "chats" and answer.memory.degraded:
            self.report.degraded += 1

    def _memory_call(self) -> Callable[[], Awaitable[Any]]:
        at = self._random.randrange(len(self._memories))
        kind = self._random.random()
        namespace = f"ns-{self._random.randrange(NAMESPACES)}"
        if kind < 0.7:
            get = memory_pb2.GetMemoryRequest(
                namespace=namespace, id=f"{namespace}-{self._random.randrange(MEMORIES)}"
            )
            return lambda: self._memories[at].GetMemory(
                get, metadata=METADATA, timeout=TIMEOUT_SECONDS
            )
        words = " ".join(self._random.sample(WORDS, 5))
        if kind < 0.9:
            search = search_pb2.SearchRequest(namespace=namespace, query=words, object="memory")
            return lambda: self._search[at].Search(
                search, metadata=METADATA, timeout=TIMEOUT_SECONDS
            )
        create = memory_pb2.CreateMemoryRequest(
            namespace=f"new-{namespace}", value_json=json.dumps(words)
        )
        return lambda: self._memories[at].CreateMemory(
            create, metadata=METADATA, timeout=TIMEOUT_SECONDS
        )

    def _chat(self) -> Callable[[], Awaitable[Any]]:
        at = self._random.randrange(len(self._chats))
        words = " ".join(self._random.sample(WORDS, 5))
        body = {"model": "stand-in-1", "messages": [{"role": "user", "content": words}]}
        chat = chat_pb2.CompleteChatRequest(
            namespace=f"ns-{self._random.randrange(NAMESPACES)}",
            body=json.dumps(body).encode(),
            view=chat_pb2.CHAT_VIEW_RAW,
        )
        return lambda: self._chats[at].CompleteChat(
            chat, metadata=METADATA, timeout=TIMEOUT_SECONDS
        )


def is_proper_refusal(error: grpc.aio.AioRpcError) -> bool:
    """RESOURCE_EXHAUSTED with its reason and a delay. Looked for in the bytes: it costs less."""
    if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return False
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    assert isinstance(details, bytes)
    return b"OVERLOADED" in details and b"google.rpc.RetryInfo" in details


WORDS = [
    *("Anna", "tea", "dog", "garden", "Berlin", "Monday", "violin", "marathon", "recipe", "train"),
    *("birthday", "allergy", "novel", "blue", "coffee", "sister", "lake", "winter", "bicycle"),
    *("letter", "piano", "market", "cousin", "harbour", "lemon", "project"),
]


async def fill(address: str) -> None:
    """What the gets and searches find."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = memory_pb2_grpc.MemoryServiceStub(channel)
        chooser = random.Random(0)  # noqa: S311 - as above
        for number in range(NAMESPACES):
            await stub.BatchCreateMemories(
                memory_pb2.BatchCreateMemoriesRequest(
                    namespace=f"ns-{number}",
                    memories=[
                        memory_pb2.NewMemory(
                            id=f"ns-{number}-{at}",
                            value_json=json.dumps(" ".join(chooser.sample(WORDS, 8))),
                        )
                        for at in range(MEMORIES)
                    ],
                ),
                metadata=METADATA,
            )


async def _main() -> None:
    order = Order(**json.load(sys.stdin))
    # Several channels, each with a connection of its own, as several clients have.
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(order.grpc, options=options) for _ in range(4)]
    load = Load(order, channels)
    await load.run()
    for channel in channels:
        await channel.close()
    json.dump(asdict(load.report), sys.stdout)


if __name__ == "__main__":
    asyncio.run(_main())

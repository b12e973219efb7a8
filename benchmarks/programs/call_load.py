"""Callers of the gRPC API, each calling again as soon as it is answered.

A program of its own (`processes.run_program`): it reads a `CallOrder` and prints a `CallReport`.
Each caller has a channel, and so a connection, of its own, as callers elsewhere have; several
server processes share connections, not calls.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

import grpc.aio

from benchmarks.processes import own_program, run_program
from eunoe.v1 import (
    dialogue_pb2,
    dialogue_pb2_grpc,
    memory_pb2,
    memory_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
)

WARM_UP_CALLS = 5
CALL_SECONDS = 60
#: Long enough that no commit takes place meanwhile.
COMMIT_AFTER_SECONDS = 86_400


class Call(enum.StrEnum):
    """What is called. Each takes (namespace, text)."""

    #: By the text as id.
    GET = "get"
    #: For the text, ten memories.
    SEARCH = "search"
    CREATE = "create"
    #: `batch` memories of the text in one call.
    BATCH = "batch"
    #: Fifty, the newest first.
    LIST = "list"
    #: A memory of the text, then searches until one finds it; gives back how many.
    FIND_CREATED = "find_created"
    #: A dialogue with `batch` messages of the text.
    DIALOGUE = "dialogue"


@dataclass(frozen=True, slots=True)
class CallOrder:
    """What to call, where, and for how long."""

    call: Call
    target: str
    api_key: str
    #: (namespace, text); callers choose among them.
    asks: tuple[tuple[str, str], ...]
    callers: int
    seconds: float
    batch: int = 100
    #: What is searched: memory, message.
    object: str = "memory"
    #: So many calls of each caller at least, whatever the time.
    calls: int = 1


@dataclass(slots=True)
class CallReport:
    """What came of it."""

    milliseconds: list[float] = field(default_factory=list)
    #: How many things each call gave back.
    results: list[int] = field(default_factory=list)
    elapsed_seconds: float = 0.0
    #: Of one processor, used by this program.
    load_share: float = 0.0

    @property
    def rate(self) -> float:
        """Calls a second."""
        return len(self.milliseconds) / self.elapsed_seconds


def call(order: CallOrder) -> CallReport:
    """Has the callers call, in a process of their own. A call that fails ends it all."""
    seconds = order.seconds + CALL_SECONDS
    report = run_program(own_program("call_load"), dataclasses.asdict(order), seconds=seconds)
    return CallReport(**report)


class Caller:
    """One of them."""

    def __init__(self, order: CallOrder, number: int) -> None:
        self._order = order
        self._choose = Random(number)  # noqa: S311 - no secret
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.insecure_channel(order.target, options=options)
        self._metadata = (("authorization", f"Bearer {order.api_key}"),)
        self._memories: Any = memory_pb2_grpc.MemoryServiceStub(self._channel)
        self._dialogues: Any = dialogue_pb2_grpc.DialogueServiceStub(self._channel)
        self._search: Any = search_pb2_grpc.SearchServiceStub(self._channel)
        calls: dict[Call, Callable[[str, str], Awaitable[int]]] = {
            Call.GET: self._get,
            Call.SEARCH: self._find,
            Call.CREATE: self._create,
            Call.BATCH: self._batch,
            Call.LIST: self._list,
            Call.FIND_CREATED: self._find_created,
            Call.DIALOGUE: self._dialogue,
        }
        self._call = calls[order.call]

    async def run(self, calls: int, seconds: float, report: CallReport) -> None:
        """Calls until the time is over, and so often at least."""
        started = time.perf_counter()
        count = 0
        while count < calls or time.perf_counter() - started < seconds:
            namespace, text = self._choose.choice(self._order.asks)
            before = time.perf_counter()
            report.results.append(await self._call(namespace, text))
            report.milliseconds.append(1000 * (time.perf_counter() - before))
            count += 1

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def _get(self, _: str, text: str) -> int:
        request = memory_pb2.GetMemoryRequest(id=text)
        await self._memories.GetMemory(request, metadata=self._metadata)
        return 1

    async def _find(self, namespace: str, text: str) -> int:
        request = search_pb2.SearchRequest(
            query=text, object=self._order.object, namespace=namespace, limit=10
        )
        answer = await self._search.Search(request, metadata=self._metadata)
        return len(answer.results)

    async def _create(self, namespace: str, text: str) -> int:
        request = memory_pb2.CreateMemoryRequest(namespace=namespace, value_json=json.dumps(text))
        await self._memories.CreateMemory(request, metadata=self._metadata)
        return 1

    async def _find_created(self, namespace: str, text: str) -> int:
        text = f"{text} {uuid4().hex}"
        new = memory_pb2.CreateMemoryRequest(namespace=namespace, value_json=json.dumps(text))
        created = await self._memories.CreateMemory(new, metadata=self._metadata)
        request = search_pb2.SearchRequest(
            query=text, object="memory", namespace=namespace, limit=10
        )
        for searches in itertools.count(1):
            answer = await self._search.Search(request, metadata=self._metadata)
            if any(each.memory.id == created.memory.id for each in answer.results):
                return searches
        raise AssertionError("unreachable")

    async def _batch(self, namespace: str, text: str) -> int:
        request = memory_pb2.BatchCreateMemoriesRequest(namespace=namespace)
        for number in range(self._order.batch):
            request.memories.add(value_json=json.dumps(f"{text} {number}"))
        answer = await self._memories.BatchCreateMemories(request, metadata=self._metadata)
        return len(answer.memories)

    async def _list(self, namespace: str, _: str) -> int:
        request = memory_pb2.ListMemoriesRequest(namespace=namespace, page_size=50)
        answer = await self._memories.ListMemories(request, metadata=self._metadata)
        return len(answer.memories)

    async def _dialogue(self, namespace: str, text: str) -> int:
        request = dialogue_pb2.CreateDialogueRequest(
            namespace=namespace, commit_after_seconds=COMMIT_AFTER_SECONDS
        )
        for number in range(self._order.batch):
            request.messages.add(role="user", content_json=json.dumps(f"{text} {number}"))
        await self._dialogues.CreateDialogue(request, metadata=self._metadata)
        return self._order.batch


async def measure(order: CallOrder) -> CallReport:
    """All callers at once."""
    callers = [Caller(order, number) for number in range(order.callers)]
    await asyncio.gather(*(caller.run(WARM_UP_CALLS, 0, CallReport()) for caller in callers))
    report = CallReport()
    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller.run(order.calls, order.seconds, report) for caller in callers))
    report.elapsed_seconds = time.perf_counter() - started
    report.load_share = (time.process_time() - used) / report.elapsed_seconds
    await asyncio.gather(*(caller.close() for caller in callers))
    return report


if __name__ == "__main__":
    found = json.load(sys.stdin)
    found["asks"] = tuple(map(tuple, found["asks"]))
    found["call"] = Call(found["call"])
    json.dump(dataclasses.asdict(asyncio.run(measure(CallOrder(**found)))), sys.stdout)

"""A long mixed load at half of what the server can do, with clients that leave: nothing grows.

    python -m tests.reliability.soak [--minutes 30] [--seed 1]

Callers over gRPC and HTTP get, search, create and delete memories and chat, whole and in streams;
every fourth answer is left in its middle. As much is deleted as is kept, so that no search reads
more at the end than it did in the middle. It is noted what the server's process holds, without the
database's: anonymous memory, tasks, file descriptors, connections to the database. At the end,
when all clients are gone, tasks, descriptors and connections have to be what they were before.
Memory has to be flat: what the line of least squares gains over the second half of the run, which
begins long after pools, the allocator and the collector have found their sizes. Many samples, as
the collector comes round every half minute and what it finds is a few MiB.
The pool has a fixed size here, so that a connection more or less is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import re
import time
import urllib.request
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import httpx2
import psutil  # type: ignore[import-untyped]

from eunoe.v1 import (
    dialogue_pb2,
    dialogue_pb2_grpc,
    memory_pb2,
    memory_pb2_grpc,
    search_pb2,
)
from eunoe.v1 import search_pb2_grpc as search_grpc
from tests.fixtures.server import KEY, METADATA, ServerProcess, serving
from tests.fixtures.upstream import (
    DONE,
    Pause,
    ReceivedRequest,
    Reply,
    Step,
    Upstream,
    default_reply,
    sse_reply,
)
from tests.fixtures.upstream import event as sse
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import OutsidePostgres, outside_postgres

CALLERS = 8
POOL = 6
NAMESPACES = 20
#: Memories that are there at a time, and chats; for each more the oldest is deleted.
KEPT = 400
#: A whole answer that is left is left within this time.
LEAVES_WITHIN_SECONDS = 0.02
#: Between two samples; a run has at least twelve.
SAMPLE_SECONDS = 10.0
#: The part of a run after which memory has to be flat.
WARM_UP = 0.5
SETTLE_SECONDS = 30.0
WORDS = ("Anna", "tea", "dog", "garden", "Berlin", "Monday", "violin", "train", "birthday", "lake")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server held at a moment of the run."""

    minute: float
    #: What the process has written. Not its files' pages: whether they count as its own changes
    #: with each other process that maps them.
    anonymous_mib: float
    tasks: int
    descriptors: int
    connections: int


@dataclass(slots=True)
class Outcome:
    """What a run showed."""

    before: Sample
    after: Sample
    ceiling: float = 0.0
    calls: int = 0
    seconds: float = 0.0
    left: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    @property
    def slope_mib_an_hour(self) -> float:
        """Least squares over the samples after the warm-up."""
        warm = self.warm
        if len(warm) < 2:
            return 0.0
        mean_x = sum(each.minute for each in warm) / len(warm)
        mean_y = sum(each.anonymous_mib for each in warm) / len(warm)
        spread = sum((each.minute - mean_x) ** 2 for each in warm)
        slope = (
            sum((each.minute - mean_x) * (each.anonymous_mib - mean_y) for each in warm) / spread
        )
        return 60 * slope

    @property
    def growth(self) -> float:
        """By what part memory grew from the end of the warm-up to the end, along that line."""
        warm = self.warm
        if len(warm) < 2:
            return 0.0
        hours = (warm[-1].minute - warm[0].minute) / 60
        return self.slope_mib_an_hour * hours * len(warm) / sum(each.anonymous_mib for each in warm)

    @property
    def warm(self) -> Sequence[Sample]:
        """The samples after the warm-up."""
        last = self.samples[-1].minute if self.samples else 0.0
        return [each for each in self.samples if each.minute >= WARM_UP * last]


def reply_to(request: ReceivedRequest) -> Reply:
    """A stream says a word at a time, so that there is a middle to leave it in."""
    if not (isinstance(request.document, dict) and request.document.get("stream")):
        return default_reply(request)
    pieces = [
        {"id": "s", "object": "chat.completion.chunk", "created": 1, "model": "m",
         "choices": [{"index": 0, "delta": {"content": f"{word} "}, "finish_reason": None}]}
        for word in WORDS
    ]  # fmt: skip
    pieces[-1]["choices"][0]["finish_reason"] = "stop"  # type: ignore[index]
    steps: list[Step] = []
    for piece in pieces:
        steps += [sse(piece), Pause(0.005)]
    return sse_reply(*steps, DONE)


def name_of(error: grpc.aio.AioRpcError | httpx2.HTTPError) -> str:
    """What a call failed with, in few words."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name
    if isinstance(error, httpx2.HTTPStatusError):
        return f"HTTP {error.response.status_code}"
    return repr(error)


class Load:
    """What the callers do."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._server = server
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable run
        self._numbers = itertools.count()
        self._memories: deque[tuple[str, str]] = deque()
        self._chats: deque[tuple[str, str]] = deque()
        self.calls = self.left = 0
        self.failures: dict[str, int] = {}

    async def run(self, seconds: float, calls_per_second: float = 0.0) -> float:
        """Calls a second that were answered; as many as can be, or at most so many."""
        until = time.monotonic() + seconds
        before = self.calls
        pause = CALLERS / calls_per_second if calls_per_second else 0.0
        async with (
            grpc.aio.insecure_channel(self._server.grpc) as channel,
            httpx2.AsyncClient(
                base_url=self._server.http, timeout=30, trust_env=False,
                headers={"Authorization": f"Bearer {KEY}"},
            ) as client,
        ):  # fmt: skip
            await asyncio.gather(
                *(self._caller(channel, client, until, pause) for _ in range(CALLERS))
            )
        return (self.calls - before) / seconds

    async def _caller(
        self, channel: grpc.aio.Channel, client: httpx2.AsyncClient, until: float, pause: float
    ) -> None:
        kinds: list[Callable[[], Awaitable[None]]] = [
            lambda: self._get(channel),
            lambda: self._search(channel),
            lambda: self._create(channel),
            lambda: self._chat(channel, client),
            lambda: self._stream(channel, client),
        ]
        while time.monotonic() < until:
            (kind,) = self._chance.choices(kinds, [50, 20, 14, 8, 8])
            due = time.monotonic() + self._chance.uniform(0, 2 * pause)
            try:
                await kind()
            except (grpc.aio.AioRpcError, httpx2.HTTPError) as error:
                name = name_of(error)
                self.failures[name] = self.failures.get(name, 0) + 1
            self.calls += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    @property
    def _namespace(self) -> str:
        return f"soak-{self._chance.randrange(NAMESPACES)}"

    def _words(self, count: int) -> str:
        return " ".join(self._chance.choices(WORDS, k=count))

    async def _get(self, channel: grpc.aio.Channel) -> None:
        request = memory_pb2.ListMemoriesRequest(namespace=self._namespace, page_size=5)
        await memory_pb2_grpc.MemoryServiceStub(channel).ListMemories(
            request, metadata=METADATA, timeout=20
        )

    async def _search(self, channel: grpc.aio.Channel) -> None:
        request = search_pb2.SearchRequest(
            namespace=self._namespace, query=self._words(4), object="memory"
        )
        await search_grpc.SearchServiceStub(channel).Search(request, metadata=METADATA, timeout=20)

    async def _create(self, channel: grpc.aio.Channel) -> None:
        stub = memory_pb2_grpc.MemoryServiceStub(channel)
        namespace, name = self._namespace, self._new_name()
        await stub.CreateMemory(
            memory_pb2.CreateMemoryRequest(
                namespace=namespace, id=name, value_json=json.dumps(self._words(12))
            ),
            metadata=METADATA, timeout=20,
        )  # fmt: skip
        self._memories.append((namespace, name))
        if len(self._memories) > KEPT:
            namespace, name = self._memories.popleft()
            await stub.DeleteMemory(
                memory_pb2.DeleteMemoryRequest(namespace=namespace, id=name),
                metadata=METADATA, timeout=20,
            )  # fmt: skip

    def _new_name(self) -> str:
        return f"soak-{next(self._numbers)}"

    @property
    def _leaves(self) -> bool:
        return self._chance.random() < 0.25

    async def _new_chat(self, channel: grpc.aio.Channel) -> str:
        """Where to ask in a new chat; the oldest one is deleted."""
        namespace, name = self._namespace, self._new_name()
        self._chats.append((namespace, name))
        if len(self._chats) > KEPT:
            oldest_namespace, oldest = self._chats.popleft()
            try:
                await dialogue_pb2_grpc.DialogueServiceStub(channel).DeleteDialogue(
                    dialogue_pb2.DeleteDialogueRequest(namespace=oldest_namespace, id=oldest),
                    metadata=METADATA, timeout=20,
                )  # fmt: skip
            except grpc.aio.AioRpcError as error:
                # Of one that was left early nothing was stored.
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
        query = f"namespace={namespace}&chat_id={name}&commit_after=1"
        return f"/v1/memory/chat/completions?{query}"

    def _body(self, *, stream: bool) -> dict[str, Any]:
        said = [{"role": "user", "content": self._words(8)}]
        return {"model": "m", "stream": stream, "messages": said}

    async def _chat(self, channel: grpc.aio.Channel, client: httpx2.AsyncClient) -> None:
        path = await self._new_chat(channel)
        patience = self._chance.uniform(0, LEAVES_WITHIN_SECONDS) if self._leaves else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                answer = await client.post(path, json=self._body(stream=False))
                answer.raise_for_status()
                return
        self.left += 1

    async def _stream(self, channel: grpc.aio.Channel, client: httpx2.AsyncClient) -> None:
        path, leaves = await self._new_chat(channel), self._leaves
        async with client.stream("POST", path, json=self._body(stream=True)) as answer:
            answer.raise_for_status()
            async for _ in answer.aiter_bytes():
                if leaves:
                    self.left += 1
                    return


def anonymous_mib(pid: int) -> float:
    """Memory of a process that no file is behind."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = re.search(r"^Anonymous:\s+(\d+) kB$", rollup, re.MULTILINE)
    assert kib
    return int(kib[1]) / 1024


def look(server: ServerProcess, postgres: OutsidePostgres, minute: float) -> Sample:
    """What the server holds now."""
    process = psutil.Process(server.pid)
    metrics = urllib.request.urlopen(f"{server.ops}/metrics").read().decode()  # noqa: S310
    tasks = re.search(r"^eunoe_tasks(?:\{.*\})? ([\d.]+)$", metrics, re.MULTILINE)
    assert tasks
    connections = postgres.execute(
        "select count(*) from pg_stat_activity where backend_type = 'client backend' "
        "and pid <> pg_backend_pid()"
    )
    return Sample(
        minute=minute,
        anonymous_mib=anonymous_mib(server.pid),
        tasks=int(float(tasks[1])),
        descriptors=process.num_fds(),
        connections=int(str(connections[0][0])),
    )


async def settled(server: ServerProcess, postgres: OutsidePostgres, like: Sample | None) -> Sample:
    """Once nobody calls any more: as `like`, or whatever stays for a moment."""
    deadline = time.monotonic() + SETTLE_SECONDS
    await asyncio.sleep(2.5)  # the gauges are sampled once a second
    while True:
        sample = await asyncio.to_thread(look, server, postgres, 0.0)
        if like is None or time.monotonic() > deadline or is_back(like, sample):
            return sample
        await asyncio.sleep(1)


def is_back(before: Sample, after: Sample) -> bool:
    """No more tasks and connections than before; descriptors but for idle upstream connections."""
    return (
        after.tasks <= before.tasks
        and after.connections <= before.connections
        and after.descriptors <= before.descriptors + CALLERS
    )


async def run(seconds: float, seed: int) -> Outcome:
    """The whole run."""
    with (
        outside_postgres() as postgres,
        Upstream(reply_to) as upstream,
        serving(
            {
                "EUNOE_DATABASE_URL": postgres.dsn,
                "EUNOE_UPSTREAM_BASE_URL": upstream.base_url,
                "EUNOE_DATABASE__POOL_MIN": str(POOL),
                "EUNOE_DATABASE__POOL_MAX": str(POOL),
                "EUNOE_SERVER__LOG_LEVEL": "warning",
            }
        ) as server,
    ):
        load = Load(server, seed)
        ceiling = await load.run(min(10.0, seconds / 4))
        before = await settled(server, postgres, None)
        outcome = Outcome(before, before, ceiling)
        load.calls = load.left = 0
        load.failures.clear()
        began = time.monotonic()
        loading = asyncio.create_task(load.run(seconds, ceiling / 2))
        while not loading.done():
            await asyncio.wait({loading}, timeout=min(SAMPLE_SECONDS, seconds / 12))
            minute = (time.monotonic() - began) / 60
            outcome.samples.append(await asyncio.to_thread(look, server, postgres, minute))
        await loading
        outcome.seconds = seconds
        outcome.calls, outcome.left = load.calls, load.left
        outcome.failures = load.failures
        outcome.after = await settled(server, postgres, before)
        # The stand-in notes every request; it is not what is measured, but it shares the machine.
        upstream.requests.clear()
        return outcome


async def measure(minutes: float = 30, seed: int = 1) -> Rows:
    """What a run showed."""
    outcome = await run(60 * minutes, seed)
    before, after, samples = outcome.before, outcome.after, outcome.samples

    def range_of(name: str) -> str:
        values = [getattr(sample, name) for sample in samples]
        return f"{min(values):.0f} to {max(values):.0f}"

    asked = outcome.calls / outcome.seconds
    slope = f"{100 * outcome.growth:+.1f} %, {outcome.slope_mib_an_hour:+.1f} MiB/h"
    memory = f"{slope}; {range_of('anonymous_mib')} MiB in all"
    return [
        (
            "soak: load",
            f"half of {outcome.ceiling:.0f} calls/s",
            f"{asked:.0f} calls/s for {minutes:g} min, {outcome.left} answers left",
        ),
        ("soak: failed calls", "0", str(outcome.failures or 0)),
        (
            "soak: anonymous memory",
            "grows by less than 5 % in the second half",
            memory,
        ),
        (
            "soak: tasks",
            f"{before.tasks} when all clients are gone",
            f"{after.tasks}; {range_of('tasks')} under load",
        ),
        (
            "soak: file descriptors",
            f"at most {before.descriptors + CALLERS}",
            f"{after.descriptors}; {range_of('descriptors')} under load",
        ),
        (
            "soak: Postgres connections",
            str(before.connections),
            f"{after.connections}; {range_of('connections')} under load",
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__, minutes=30.0, seed=1)

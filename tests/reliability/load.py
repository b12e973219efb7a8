"""Makes the load of an overload run, in a process of its own: what came back, and how fast.

    echo '{"address": "127.0.0.1:50051", …}' | python -m tests.reliability.load

Closed loop: so many callers, each asks again when it has its answer; this finds what a server can
do. Open loop: so many calls a second whatever comes back, as the world does it; this is overload.
A call is timed from the moment in which it is written, and how late that was is told as well. It
prints one JSON object (`Report`).
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import grpc.aio
import uvloop

from eunoe.v1 import chat_pb2, memory_pb2, memory_pb2_grpc, search_pb2
from tests.fixtures.server import METADATA
from tests.reliability.wire import BROKEN, Answered, Done, GrpcConnection, HttpConnection

Made = TypeVar("Made")

NAMESPACES = 50
#: Of people who chat: so many that nobody's memory, and so the cost of a chat, grows with the load.
CHAT_NAMESPACES = 10_000
MEMORIES = 20
#: More unanswered calls than this and the load waits: then it is no load any more, but a leak.
MAX_UNANSWERED = 8_000
#: Calls that are made before the load begins and sent over and over, so that what they cost to make
#: is not taken from the server.
PREPARED = 5_000
#: An open loop sends what is due, then sleeps at least so long: as late as a busy client is.
TICK_SECONDS = 0.001
#: How long the last callers wait for their answers.
PATIENCE_SECONDS = 20.0
#: As several clients have, each with a connection of its own.
GRPC_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Order:
    """What load to make."""

    #: `host:port` speaks gRPC, `http://host:port` HTTP.
    address: str
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
    #: Milliseconds by which each call of an open loop was written after it was due.
    late: list[float] = field(default_factory=list)


class GrpcLoad:
    """What is asked over gRPC."""

    def __init__(
        self, kind: str, chooser: random.Random, connections: list[GrpcConnection]
    ) -> None:
        self._random = chooser
        self._connections = connections
        self._next = self._chat if kind == "chats" else prepared(self._memory_call, chooser)

    def send(self, done: Done) -> None:
        """The next call."""
        method, message = self._next()
        self._random.choice(self._connections).call(f"/eunoe.v1.{method}", message, done)

    def _memory_call(self) -> tuple[str, bytes]:
        kind, namespace, words = _chosen(self._random)
        if kind < 0.7:
            name = f"{namespace}-{self._random.randrange(MEMORIES)}"
            get = memory_pb2.GetMemoryRequest(namespace=namespace, id=name)
            return "MemoryService/GetMemory", get.SerializeToString()
        if kind < 0.9:
            search = search_pb2.SearchRequest(namespace=namespace, query=words, object="memory")
            return "SearchService/Search", search.SerializeToString()
        create = memory_pb2.CreateMemoryRequest(
            namespace=f"new-{namespace}", value_json=json.dumps(words)
        )
        return "MemoryService/CreateMemory", create.SerializeToString()

    def _chat(self) -> tuple[str, bytes]:
        namespace, words = _chosen_to_chat(self._random)
        chat = chat_pb2.CompleteChatRequest(
            namespace=namespace, body=_chat_body(words), view=chat_pb2.CHAT_VIEW_RAW
        )
        return "ChatService/CompleteChat", chat.SerializeToString()

    @staticmethod
    def is_answer(answered: Answered) -> bool:
        """OK."""
        return answered.status == grpc.StatusCode.OK.value[0]

    @staticmethod
    def is_proper_refusal(answered: Answered) -> bool:
        """RESOURCE_EXHAUSTED with its reason and a delay."""
        return (
            answered.status == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
            and b"OVERLOADED" in answered.head
            and b"google.rpc.RetryInfo" in answered.head
        )

    @staticmethod
    def is_degraded(answered: Answered) -> bool:
        """A chat without its memory."""
        return bool(chat_pb2.CompleteChatResponse.FromString(answered.body).memory.degraded)


class HttpLoad:
    """The same over HTTP."""

    def __init__(self, kind: str, chooser: random.Random, address: str) -> None:
        self._random = chooser
        self._authority = urlsplit(address).netloc
        self._host, _, self._port = self._authority.rpartition(":")
        #: As clients do it, the connection that was used last is taken first.
        self._free: list[HttpConnection] = []
        self._connecting: set[asyncio.Task[None]] = set()
        self._next = self._chat if kind == "chats" else prepared(self._memory_call, chooser)

    def send(self, done: Done) -> None:
        """The next call; on a new connection if all are busy."""
        request = self._next()
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                connection.call(request, self._then_free(connection, done))
                return
        task = asyncio.create_task(self._send_on_a_new_one(request, done))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _send_on_a_new_one(self, request: bytes, done: Done) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(
                HttpConnection, self._host, int(self._port)
            )
        except OSError as error:
            done(Answered(BROKEN, b"", repr(error).encode()))
        else:
            connection.call(request, self._then_free(connection, done))

    def close(self) -> None:
        """Hangs up."""
        for connection in self._free:
            connection.close()

    def _then_free(self, connection: HttpConnection, done: Done) -> Done:
        def freed(answered: Answered) -> None:
            self._free.append(connection)
            done(answered)

        return freed

    def _memory_call(self) -> bytes:
        kind, namespace, words = _chosen(self._random)
        if kind < 0.7:
            name = f"{namespace}-{self._random.randrange(MEMORIES)}"
            return self._request("GET", f"/memory/{name}?namespace={namespace}")
        if kind < 0.9:
            search = {"namespace": namespace, "query": words, "object": "memory"}
            return self._request("POST", "/search", json.dumps(search).encode())
        create = {"namespace": f"new-{namespace}", "value": words}
        return self._request("POST", "/memory", json.dumps(create).encode())

    def _chat(self) -> bytes:
        namespace, words = _chosen_to_chat(self._random)
        path = f"/v1/memory/chat/completions?namespace={namespace}"
        return self._request("POST", path, _chat_body(words))

    def _request(self, method: str, path: str, body: bytes = b"") -> bytes:
        headers = (
            *(("host", self._authority), ("content-type", "application/json")),
            *(*METADATA, ("content-length", str(len(body)))),
        )
        lines = (f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers))
        return "\r\n".join((*lines, "", "")).encode() + body

    @staticmethod
    def is_answer(answered: Answered) -> bool:
        """200."""
        return answered.status == 200

    @staticmethod
    def is_proper_refusal(answered: Answered) -> bool:
        """503 that says when to come back."""
        return answered.status == 503 and b"\r\nretry-after: 1\r\n" in answered.head

    @staticmethod
    def is_degraded(answered: Answered) -> bool:
        """A chat without its memory."""
        return b"\r\nx-memory-degraded: " in answered.head


def prepared(make: Callable[[], Made], chooser: random.Random) -> Callable[[], Made]:
    """Gives one of so many that `make` has made, at random."""
    made = [make() for _ in range(PREPARED)]
    return lambda: chooser.choice(made)


def _chosen(chooser: random.Random) -> tuple[float, str, str]:
    """What kind of call, in which namespace, and some words."""
    words = " ".join(chooser.choices(WORDS, k=5))
    return chooser.random(), f"ns-{chooser.randrange(NAMESPACES)}", words


def _chosen_to_chat(chooser: random.Random) -> tuple[str, str]:
    """Who says what."""
    _, _, words = _chosen(chooser)
    return f"person-{chooser.randrange(CHAT_NAMESPACES)}", words


def _chat_body(words: str) -> bytes:
    message = {"role": "user", "content": words}
    return json.dumps({"model": "stand-in-1", "messages": [message]}).encode()


class Load:
    """One run."""

    def __init__(self, order: Order, asked: GrpcLoad | HttpLoad) -> None:
        self._order = order
        self._asked = asked
        self._random = random.Random(order.seed)  # noqa: S311 - load, not secrets
        self._unanswered = 0
        self.report = Report()
        self._started = time.perf_counter()

    async def run(self) -> None:
        """Until the time is over and all is answered."""
        self._started = time.perf_counter()
        if self._order.callers:
            for _ in range(self._order.callers):
                self._send(self._ask_again)
            await asyncio.sleep(self._order.seconds)
        else:
            await self._arrivals()
        patient_until = self._elapsed() + PATIENCE_SECONDS
        while self._unanswered and self._elapsed() < patient_until:  # noqa: ASYNC110 - no hot path
            await asyncio.sleep(0.01)
        if self._unanswered:
            self.report.wrong["no answer"] = self._unanswered

    async def _arrivals(self) -> None:
        """Calls at random moments, so many a second on average; those that are late go at once."""
        due = self._random.expovariate(self._order.calls_per_second)
        while due < self._order.seconds:
            now = self._elapsed()
            while due <= now and due < self._order.seconds:
                if self._unanswered < MAX_UNANSWERED:
                    self.report.late.append((self._elapsed() - due) * 1000)
                    self._send(lambda: None)
                else:
                    self.report.unsent += 1
                due += self._random.expovariate(self._order.calls_per_second)
            await asyncio.sleep(max(TICK_SECONDS, due - self._elapsed()))

    def _ask_again(self) -> None:
        if self._elapsed() < self._order.seconds:
            self._send(self._ask_again)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started

    def _send(self, afterwards: Callable[[], None]) -> None:
        began = self._elapsed()

        def done(answered: Answered) -> None:
            self._unanswered -= 1
            self._note(answered, began)
            afterwards()

        self._unanswered += 1
        self._asked.send(done)

    def _note(self, answered: Answered, began: float) -> None:
        took = (began, (self._elapsed() - began) * 1000)
        if self._asked.is_answer(answered):
            self.report.answered.append(took)
            if self._order.kind == "chats":
                self.report.degraded += self._asked.is_degraded(answered)
        elif self._asked.is_proper_refusal(answered):
            self.report.refused.append(took)
        else:
            what = f"{answered.status} {answered.head[:200]!r}"
            self.report.wrong[what] = self.report.wrong.get(what, 0) + 1


@asynccontextmanager
async def opened(order: Order) -> AsyncIterator[Load]:
    """A load with its connections."""
    chooser = random.Random(order.seed)  # noqa: S311 - load, not secrets
    if order.address.startswith("http://"):
        asked = HttpLoad(order.kind, chooser, order.address)
        try:
            yield Load(order, asked)
        finally:
            asked.close()
        return
    host, _, port = order.address.rpartition(":")
    loop = asyncio.get_running_loop()
    connections = []
    for _ in range(GRPC_CONNECTIONS):
        _, connection = await loop.create_connection(
            lambda: GrpcConnection(order.address, METADATA), host, int(port)
        )
        connections.append(connection)
    try:
        yield Load(order, GrpcLoad(order.kind, chooser, connections))
    finally:
        for connection in connections:
            connection.close()


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
    async with opened(Order(**json.load(sys.stdin))) as load:
        await load.run()
    json.dump(asdict(load.report), sys.stdout)


if __name__ == "__main__":
    uvloop.run(_main())

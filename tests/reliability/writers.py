"""Sixteen writers that keep, tag, forget, append and chat until they are told to stop.

Half speak gRPC, half HTTP. What fails is tried again under the same ids or the same idempotency
key, as a careful client does; now and then a writer gives up instead and lets the thing alone.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
import httpx2

from tests.fixtures.server import PATIENCE_SECONDS
from tests.reliability.callers import CALL_SECONDS, Caller, GrpcCaller, HttpCaller, Said
from tests.reliability.history import Act, Forget, History, Keep, Tag

WRITERS = 16
NAMESPACES = tuple(f"namespace-{number}" for number in range(4))
#: What an earlier attempt of the same act has left, told to a later one.
_DONE_BEFORE = frozenset(
    {"DUPLICATE_ID", "MEMORY_NOT_FOUND", "DIALOGUE_NOT_FOUND", "MESSAGE_NOT_FOUND"}
)
_GIVES_UP = 0.1


@dataclass(slots=True)
class Load:
    """What the writers did and heard."""

    history: History = field(default_factory=History)
    #: How often each (status, reason) came back, from the server and from broken connections.
    heard: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Answers that a server must not give, whatever happens to it.
    improper: list[Said] = field(default_factory=list)

    def hear(self, said: Said) -> None:
        """Counts it, and remembers it if it is not a proper thing to say."""
        self.heard[said.status, said.reason] += 1
        if said.is_improper:
            self.improper.append(said)

    async def seconds_until_served(self, since: float) -> float:
        """From `since` (`time.monotonic`) to the first acknowledgement; inf when none comes."""
        while time.monotonic() < since + PATIENCE_SECONDS:
            if (at := self.history.first_acknowledged_after(since)) is not None:
                return at - since
            await asyncio.sleep(0.02)
        return float("inf")


@asynccontextmanager
async def writing(
    grpc_address: str, http_address: str, seed: int, *, writers: int = WRITERS
) -> AsyncIterator[Load]:
    """The writers work while the context lasts; on leaving, each ends the attempt it is at."""
    load, stop = Load(), asyncio.Event()
    limits = httpx2.Limits(max_connections=None)
    async with (
        grpc.aio.insecure_channel(
            grpc_address,
            options=[
                ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.min_reconnect_backoff_ms", 200),
                ("grpc.max_reconnect_backoff_ms", 200),
            ],
        ) as channel,
        httpx2.AsyncClient(
            base_url=http_address, timeout=CALL_SECONDS, limits=limits, trust_env=False
        ) as client,
        asyncio.TaskGroup() as group,
    ):
        for number in range(writers):
            caller = GrpcCaller(channel) if number % 2 else HttpCaller(client)
            chance = random.Random(f"{seed} {number}")  # noqa: S311 - a repeatable run
            writer = _Writer(number, caller, load, chance, stop)
            group.create_task(writer.work())
        try:
            yield load
        finally:
            stop.set()


@dataclass(slots=True)
class _Writer:
    """Owns what it makes; nobody else touches it."""

    number: int
    caller: Caller
    load: Load
    chance: random.Random
    stop: asyncio.Event
    texts: int = 0
    memories: list[str] = field(default_factory=list)
    dialogues: dict[str, list[str]] = field(default_factory=dict)
    chats: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return NAMESPACES[self.number % len(NAMESPACES)]

    async def work(self) -> None:
        """Until told to stop."""
        acts: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._keep, 5), (self._keep_batch, 2), (self._tag, 3), (self._forget_memory, 1),
            (self._open, 2), (self._append, 4), (self._forget_dialogue, 1), (self._chat, 4),
        ]  # fmt: skip
        names, weights = zip(*acts, strict=True)
        while not self.stop.is_set():
            await self.chance.choices(names, weights)[0]()
            await asyncio.sleep(0.001)

    def _new_texts(self, count: int) -> list[str]:
        first, self.texts = self.texts, self.texts + count
        return [f"w{self.number}-{first + place}" for place in range(count)]

    def _request_id(self, texts: list[str]) -> str:
        """Half of what can go twice goes under an idempotency key, half under ids of its own."""
        return f"key-{texts[0]}" if self.chance.random() < 0.5 else ""

    async def _do(self, act: Act, attempt: Callable[[int], Awaitable[Said]]) -> bool:
        """Tries until it is acknowledged; False when it gave up, and nobody knows."""
        entry = self.load.history.intend(act)
        number = 0
        while True:
            number += 1
            said = await attempt(number)
            self.load.hear(said)
            if said.is_done or (number > 1 and said.reason in _DONE_BEFORE):
                self.load.history.acknowledge(entry)
                return True
            if said.is_from_server and said.reason in _DONE_BEFORE:
                self.load.improper.append(said)
                return False
            if self.stop.is_set() or self.chance.random() < _GIVES_UP:
                return False
            await asyncio.sleep(self.chance.uniform(0.05, 0.2))

    async def _keep(self, count: int = 1) -> None:
        texts = self._new_texts(count)
        key = self._request_id(texts)
        is_kept = await self._do(
            Keep(tuple(texts)),
            lambda _: self.caller.keep_memories(self.namespace, texts, request_id=key),
        )
        if is_kept and not key:  # under a key they have ids that are not ours
            self.memories += texts

    async def _keep_batch(self) -> None:
        await self._keep(self.chance.randint(2, 20))

    async def _tag(self) -> None:
        if not self.memories:
            return
        text = self._take(self.memories)
        tags = [f"t{self.chance.randrange(10_000)}"]
        if await self._do(Tag(text, tuple(tags)), lambda _: self.caller.tag_memory(text, tags)):
            self.memories.append(text)

    async def _forget_memory(self) -> None:
        if self.memories:
            text = self._take(self.memories)
            await self._do(Forget((text,)), lambda _: self.caller.forget_memory(text))

    async def _open(self) -> None:
        name, *texts = self._new_texts(self.chance.randint(2, 6))
        if await self._do(
            Keep(tuple(texts), name),
            lambda _: self.caller.open_dialogue(self.namespace, name, texts),
        ):
            self.dialogues[name] = texts

    async def _append(self) -> None:
        if not self.dialogues:
            return
        name = self.chance.choice(list(self.dialogues))
        held = self.dialogues.pop(name)
        texts = self._new_texts(self.chance.randint(1, 5))
        key = self._request_id(texts)
        if await self._do(
            Keep(tuple(texts), name),
            lambda _: self.caller.append(self.namespace, name, texts, request_id=key),
        ):
            self.dialogues[name] = held + texts

    async def _forget_dialogue(self) -> None:
        if self.dialogues:
            name = self.chance.choice(list(self.dialogues))
            texts = self.dialogues.pop(name)
            await self._do(
                Forget(tuple(texts)), lambda _: self.caller.forget_dialogue(self.namespace, name)
            )

    async def _chat(self) -> None:
        """A new conversation, or the next turn of one; all that was said is sent again."""
        name = self.chance.choice([*self.chats, ""]) or self._new_texts(1)[0]
        turns = self.chats.pop(name, [])
        [question] = self._new_texts(1)
        answer = f"You said: {question}"
        asked = [*turns, ("user", question)]
        is_stream = self.chance.random() < 0.5
        if (
            await self._do(
                Keep((question, answer), name),
                lambda number: self.caller.chat(
                    self.namespace, name, asked, attempt=number, is_stream=is_stream
                ),
            )
            and len(asked) < 8
        ):
            self.chats[name] = [*asked, ("assistant", answer)]

    def _take(self, texts: list[str]) -> str:
        return texts.pop(self.chance.randrange(len(texts)))

"""Idempotency keys under kills: every write done exactly once, however often it is sent.

    python -m tests.reliability.idempotency_kills [--kills 30] [--writers 8] [--seed 1]

Writers send memories, batches, dialogues, messages and chats without ids of their own, and send
each again under its key until it is answered, and often once more for good measure; meanwhile the
server is killed at random moments, so some of them between the commit and the answer. Afterwards
the database is asked, past the server, how often each one's word is there.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import psycopg

from eunoe.v1 import (
    chat_pb2,
    chat_pb2_grpc,
    dialogue_pb2,
    dialogue_pb2_grpc,
    memory_pb2,
    memory_pb2_grpc,
)
from tests.fixtures.server import METADATA, PATIENCE_SECONDS, ServerProcess, serving
from tests.reliability.figures import Rows, main
from tests.reliability.postgres import outside_postgres

NAMESPACE = "kills"
CALL_SECONDS = 5.0
#: A chat that is hit again and again waits for a lease each time.
WRITE_PATIENCE_SECONDS = 10 * PATIENCE_SECONDS
#: What a client sends its request again for.
NOT_ANSWERED = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
}

Ids = tuple[str, ...]
#: Makes one attempt over a channel; the ids in the answer.
Attempt = Callable[[grpc.Channel], Ids]


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to be done once."""

    kind: str
    #: A word that nothing else holds, and how often it must be there in the end.
    word: str
    times: int
    attempt: Attempt


@dataclass(slots=True)
class Figures:
    """What a run showed."""

    kills: int = 0
    writes: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    #: Answered again with other ids than before.
    different: int = 0
    lost: int = 0
    doubled: int = 0

    def rows(self) -> Rows:
        """What, wanted, printed."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.writes.items()))
        return [
            ("kills of the server under keyed writes", "", str(self.kills)),
            ("writes under a key", "", f"{self.writes.total()} ({kinds})"),
            ("attempts beyond the first", "", str(self.repeats)),
            ("repeats answered with other ids", "0", str(self.different)),
            ("writes lost", "0", str(self.lost)),
            ("writes done more than once", "0", str(self.doubled)),
        ]


class Writer:
    """Sends one thing after the other, each until it is answered."""

    def __init__(self, server: ServerProcess, seed: int, *, has_chats: bool) -> None:
        self._server = server
        self._kinds = [self._memory, self._batch, self._dialogue, self._messages]
        if has_chats:
            self._kinds.append(self._chat)
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable run
        self._dialogue_id = f"dialogue-{seed}"
        self.written: list[Write] = []
        self.repeats = self.different = 0

    def run(self, stop: threading.Event) -> None:
        """Writes until `stop`; what was begun is finished."""
        with self._channel() as channel:
            self._first_dialogue(channel)
        while not stop.is_set():
            write = self._chance.choice(self._kinds)()
            ids = self._until_answered(write)
            if self._chance.random() < 0.3:
                self.repeats += 1
                self.different += self._until_answered(write) != ids
            self.written.append(write)

    def _until_answered(self, write: Write) -> Ids:
        ends_at = time.monotonic() + WRITE_PATIENCE_SECONDS
        while True:
            try:
                with self._channel() as channel:
                    return write.attempt(channel)
            except grpc.RpcError as error:
                if error.code() not in NOT_ANSWERED or time.monotonic() > ends_at:
                    raise
            self.repeats += 1
            time.sleep(0.05)

    @contextmanager
    def _channel(self) -> Iterator[grpc.Channel]:
        """To where the server is now: each start has another port."""
        with grpc.insecure_channel(self._server.grpc) as channel:
            yield channel

    def _first_dialogue(self, channel: grpc.Channel) -> None:
        dialogue_pb2_grpc.DialogueServiceStub(channel).CreateDialogue(
            dialogue_pb2.CreateDialogueRequest(namespace=NAMESPACE, id=self._dialogue_id),
            metadata=METADATA,
        )

    def _memory(self) -> Write:
        word = uuid4().hex
        request = memory_pb2.CreateMemoryRequest(
            namespace=NAMESPACE, value_json=f'"{word}"', request_id=word
        )

        def attempt(channel: grpc.Channel) -> Ids:
            create = memory_pb2_grpc.MemoryServiceStub(channel).CreateMemory
            return (_sent(create, request).memory.id,)

        return Write("memories", word, 1, attempt)

    def _batch(self) -> Write:
        word = uuid4().hex
        request = memory_pb2.BatchCreateMemoriesRequest(
            namespace=NAMESPACE,
            memories=[memory_pb2.NewMemory(value_json=f'"{word}"') for _ in range(5)],
            request_id=word,
        )

        def attempt(channel: grpc.Channel) -> Ids:
            create = memory_pb2_grpc.MemoryServiceStub(channel).BatchCreateMemories
            return tuple(memory.id for memory in _sent(create, request).memories)

        return Write("batches", word, 5, attempt)

    def _dialogue(self) -> Write:
        word = uuid4().hex
        request = dialogue_pb2.CreateDialogueRequest(
            namespace=NAMESPACE, messages=_spoken(word), request_id=word
        )

        def attempt(channel: grpc.Channel) -> Ids:
            create = dialogue_pb2_grpc.DialogueServiceStub(channel).CreateDialogue
            dialogue = _sent(create, request).dialogue
            return (dialogue.id, *(message.id for message in dialogue.messages))

        return Write("dialogues", word, 2, attempt)

    def _messages(self) -> Write:
        word = uuid4().hex
        request = dialogue_pb2.CreateMessagesRequest(
            namespace=NAMESPACE,
            dialogue_id=self._dialogue_id,
            messages=_spoken(word),
            request_id=word,
        )

        def attempt(channel: grpc.Channel) -> Ids:
            create = dialogue_pb2_grpc.DialogueServiceStub(channel).CreateMessages
            return tuple(message.id for message in _sent(create, request).messages)

        return Write("appends", word, 2, attempt)

    def _chat(self) -> Write:
        word = uuid4().hex
        said = [chat_pb2.ChatMessage(role="user", content=f"The word is {word}.")]
        request = chat_pb2.CompleteChatRequest(
            namespace=NAMESPACE, messages=said, memory="write", request_id=word
        )

        def attempt(channel: grpc.Channel) -> Ids:
            complete = chat_pb2_grpc.ChatServiceStub(channel).CompleteChat
            answer = _sent(complete, request)
            return (answer.memory.chat_id, answer.id)

        return Write("chats", word, 1, attempt)


def _sent(method: Any, request: Any) -> Any:
    return method(request, metadata=METADATA, timeout=CALL_SECONDS)


def _spoken(word: str) -> list[dialogue_pb2.NewMessage]:
    return [dialogue_pb2.NewMessage(role="user", content_json=f'"{word}"') for _ in range(2)]


def run(dsn: str, *, kills: int, writers: int, seed: int, has_chats: bool = True) -> Figures:
    """Kills a server over the database of `dsn` while others write through it.

    A chat that a killed server had begun waits for the end of its lease: not in a short run.
    """
    chance = random.Random(seed)  # noqa: S311 - a repeatable run
    figures, stop = Figures(), threading.Event()
    settings = {"EUNOE_DATABASE_URL": dsn, "EUNOE_SERVER__DRAIN_DELAY_SECONDS": "0"}
    with serving(settings) as server, ThreadPoolExecutor(writers) as pool:
        crew = [
            Writer(server, seed * 1_000 + number, has_chats=has_chats) for number in range(writers)
        ]
        running = [pool.submit(writer.run, stop) for writer in crew]
        try:
            for _ in range(kills):
                time.sleep(chance.uniform(0.2, 1.5))
                server.kill()
                figures.kills += 1
                server.start()
        finally:
            stop.set()
            for each in running:
                each.result()
    for writer in crew:
        figures.repeats += writer.repeats
        figures.different += writer.different
        figures.writes.update(write.kind for write in writer.written)
    found = _found(dsn)
    for write in (write for writer in crew for write in writer.written):
        figures.lost += found[write.word] < write.times
        figures.doubled += found[write.word] > write.times
    return figures


def _found(dsn: str) -> Counter[str]:
    """How often each word was stored by a user."""
    words: Counter[str] = Counter()
    with psycopg.connect(dsn) as connection:
        for (text,) in connection.execute(
            "select text from memories where fact_type is null"
            " union all select text from messages where role = 'user'"
        ):
            words[str(text).removeprefix("The word is ").removesuffix(".")] += 1
    return words


async def measure(kills: int = 30, writers: int = 8, seed: int = 1) -> Rows:
    """For the table."""

    def kill() -> Rows:
        with outside_postgres() as postgres:
            return run(postgres.dsn, kills=kills, writers=writers, seed=seed).rows()

    return await asyncio.to_thread(kill)


if __name__ == "__main__":
    main(measure, __doc__, kills=30, writers=8, seed=1)

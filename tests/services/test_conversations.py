"""What happens to a conversation between its look-up and its storing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from eunoe_server.domain.answer import Answer
from eunoe_server.domain.chat import ChatBody, ChatRequest, MemoryMode
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.turn import read_turn
from eunoe_server.errors import DialogueEnded, DialogueNotFound
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.conversations import Conversations, Found, MatchedBy, Stored
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database

Message = dict[str, Any]

OPENING: list[Message] = [
    {"role": "user", "content": "Which of the seven summits is the hardest to climb?"},
    {"role": "assistant", "content": "Most climbers say Vinson, because of where it is and when."},
]


def user(text: str) -> Message:
    return {"role": "user", "content": text}


class Desk:
    """Finds and stores, as a chat does, with anything in between."""

    def __init__(self, database: Database, tenant: Tenant) -> None:
        self.database = database
        self.tenant = tenant
        self.conversations = Conversations(
            database,
            Namespaces(database),
            WordLlamaEmbedder(),
            session_idle_seconds=60,
            replay_tokens=1000,
        )

    def request(self, messages: Sequence[Message], **more: Any) -> ChatRequest:
        body = json.dumps({"model": "m", "messages": messages}).encode()
        return ChatRequest(
            body=ChatBody.parse(body),
            namespace="alice",
            mode=MemoryMode.AUTO,
            commit_after_seconds=60,
            **more,
        )

    async def find(self, request: ChatRequest) -> Found:
        turns = tuple(request.body.turns)
        return await self.conversations.find(self.tenant.project_id, request, turns)

    async def store(self, request: ChatRequest, found: Found, answer: str) -> Stored:
        turn = read_turn(json.dumps({"role": "assistant", "content": answer}).encode())
        return await self.conversations.store(
            self.tenant.project_id,
            request,
            found,
            tuple(request.body.turns),
            Answer(
                turn=turn,
                finish_reason="stop",
                model="m",
                completion_id="",
                usage=None,
                is_interrupted=False,
            ),
            (),
        )

    async def chat(self, messages: Sequence[Message], answer: str, **more: Any) -> Stored:
        request = self.request(messages, **more)
        return await self.store(request, await self.find(request), answer)

    async def texts(self, chat_id: str) -> list[str]:
        async with self.database.transaction(self.tenant) as tx:
            dialogue = await tx.dialogues.get(chat_id)
            assert dialogue is not None
            return [m.text for m in await tx.messages.transcript(dialogue.dialogue_key)]


@pytest.fixture
def desk(database: Database, tenant: Tenant) -> Desk:
    return Desk(database, tenant)


async def test_parallel_continuations_of_one_history_lose_nothing(desk: Desk) -> None:
    await desk.chat(OPENING[:1], OPENING[1]["content"])
    requests = [desk.request([*OPENING, user(f"Tell me about peak {n}")]) for n in range(5)]
    found = [await desk.find(request) for request in requests]
    assert {each.matched_by for each in found} == {MatchedBy.HISTORY}
    stored = await asyncio.gather(
        *(
            desk.store(r, f, f"Peak {n} is high.")
            for n, (r, f) in enumerate(zip(requests, found, strict=True))
        )
    )
    assert len({each.chat_id for each in stored}) == 5
    for number, each in enumerate(stored):
        assert await desk.texts(each.chat_id) == [
            *(message["content"] for message in OPENING),
            f"Tell me about peak {number}",
            f"Peak {number} is high.",
        ]


async def test_a_look_up_that_failed_is_made_up_for_when_the_exchange_is_stored(
    desk: Desk,
) -> None:
    first = await desk.chat(OPENING[:1], OPENING[1]["content"])
    request = desk.request([*OPENING, user("And the easiest?")])
    unknown = desk.conversations.unknown(request, tuple(request.body.turns), was_looked_for=False)
    stored = await desk.store(request, unknown, "Kilimanjaro.")
    assert stored == Stored(first.chat_id, MatchedBy.HISTORY)
    assert len(await desk.texts(first.chat_id)) == 4


async def test_what_was_ended_meanwhile_takes_no_more(desk: Desk) -> None:
    await desk.chat(OPENING[:1], "Vinson.", chat_id="c-1")
    request = desk.request([user("And the easiest?")], chat_id="c-1")
    found = await desk.find(request)
    assert found.dialogue is not None
    key = found.dialogue.dialogue_key
    await desk.database.run(desk.tenant, lambda tx: tx.dialogues.end(key))
    with pytest.raises(DialogueEnded):
        await desk.store(request, found, "Kilimanjaro.")
    assert len(await desk.texts("c-1")) == 2


async def test_what_was_deleted_meanwhile_does_not_come_back(desk: Desk) -> None:
    await desk.chat(OPENING[:1], "Vinson.", chat_id="c-1")
    request = desk.request([*OPENING, user("And the easiest?")], chat_id="c-1")
    found = await desk.find(request)
    assert found.dialogue is not None
    key = found.dialogue.dialogue_key
    await desk.database.run(desk.tenant, lambda tx: tx.dialogues.delete(key))
    with pytest.raises(DialogueNotFound):
        await desk.store(request, found, "Kilimanjaro.")


async def test_a_chat_id_belongs_to_its_namespace(desk: Desk) -> None:
    await desk.chat(OPENING[:1], "Vinson.", chat_id="c-1")
    request = ChatRequest(
        body=desk.request([user("What did I ask?")]).body,
        namespace="bob",
        mode=MemoryMode.AUTO,
        commit_after_seconds=60,
        chat_id="c-1",
    )
    found = await desk.find(request)
    assert (found.matched_by, found.dialogue) == (MatchedBy.NEW, None)

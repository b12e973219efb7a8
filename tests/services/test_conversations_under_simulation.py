"""Issue 4's simulation against Postgres: the same clients, the real service and store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from eunoe_server.domain.answer import Answer
from eunoe_server.domain.chat import ChatBody, ChatRequest, MemoryMode
from eunoe_server.domain.dialogue import DialogueFilter
from eunoe_server.domain.turn import read_turn
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.conversations import Conversations, MatchedBy
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.stores.database import Database
from tests.unit.conversation_simulation import (
    CLIENTS,
    UNCERTAIN_CLIENTS,
    Exchange,
    Filed,
    Message,
    simulate,
    table,
)


class StoredMemory:
    """The service over Postgres as the simulation sees it."""

    def __init__(self, database: Database, project_id: int) -> None:
        self._database = database
        self._project_id = project_id
        self._namespaces = Namespaces(database)
        # All clients talk at once; as many as a server admits get in each other's way here.
        self._admission = asyncio.Semaphore(32)
        self._conversations = Conversations(
            database,
            self._namespaces,
            WordLlamaEmbedder(),
            session_idle_seconds=60,
            replay_tokens=1000,
        )

    async def chat(self, exchange: Exchange) -> Filed:
        async with self._admission:
            return await self._chat(exchange)

    async def _chat(self, exchange: Exchange) -> Filed:
        body = json.dumps({"model": "m", "messages": exchange.messages}).encode()
        request = ChatRequest(
            body=ChatBody.parse(body),
            namespace=exchange.namespace,
            mode=MemoryMode.AUTO,
            commit_after_seconds=60,
            retry_count=exchange.retry_count,
        )
        turns = tuple(request.body.turns)
        found = await self._conversations.find(self._project_id, request, turns)
        stored = await self._conversations.store(
            self._project_id, request, found, turns, _answer(exchange), ()
        )
        return Filed(stored.chat_id, is_new=stored.matched_by is MatchedBy.NEW)

    async def dialogues(self, namespace: str) -> Sequence[str]:
        tenant = await self._namespaces.find(self._project_id, namespace)
        found: list[str] = []
        after = None
        while tenant is not None:
            async with self._database.transaction(tenant) as tx:
                page = await tx.dialogues.list_page(DialogueFilter(), 200, after)
            found += [dialogue.id for dialogue in page.items]
            if (after := page.next) is None:
                break
        return found

    async def transcript(self, namespace: str, dialogue: str) -> Sequence[Message]:
        tenant = await self._namespaces.find(self._project_id, namespace)
        assert tenant is not None
        async with self._database.transaction(tenant) as tx:
            row = await tx.dialogues.get(dialogue)
            assert row is not None
            messages = await tx.messages.transcript(row.dialogue_key)
        return [
            json.loads(message.body)
            for message in messages
            if message.role not in ("system", "developer")
        ]


def _answer(exchange: Exchange) -> Answer:
    message = dict(exchange.answer)
    stops_after = exchange.stops_after_characters
    if stops_after is not None:
        # The server had read a little more than the client has shown, or a little less.
        message["content"] = message["content"][: stops_after + 7 - 10 * (stops_after % 2)]
    return Answer(
        turn=read_turn(json.dumps(message).encode()),
        finish_reason="" if stops_after is not None else "stop",
        model="m",
        completion_id="",
        usage=None,
        is_interrupted=stops_after is not None,
    )


@pytest.fixture
async def memory(database: Database) -> StoredMemory:
    project_id = await database.open_project("simulation", create=True)
    assert project_id is not None
    return StoredMemory(database, project_id)


@pytest.mark.timeout(300)
async def test_conversations_are_told_apart_and_found_again_in_postgres(
    memory: StoredMemory, capsys: pytest.CaptureFixture[str]
) -> None:
    clients = [replace(client, conversations=10) for client in CLIENTS]
    tallies = await simulate(memory, clients, seed=11)
    with capsys.disabled():
        print("\n\n" + table(tallies))  # noqa: T201 - issue 4 asks for the table in the output
    for kind, tally in tallies.items():
        assert tally.precision == 1.0, kind
        assert tally.wrong == 0, kind
        assert tally.copies == 0, kind
        assert tally.recall >= 0.98, kind


@pytest.mark.timeout(300)
async def test_what_cannot_be_told_apart_is_not_mixed_in_postgres(memory: StoredMemory) -> None:
    clients = [replace(client, conversations=10) for client in UNCERTAIN_CLIENTS]
    tallies = await simulate(memory, clients, seed=11)
    assert {kind: tally.wrong for kind, tally in tallies.items()} == dict.fromkeys(tallies, 0)

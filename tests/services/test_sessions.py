"""Sessions expire against a real Postgres: each once, none in use, and erased only if asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest

from eunoe_server.domain.answer import Answer
from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.chat import ChatBody, ChatRequest, MemoryMode
from eunoe_server.domain.commit import CommitJob
from eunoe_server.domain.dialogue import Dialogue, DialogueFilter
from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.turn import Turn, read_turn, read_turns
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.commits import Committer
from eunoe_server.services.conversations import Conversations, Found, Stored
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.facts import Facts
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.sessions import RETRY_SECONDS, Sessions
from eunoe_server.services.usage import Meter
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import Metrics
from tests.fixtures.database import NewTenant, at_once
from tests.stores.test_sessions import let_pass

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat that waits for its answer."""

    request: ChatRequest
    turns: tuple[Turn, ...]
    found: Found


class Room:
    """The services over one database, and clients that send only what is new."""

    def __init__(self, database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> None:
        self.database = database
        self.tenant = tenant
        self.caller = Caller("key", tenant.project_id, frozenset(Scope))
        namespaces = Namespaces(database)
        self.messages = Messages(database, namespaces, embedder)
        self.dialogues = Dialogues(database, namespaces, self.messages)
        self.conversations = Conversations(
            database, namespaces, embedder, session_idle_seconds=DAY, replay_tokens=1000
        )
        self._committer = Committer(
            database,
            embedder,
            Facts(database, namespaces, embedder, RulesExtractor(), Metrics()),
            Meter(database, namespaces),
        )

    def sessions(self, *, erases_expired: bool = False) -> Sessions:
        return Sessions(self.database, idle_seconds=DAY, erases_expired=erases_expired)

    async def ask(
        self,
        text: str,
        *,
        session: str | None = None,
        chat_id: str | None = None,
        namespace: str = "alice",
    ) -> Asked:
        messages = [{"role": "user", "name": "Ana", "content": text}]
        body = ChatBody.parse(json.dumps({"model": "m", "messages": messages}).encode())
        request = ChatRequest(
            body=body,
            namespace=namespace,
            mode=MemoryMode.AUTO,
            commit_after_seconds=0,
            chat_id=chat_id,
            session_id=session,
        )
        turns = read_turns(body.messages)
        found = await self.conversations.find(self.tenant.project_id, request, turns)
        return Asked(request, turns, found)

    async def answer(self, asked: Asked) -> Stored:
        answer = Answer(
            turn=read_turn(b'{"role": "assistant", "content": "I see."}'),
            finish_reason="stop",
            is_interrupted=False,
            model="m",
            completion_id="",
            usage=None,
        )
        return await self.conversations.store(
            self.tenant.project_id, asked.request, asked.found, asked.turns, answer, ()
        )

    async def say(
        self,
        text: str,
        *,
        session: str | None = None,
        chat_id: str | None = None,
        namespace: str = "alice",
    ) -> Stored:
        asked = await self.ask(text, session=session, chat_id=chat_id, namespace=namespace)
        return await self.answer(asked)

    async def commit_all(self) -> None:
        async def claim(tx: Transaction) -> Sequence[CommitJob]:
            return await tx.commits.claim(100, 30, UUID(int=7), 5)

        for job in await self.database.run(None, claim):
            await self._committer.commit(job)

    async def expire_all(self, *, erases_expired: bool = False) -> int:
        """How many were dealt with."""
        sessions = self.sessions(erases_expired=erases_expired)
        count = 0
        while await sessions.expire_next():
            count += 1
        return count

    async def dialogue(self, dialogue_id: str) -> Dialogue | None:
        async with self.database.transaction(self.tenant) as tx:
            return await tx.dialogues.get(dialogue_id)

    async def said_in(self, dialogue_id: str) -> list[str]:
        async with self.database.transaction(self.tenant) as tx:
            dialogue = await tx.dialogues.get(dialogue_id)
            assert dialogue is not None
            return [each.text for each in await tx.messages.transcript(dialogue.dialogue_key)]

    async def facts(self) -> set[str]:
        async with self.database.transaction(self.tenant) as tx:
            page = await tx.memories.list_page(MemoryFilter(), 100)
        return {memory.text for memory in page.items}


@pytest.fixture
def room(database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> Room:
    return Room(database, tenant, embedder)


# Closing


async def test_an_expired_session_is_closed_everywhere_and_its_dialogue_stays_readable(
    room: Room, new_tenant: NewTenant, dsn: str
) -> None:
    old = await room.say("My bicycle is red.", session="s")
    await room.say("Her bicycle is blue.", session="s", namespace="bob")
    await let_pass(dsn, DAY - 60)
    recent = await room.say("Two cats sleep on the sofa.", session="other")
    await let_pass(dsn, 60)
    assert await room.expire_all() == 2
    closed, used = await room.dialogue(old.chat_id), await room.dialogue(recent.chat_id)
    assert closed is not None
    assert used is not None
    assert (closed.is_session_open, used.is_session_open) == (False, True)
    assert await room.said_in(old.chat_id) == ["My bicycle is red.", "I see."]
    async with room.database.transaction(await new_tenant("bob")) as tx:
        page = await tx.dialogues.list_page(DialogueFilter(), 10)
    assert [each.is_session_open for each in page.items] == [False]


async def test_the_next_use_of_an_expired_session_starts_empty(room: Room, dsn: str) -> None:
    old = await room.say("My bicycle is red.", session="s")
    await let_pass(dsn, DAY)
    await room.expire_all()
    asked = await room.ask("What color is it?", session="s")
    assert (asked.found.dialogue, asked.found.replay) == (None, ())
    new = await room.answer(asked)
    assert new.chat_id != old.chat_id
    assert (await room.ask("And the cats?", session="s")).found.chat_id == new.chat_id


@pytest.mark.parametrize("way", ["by the session", "by its id", "as a message"])
async def test_whatever_is_added_to_its_dialogue_keeps_a_session_alive(
    room: Room, dsn: str, way: str
) -> None:
    first = await room.say("My bicycle is red.", session="s")
    await let_pass(dsn, DAY - 60)
    match way:
        case "by the session":
            await room.say("It squeaks.", session="s")
        case "by its id":
            await room.say("It squeaks.", chat_id=first.chat_id)
        case _:
            draft = MessageDraft("user", '"It squeaks."')
            await room.messages.create(room.caller, "alice", first.chat_id, [draft], 0)
    await let_pass(dsn, 60)
    assert await room.expire_all(erases_expired=True) == 0
    assert (await room.ask("What color is it?", session="s")).found.chat_id == first.chat_id


async def test_a_session_that_is_used_while_it_is_being_closed_is_left_alone(
    room: Room, dsn: str
) -> None:
    first = await room.say("My bicycle is red.", session="s")
    await let_pass(dsn, DAY)
    dialogue = await room.dialogue(first.chat_id)
    assert dialogue is not None
    async with room.database.transaction(room.tenant) as tx:
        await tx.dialogues.lock(dialogue.dialogue_key)
        closing = asyncio.create_task(room.sessions(erases_expired=True).expire_next())
        await somebody_waits_for_a_lock(room.database)
        await at_once(tx, tx.sessions.touching(dialogue.dialogue_key))
    assert await closing
    kept = await room.dialogue(first.chat_id)
    assert kept is not None
    assert kept.is_session_open
    assert await room.expire_all(erases_expired=True) == 0


async def somebody_waits_for_a_lock(database: Database) -> None:
    while True:
        async with database.transaction(None) as tx:
            cursor = await tx.keys._connection.execute(
                "select count(*) from pg_locks where not granted"
            )
            if await cursor.fetchone() != (0,):
                return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("erases_expired", [False, True])
async def test_an_answer_that_comes_after_its_session_was_closed_begins_the_next_one(
    room: Room, dsn: str, erases_expired: bool
) -> None:
    first = await room.say("My bicycle is red.", session="s")
    asked = await room.ask("It squeaks.", session="s")
    await let_pass(dsn, DAY)
    assert await room.expire_all(erases_expired=erases_expired) == 1
    second = await room.answer(asked)
    assert second.chat_id != first.chat_id
    assert await room.said_in(second.chat_id) == ["It squeaks.", "I see."]
    assert (await room.ask("Hm.", session="s")).found.chat_id == second.chat_id


async def test_many_workers_expire_each_session_once(room: Room, dsn: str) -> None:
    for number in range(20):
        await room.say(f"I have {number} bicycles.", session=f"s{number}")
    await let_pass(dsn, DAY)
    counts = await asyncio.gather(*(room.expire_all(erases_expired=True) for _ in range(5)))
    assert sum(counts) == 20
    async with room.database.transaction(room.tenant) as tx:
        assert (await tx.dialogues.list_page(DialogueFilter(), 50)).items == []


async def test_a_worker_that_fails_leaves_the_session_to_another(room: Room, dsn: str) -> None:
    first = await room.say("My bicycle is red.", session="s")
    await let_pass(dsn, DAY)
    claimed = await room.database.run(None, lambda tx: tx.sessions.claim_idle(DAY, RETRY_SECONDS))
    assert claimed is not None
    assert await room.expire_all() == 0
    await let_pass(dsn, int(RETRY_SECONDS))
    assert await room.expire_all() == 1
    closed = await room.dialogue(first.chat_id)
    assert closed is not None
    assert not closed.is_session_open


# Ending


async def test_the_session_of_an_ended_dialogue_starts_afresh(room: Room) -> None:
    first = await room.say("My bicycle is red.", session="s")
    in_flight = await room.ask("It squeaks.", session="s")
    await room.dialogues.end(room.caller, "alice", first.chat_id)
    second = await room.answer(in_flight)
    assert second.chat_id != first.chat_id
    assert (await room.say("What squeaks?", session="s")).chat_id == second.chat_id
    assert await room.said_in(first.chat_id) == ["My bicycle is red.", "I see."]


async def test_the_session_of_a_deleted_dialogue_is_forgotten(room: Room, dsn: str) -> None:
    first = await room.say("My bicycle is red.", session="s")
    await room.dialogues.delete(room.caller, "alice", first.chat_id, keep_facts=True)
    await let_pass(dsn, DAY)
    assert await room.expire_all() == 0


# Erasing


async def test_an_expired_session_leaves_no_row_behind_when_it_is_erased(
    room: Room, dsn: str
) -> None:
    await room.say("I live in Lisbon.", session="s")
    await room.commit_all()
    await room.say("I am allergic to peanuts.", session="s")
    async with room.database.transaction(room.tenant) as tx:
        before = await tx.namespaces.census()
    assert before["memories"] > 0
    assert before["speakers"] == 1
    assert before["commit_queue"] == before["session_expiries"] == 1
    await let_pass(dsn, DAY)
    assert await room.expire_all(erases_expired=True) == 1
    async with room.database.transaction(room.tenant) as tx:
        assert await tx.namespaces.census() == dict.fromkeys(before, 0)


async def test_facts_that_other_conversations_say_too_outlive_an_erased_session(
    room: Room, dsn: str
) -> None:
    await room.say("I live in Lisbon.", session="s")
    await room.say("I am allergic to peanuts.", session="s")
    await room.commit_all()
    kept = await room.say("I live in Lisbon.", chat_id="c")
    await room.commit_all()
    learnt = await room.facts()
    await let_pass(dsn, DAY)
    await room.expire_all(erases_expired=True)
    assert {text for text in learnt if "Lisbon" in text} == await room.facts() != learnt
    assert await room.said_in(kept.chat_id) == ["I live in Lisbon.", "I see."]


@pytest.mark.parametrize("way", ["used too late", "ended"])
async def test_a_session_that_was_closed_before_is_erased_as_well(
    room: Room, dsn: str, way: str
) -> None:
    old = await room.say("My bicycle is red.", session="s")
    if way == "ended":
        await room.dialogues.end(room.caller, "alice", old.chat_id)
    assert await room.expire_all(erases_expired=True) == 0
    await let_pass(dsn, DAY)
    new = await room.say("My bicycle is blue.", session="s")
    assert await room.expire_all(erases_expired=True) == 1
    assert await room.dialogue(old.chat_id) is None
    assert await room.said_in(new.chat_id) == ["My bicycle is blue.", "I see."]

"""Dialogues and messages below the wire: what is stored, searched and forgotten with them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.commit import CommitJob
from eunoe_server.domain.dialogue import Message, MessageFilter
from eunoe_server.domain.dialogue_draft import DialogueDraft
from eunoe_server.domain.memory import FactMention, FactRecord, NewMemory
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.question import read_question
from eunoe_server.domain.ranking import rank
from eunoe_server.domain.search_entry import (
    NewSearchEntry,
    SearchObject,
    SearchScope,
)
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import (
    DialogueNotFound,
    EmbedderUnavailable,
    StateVersionMismatch,
)
from eunoe_server.providers import Embedder, Vectors
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.commits import Committer, LeaseLost
from eunoe_server.services.dialogue_scope import existing
from eunoe_server.services.dialogue_states import DialogueStates
from eunoe_server.services.dialogues import Dialogues
from eunoe_server.services.facts import Facts
from eunoe_server.services.messages import Messages
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.usage import Meter
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.search import speakers_named
from eunoe_server.telemetry import Metrics
from tests.fixtures.database import NewTenant

NOW = datetime(2025, 6, 1, tzinfo=UTC)
LATER_SECONDS = 86_400


class Unreachable:
    """An embedder whose endpoint is down."""

    name = "remote/model"
    dimension = 256
    is_local = False

    async def embed(self, texts: Sequence[str]) -> Vectors:  # noqa: ARG002 - the protocol's name
        raise EmbedderUnavailable


def committer(database: Database, embedder: Embedder) -> Committer:
    namespaces = Namespaces(database)
    facts = Facts(database, namespaces, embedder, RulesExtractor(), Metrics())
    return Committer(database, embedder, facts, Meter(database, namespaces))


@dataclass(frozen=True, slots=True)
class Desk:
    """The services over one database, working for one caller in the namespace "alice"."""

    database: Database
    tenant: Tenant
    caller: Caller
    dialogues: Dialogues
    messages: Messages
    states: DialogueStates

    async def open(self, dialogue_id: str, *texts: str, commit_after: int = LATER_SECONDS) -> None:
        """A dialogue with these user messages, whose ids are `m0`, `m1`, …"""
        await self.dialogues.create(
            self.caller,
            "alice",
            DialogueDraft(id=dialogue_id),
            drafts(*texts),
            [f"messages[{at}]" for at in range(len(texts))],
            commit_after,
        )

    async def add(self, dialogue_id: str, *new: MessageDraft) -> Sequence[Message]:
        return await self.messages.create(self.caller, "alice", dialogue_id, new, LATER_SECONDS)

    async def found(
        self, text: str, scope: SearchScope | None = None, *, embedder: Embedder | None = None
    ) -> set[str]:
        """The texts of messages and memories that a search for `text` finds."""
        question = read_question(text, NOW)
        vector = (await embedder.embed([question.topic]))[0] if embedder else None
        async with self.database.transaction(self.tenant) as tx:
            candidates = await tx.search.candidates(
                question,
                vector,
                embedder.name if embedder else "",
                scope or SearchScope(include_uncommitted=True),
            )
            hits = [each for each in rank(candidates, question, 10) if each.relevance > 0]
            messages = await tx.messages.found(
                [each.object_key for each in hits if each.object is SearchObject.MESSAGE]
            )
            memories = await tx.memories.get_many(
                [each.object_key for each in hits if each.object is SearchObject.MEMORY]
            )
        assert len(messages.rows) + len(memories) == len(hits), "something deleted is still found"
        return {each.message.text for each in messages.rows} | {memory.text for memory in memories}

    def committer(self, embedder: Embedder) -> Committer:
        """What the worker calls for a claimed dialogue."""
        return committer(self.database, embedder)

    async def claim(self) -> CommitJob | None:
        """The commit that is due now."""

        async def work(tx: Transaction) -> Sequence[CommitJob]:
            return await tx.commits.claim(1, 30, UUID(int=7), 5)

        return next(iter(await self.database.run(None, work)), None)


def drafts(*texts: str) -> list[MessageDraft]:
    return [MessageDraft("user", f'"{text}"', id=f"m{number}") for number, text in enumerate(texts)]


def desk_of(database: Database, tenant: Tenant, embedder: Embedder) -> Desk:
    namespaces = Namespaces(database)
    messages = Messages(database, namespaces, embedder)
    return Desk(
        database,
        tenant,
        Caller("key", tenant.project_id, frozenset(Scope)),
        Dialogues(database, namespaces, messages),
        messages,
        DialogueStates(database, namespaces),
    )


@pytest.fixture
def desk(database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> Desk:
    return desk_of(database, tenant, embedder)


async def learn(desk: Desk, fact_id: str, *mentions: tuple[str, str]) -> None:
    """Stores a fact that was found in these messages, each named with its dialogue."""
    dialogue_id, message_id = mentions[0]
    fact = FactRecord(
        type="fact",
        confidence=0.9,
        subject="user",
        slot=f"user.{fact_id}",
        extractor="rules/1",
        valid_from=NOW,
        observations=len(mentions),
        source_dialogue_id=dialogue_id,
        source_message_id=message_id,
        source_role="user",
        source_start=0,
        source_end=4,
    )
    new = NewMemory(id=fact_id, value='"x"', text=f"The user has a {fact_id}.", fact=fact)

    async def work(tx: Transaction) -> None:
        (memory,) = await tx.memories.insert_many([new])
        await tx.facts.mention([FactMention(fact_id, *mention, 0, 4) for mention in mentions])
        await tx.search.insert_entries(
            [NewSearchEntry(SearchObject.MEMORY, memory.memory_key, memory.text, NOW, role="user")]
        )

    await desk.database.run(desk.tenant, work)


async def source_of(desk: Desk, fact_id: str) -> tuple[str | None, str | None] | None:
    """Where a fact says that it comes from; None: there is no such fact."""
    async with desk.database.transaction(desk.tenant) as tx:
        memories = await tx.memories.get_named([fact_id])
    if not memories:
        return None
    assert memories[0].fact is not None
    return memories[0].fact.source_dialogue_id, memories[0].fact.source_message_id


# Search


async def test_messages_are_found_in_the_next_call_and_recalled_only_after_their_commit(
    desk: Desk, embedder: WordLlamaEmbedder
) -> None:
    await desk.open("d", "My bicycle is red.", commit_after=0)
    assert await desk.found("bicycle") == {"My bicycle is red."}
    assert await desk.found("bicycle", SearchScope()) == set()
    job = await desk.claim()
    assert job is not None
    await committer(desk.database, embedder).commit(job)
    assert await desk.found("bicycle", SearchScope()) == {"My bicycle is red."}


async def test_messages_are_found_by_meaning_at_once(
    desk: Desk, embedder: WordLlamaEmbedder
) -> None:
    await desk.open("d", "My bicycle is red.", "Two cats sleep on the sofa.")
    assert "My bicycle is red." in await desk.found("bike color", embedder=embedder)


async def test_messages_are_kept_and_found_by_words_while_the_embedder_is_unreachable(
    database: Database, tenant: Tenant, embedder: WordLlamaEmbedder
) -> None:
    desk = desk_of(database, tenant, Unreachable())
    await desk.open("d", "My bicycle is red.", commit_after=0)
    assert await desk.found("bicycle") == {"My bicycle is red."}
    job = await desk.claim()
    assert job is not None
    async with database.transaction(tenant) as tx:
        assert len(await tx.search.without_vector(job.dialogue_key, embedder.name)) == 1
    await committer(database, embedder).commit(job)
    async with database.transaction(tenant) as tx:
        assert await tx.search.without_vector(job.dialogue_key, embedder.name) == []


async def test_a_search_filters_by_the_tags_and_the_metadata_of_messages(desk: Desk) -> None:
    await desk.open("d")
    await desk.add(
        "d",
        MessageDraft("user", '"red apples"', id="a", tags=["fruit"], metadata='{"price": 3}'),
        MessageDraft("user", '"red tomatoes"', id="b", metadata='{"price": 9}'),
    )
    fruit = SearchScope(include_uncommitted=True, tags_any=["fruit"])
    cheap = SearchScope(
        include_uncommitted=True,
        metadata_condition="$.price < $most",
        metadata_values='{"most": 5}',
    )
    assert await desk.found("red", fruit) == {"red apples"}
    assert await desk.found("red", cheap) == {"red apples"}
    await desk.messages.retag(desk.caller, "alice", "d", "b", ["fruit"])
    await desk.messages.retag(desk.caller, "alice", "d", "a", [])
    assert await desk.found("red", fruit) == {"red tomatoes"}


# What is stored


async def test_messages_added_one_by_one_bear_the_same_chains_as_those_added_at_once(
    desk: Desk,
) -> None:
    said = [
        MessageDraft("system", '"Be brief."'),
        MessageDraft("user", '"Hello"'),
        MessageDraft("developer", '"Be kind."'),
        MessageDraft("assistant", '"Hi"'),
        MessageDraft("user", '"Bye"'),
    ]
    for dialogue_id in ("at once", "one by one"):
        await desk.open(dialogue_id)
    await desk.add("at once", *said)
    for draft in said:
        await desk.add("one by one", draft)
    async with desk.database.transaction(desk.tenant) as tx:
        first, second = [
            await tx.messages.outline(dialogue.dialogue_key)
            for dialogue in [
                await existing(tx, dialogue_id) for dialogue_id in ("at once", "one by one")
            ]
        ]
    assert [message.chain for message in first] == [message.chain for message in second]
    assert len({message.chain for message in first}) == 4  # both instructions bear the empty one


# Deleting


async def test_a_deleted_dialogue_takes_its_search_entries_and_its_commit_with_it(
    desk: Desk,
) -> None:
    await desk.open("d", "My bicycle is red.", commit_after=0)
    await desk.open("other", "Her bicycle is blue.")
    await desk.dialogues.delete(desk.caller, "alice", "d", keep_facts=False)
    assert await desk.found("bicycle") == {"Her bicycle is blue."}
    assert await desk.claim() is None


async def test_a_commit_that_is_under_way_writes_nothing_for_a_deleted_dialogue(
    desk: Desk, embedder: WordLlamaEmbedder
) -> None:
    await desk.open("d", "My bicycle is red.", commit_after=0)
    job = await desk.claim()
    assert job is not None
    await desk.dialogues.delete(desk.caller, "alice", "d", keep_facts=False)
    with pytest.raises(LeaseLost):
        await committer(desk.database, embedder).commit(job)


async def test_facts_that_rest_on_a_deleted_dialogue_alone_go_with_it(desk: Desk) -> None:
    await desk.open("d", "one", "two")
    await desk.open("other", "two again")
    await learn(desk, "boat", ("d", "m0"), ("d", "m1"))
    await learn(desk, "house", ("d", "m1"), ("other", "m0"))
    await desk.dialogues.delete(desk.caller, "alice", "d", keep_facts=False)
    assert await source_of(desk, "boat") is None
    assert await source_of(desk, "house") == (None, None)
    assert await desk.found("boat house") == {"The user has a house."}
    await learn(desk, "boat", ("other", "m0"))  # its id is free again


async def test_facts_are_kept_when_the_caller_says_so_and_lose_their_provenance(
    desk: Desk,
) -> None:
    await desk.open("d", "one")
    await learn(desk, "boat", ("d", "m0"))
    await desk.dialogues.delete(desk.caller, "alice", "d", keep_facts=True)
    assert await source_of(desk, "boat") == (None, None)
    assert await desk.found("boat") == {"The user has a boat."}


async def test_a_deleted_message_takes_what_was_learnt_from_it_and_nothing_else(
    desk: Desk,
) -> None:
    await desk.open("d", "My boat is old.", "My house is new.")
    await learn(desk, "boat", ("d", "m0"))
    await learn(desk, "house", ("d", "m1"))
    await desk.messages.delete(desk.caller, "alice", "d", "m0")
    assert await source_of(desk, "boat") is None
    assert await source_of(desk, "house") == ("d", "m1")
    assert await desk.found("boat house") == {"My house is new.", "The user has a house."}


@pytest.mark.parametrize("deleted", ["dialogue", "message"])
async def test_the_name_of_whom_nothing_is_left_goes_also_where_a_fact_bore_it(
    desk: Desk, embedder: WordLlamaEmbedder, deleted: str
) -> None:
    said = MessageDraft("user", '"I live in Lisbon."', id="m0", name="Ana")
    await desk.dialogues.create(
        desk.caller, "alice", DialogueDraft(id="d"), [said], ["messages[0]"], 0
    )
    job = await desk.claim()
    assert job is not None
    await committer(desk.database, embedder).commit(job)
    assert await desk.found("Lisbon") == {"I live in Lisbon.", "Ana lives in Lisbon."}
    if deleted == "dialogue":
        await desk.dialogues.delete(desk.caller, "alice", "d", keep_facts=False)
    else:
        await desk.messages.delete(desk.caller, "alice", "d", "m0")
    assert await desk.database.ask(desk.tenant, speakers_named(desk.tenant, ["ana"])) == []


# Commits


async def test_ending_a_dialogue_makes_its_commit_due_at_once(desk: Desk) -> None:
    await desk.open("d", "My bicycle is red.")
    assert await desk.claim() is None
    await desk.dialogues.end(desk.caller, "alice", "d")
    assert await desk.claim() is not None


async def test_an_empty_dialogue_has_nothing_to_commit(desk: Desk) -> None:
    await desk.open("d", commit_after=0)
    await desk.dialogues.end(desk.caller, "alice", "d")
    assert await desk.claim() is None


# Two at once


async def test_appends_at_once_are_all_stored_in_whole_calls(desk: Desk) -> None:
    await desk.open("d")
    calls = [
        [MessageDraft("user", f'"{call}.{number}"') for number in range(10)] for call in range(12)
    ]
    await asyncio.gather(*(desk.add("d", *call) for call in calls))
    page = await desk.messages.list_page(
        desk.caller, "alice", "d", MessageFilter(), limit=200, token="", newest_first=False
    )
    stored = [message.text for message in page.items]
    assert [message.position for message in page.items] == list(range(120))
    whole = [stored[at : at + 10] for at in range(0, 120, 10)]
    assert sorted(whole) == sorted(
        [f"{call}.{number}" for number in range(10)] for call in range(12)
    )


async def test_of_two_writers_that_name_the_same_version_one_wins(desk: Desk) -> None:
    await desk.open("d")
    for version in range(5):
        results = await asyncio.gather(
            *(
                desk.states.put(desk.caller, "alice", "d", f'{{"n":{number}}}', version)
                for number in range(4)
            ),
            *(
                desk.states.patch(desk.caller, "alice", "d", f'{{"m":{number}}}', version)
                for number in range(4)
            ),
            return_exceptions=True,
        )
        won = [each for each in results if not isinstance(each, BaseException)]
        assert [each.state_version for each in won] == [version + 1]
        lost = [each for each in results if isinstance(each, BaseException)]
        assert all(isinstance(each, StateVersionMismatch) for each in lost)
        assert (await desk.states.get(desk.caller, "alice", "d")).state == won[0].state


async def test_patches_at_once_that_name_no_version_all_count(desk: Desk) -> None:
    await desk.open("d")
    await asyncio.gather(
        *(
            desk.states.patch(desk.caller, "alice", "d", f'{{"k{number}":{number}}}', None)
            for number in range(20)
        )
    )
    dialogue = await desk.states.get(desk.caller, "alice", "d")
    assert dialogue.state_version == 20
    members = sorted(dialogue.state.strip("{}").split(","))
    assert members == sorted(f'"k{number}":{number}' for number in range(20))


# Paging


async def test_ten_thousand_messages_page_through_in_order_while_others_are_appended(
    desk: Desk,
) -> None:
    await desk.open("d")
    for thousand in range(10):
        await desk.add(
            "d",
            *(MessageDraft("tool", f'"{thousand * 1000 + number}"') for number in range(1000)),
        )
    chance = random.Random(7)  # noqa: S311 - page sizes
    seen: list[str] = []
    token: str | None = ""
    appended = 0
    while token is not None and len(seen) < 10_000:
        await desk.add("d", MessageDraft("tool", f'"{10_000 + appended}"'))
        appended += 1
        page = await desk.messages.list_page(
            desk.caller,
            "alice",
            "d",
            MessageFilter(),
            limit=chance.randint(1, 200),
            token=token,
            newest_first=False,
        )
        seen += [message.text for message in page.items]
        token = page.next_token
    assert seen == [str(number) for number in range(len(seen))]
    assert len(seen) >= 10_000


async def test_paging_backwards_shows_what_was_there_at_its_start(desk: Desk) -> None:
    await desk.open("d", *(str(number) for number in range(30)))
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = await desk.messages.list_page(
            desk.caller, "alice", "d", MessageFilter(), limit=7, token=token, newest_first=True
        )
        await desk.add("d", MessageDraft("user", '"late"'))
        seen += [message.text for message in page.items]
        token = page.next_token
    assert seen == [str(number) for number in reversed(range(30))]


# Isolation


async def test_another_project_has_no_dialogue_of_ours(
    desk: Desk, new_tenant: NewTenant, embedder: WordLlamaEmbedder
) -> None:
    await desk.open("d", "secret")
    stranger = desk_of(desk.database, await new_tenant("alice", "another"), embedder)
    for call in (
        stranger.dialogues.get(stranger.caller, "alice", "d", 50),
        stranger.dialogues.end(stranger.caller, "alice", "d"),
        stranger.dialogues.delete(stranger.caller, "alice", "d", keep_facts=False),
        stranger.messages.get(stranger.caller, "alice", "d", "m0"),
        stranger.messages.delete(stranger.caller, "alice", "d", "m0"),
        stranger.states.put(stranger.caller, "alice", "d", "{}", None),
        stranger.add("d", *drafts("mine")),
    ):
        with pytest.raises(DialogueNotFound):
            await call
    assert (await desk.dialogues.get(desk.caller, "alice", "d", 50)).dialogue.total_messages == 1

"""Learning on a real Postgres: once, whatever fails or happens at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest

from eunoe_server.domain.caller import Caller, Scope
from eunoe_server.domain.commit import CommitJob
from eunoe_server.domain.dialogue import Dialogue, NewDialogue, NewMessage
from eunoe_server.domain.fact import ExtractionMessage
from eunoe_server.domain.memory import Memory, MemoryFilter
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.open_transaction import assert_no_transaction
from eunoe_server.domain.question import read_question
from eunoe_server.domain.ranking import rank
from eunoe_server.domain.search_entry import SearchObject, SearchScope
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers.extractors import (
    ExtractionResult,
    ExtractorUnavailable,
    FactExtractor,
)
from eunoe_server.providers.extractors.llm import LlmExtractor
from eunoe_server.providers.extractors.rules import RulesExtractor
from eunoe_server.providers.openai import OpenAIChatModel
from eunoe_server.providers.wordllama import WordLlamaEmbedder
from eunoe_server.services.commits import Committer, LeaseLost
from eunoe_server.services.facts import Facts
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.usage import Meter
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import Metrics
from eunoe_server.workers.commit_worker import CommitWorker, WorkerOptions
from tests.fixtures.database import at_once
from tests.fixtures.upstream import Reply, Upstream, error_reply, json_reply

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
HISTORY = MemoryFilter(is_fact=True, include_superseded=True)


class Watching(RulesExtractor):
    """The real one, failing where a database connection is held while it works."""

    async def extract(self, messages: Sequence[ExtractionMessage]) -> ExtractionResult:
        assert_no_transaction()
        return await super().extract(messages)


@dataclass(frozen=True, slots=True)
class Desk:
    """One namespace, in which conversations are held and committed."""

    database: Database
    tenant: Tenant
    embedder: WordLlamaEmbedder
    extractor: FactExtractor
    metrics: Metrics

    @property
    def facts(self) -> Facts:
        return Facts(
            self.database, Namespaces(self.database), self.embedder, self.extractor, self.metrics
        )

    @property
    def committer(self) -> Committer:
        meter = Meter(self.database, Namespaces(self.database))
        return Committer(self.database, self.embedder, self.facts, meter)

    async def says(self, dialogue_id: str, *texts: str, role: str = "user") -> Dialogue:
        """Adds messages to a dialogue, opened if need be, whose commit is then due."""
        numbers = count()

        async def work(tx: Transaction) -> Dialogue:
            dialogue = await tx.dialogues.insert_if_absent(NewDialogue(id=dialogue_id))
            dialogue = dialogue or await tx.dialogues.get(dialogue_id)
            assert dialogue is not None
            start = dialogue.next_position
            await tx.messages.append(
                dialogue, [message(f"m{start + next(numbers)}", role, text) for text in texts]
            )
            await at_once(tx, tx.commits.arming(dialogue.dialogue_key, 0))
            return dialogue

        return await self.database.run(self.tenant, work)

    async def claim(self) -> CommitJob:
        async def work(tx: Transaction) -> Sequence[CommitJob]:
            return await tx.commits.claim(1, 30, uuid4(), 5)

        (job,) = await self.database.run(None, work)
        return job

    async def commit(self) -> None:
        """Commits what is due longest."""
        await self.committer.commit(await self.claim())

    async def memories(self, wanted: MemoryFilter = HISTORY) -> list[Memory]:
        async with self.database.transaction(self.tenant) as tx:
            page = await tx.memories.list_page(wanted, 200, newest_first=False)
        return list(page.items)

    async def known(self) -> list[str]:
        """What holds now."""
        return [memory.text for memory in await self.memories(MemoryFilter(is_fact=True))]

    async def found(self, text: str) -> list[str]:
        """The facts that a search finds."""
        question = read_question(text, NOW)
        vector = (await self.embedder.embed([question.topic]))[0]
        scope = SearchScope(objects=frozenset({SearchObject.MEMORY}))
        async with self.database.transaction(self.tenant) as tx:
            candidates = await tx.search.candidates(question, vector, self.embedder.name, scope)
            keys = [each.object_key for each in rank(candidates, question, 10)]
            stored = {each.memory_key: each for each in await tx.memories.get_many(keys)}
        return [stored[key].text for key in keys]


def message(message_id: str, role: str, text: str) -> NewMessage:
    return NewMessage(
        id=message_id,
        role=role,
        body=json.dumps({"role": role, "content": text}),
        text=text,
        digest=uuid4().bytes,
        chain=uuid4().bytes,
        token_estimate=1,
    )


@pytest.fixture
def desk(database: Database, tenant: Tenant, embedder: WordLlamaEmbedder) -> Desk:
    return Desk(database, tenant, embedder, Watching(), Metrics())


@pytest.fixture
async def modelled(desk: Desk, upstream: Upstream) -> AsyncIterator[Desk]:
    """A desk whose facts are found by the model behind `upstream`."""
    model = OpenAIChatModel(
        upstream.base_url, "key", connect_seconds=1, first_byte_seconds=5, idle_seconds=5
    )
    yield Desk(desk.database, desk.tenant, desk.embedder, LlmExtractor(model, "any"), desk.metrics)
    await model.aclose()


def model_says(content: object) -> Reply:
    text = content if isinstance(content, str) else json.dumps(content)
    return json_reply(
        {
            "choices": [{"message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42},
        }
    )


async def test_a_commit_teaches_what_the_user_said_and_search_finds_it(desk: Desk) -> None:
    await desk.says("d", "I live in Paris.", "I love chess.")
    await desk.says("d", "I live in Rome, says the assistant.", role="assistant")
    await desk.commit()
    assert await desk.known() == ["The user lives in Paris.", "The user loves chess."]
    paris, chess = await desk.memories()
    assert paris.fact is not None
    assert chess.fact is not None
    assert (paris.fact.source_dialogue_id, paris.fact.source_message_id) == ("d", "m0")
    assert chess.fact.source_message_id == "m1"
    assert (await desk.found("Where does the user live?"))[0] == "The user lives in Paris."
    assert desk.metrics.facts.labels("created")._value.get() == 2


async def test_a_message_that_re_arms_a_dialogue_teaches_alone(desk: Desk) -> None:
    await desk.says("d", "I love chess.")
    await desk.commit()
    await desk.says("d", "I love tea.")
    await desk.commit()
    chess, tea = await desk.memories()
    assert chess.fact is not None
    assert (chess.fact.observations, tea.text) == (1, "The user loves tea.")


async def test_a_message_that_says_a_thing_twice_is_one_observation(desk: Desk) -> None:
    await desk.says("d", "I love chess. Did I say that? I love chess.")
    await desk.says("d", "I love chess.")
    await desk.commit()
    (chess,) = await desk.memories()
    assert chess.fact is not None
    assert chess.fact.observations == 2


async def test_commits_at_once_in_a_namespace_keep_one_fact(desk: Desk) -> None:
    names = [f"d{number}" for number in range(8)]
    for name in names:
        await desk.says(name, "I love chess.")
    jobs = [await desk.claim() for _ in names]
    committer = desk.committer
    await asyncio.gather(*(committer.commit(job) for job in jobs))
    (chess,) = await desk.memories()
    assert chess.fact is not None
    assert chess.fact.observations == len(names)
    assert await desk.found("chess") == ["The user loves chess."]


async def test_who_lost_the_lease_teaches_nothing(desk: Desk) -> None:
    await desk.says("d", "I love chess.")
    job = await desk.claim()
    await desk.database.run(None, lambda tx: tx.commits.release(job))
    with pytest.raises(LeaseLost):
        await desk.committer.commit(job)
    assert await desk.memories() == []
    await desk.commit()
    assert await desk.known() == ["The user loves chess."]


class Meanwhile(RulesExtractor):
    """Lets something happen while facts are being found."""

    def __init__(self, happens: Callable[[], Awaitable[None]]) -> None:
        self._happens = happens

    async def extract(self, messages: Sequence[ExtractionMessage]) -> ExtractionResult:
        await self._happens()
        return await super().extract(messages)


async def test_what_is_superseded_or_deleted_while_it_is_read_teaches_nothing(desk: Desk) -> None:
    dialogue = await desk.says("d", "I live in Paris.", "I love chess.", "I love tea.")
    key = dialogue.dialogue_key

    async def work(tx: Transaction) -> None:
        await tx.messages.supersede(key, [0])
        await tx.messages.delete(key, "m2")

    busy = Desk(
        desk.database,
        desk.tenant,
        desk.embedder,
        Meanwhile(lambda: desk.database.run(desk.tenant, work)),
        desk.metrics,
    )
    await busy.commit()
    assert [memory.text for memory in await desk.memories()] == ["The user loves chess."]


async def test_of_a_superseded_branch_the_next_commit_closes_the_facts(desk: Desk) -> None:
    dialogue = await desk.says("d", "I live in Paris.", "I moved to Berlin.")
    await desk.commit()
    assert await desk.known() == ["The user moved to Berlin."]
    await desk.database.run(
        desk.tenant, lambda tx: tx.messages.supersede(dialogue.dialogue_key, [1])
    )
    await desk.says("d", "I love chess.")
    await desk.commit()
    assert await desk.known() == ["The user lives in Paris.", "The user loves chess."]
    assert "The user moved to Berlin." not in await desk.found("Berlin")
    assert "The user lives in Paris." in await desk.found("Where does the user live?")
    assert len(await desk.memories()) == 3


async def test_a_closed_fact_is_found_no_more(desk: Desk) -> None:
    await desk.says("d", "I live in Paris.")
    await desk.commit()
    await desk.says("e", "I moved to Berlin.")
    await desk.commit()
    assert await desk.found("Where does the user live?") == ["The user moved to Berlin."]


async def test_a_model_that_cannot_be_reached_delays_a_commit_and_loses_nothing(
    modelled: Desk, upstream: Upstream
) -> None:
    await modelled.says("d", "I love chess.")
    upstream.script(error_reply(503, "busy"))
    job = await modelled.claim()
    with pytest.raises(ExtractorUnavailable):
        await modelled.committer.commit(job)
    async with modelled.database.transaction(modelled.tenant) as tx:
        assert len(await tx.messages.uncommitted(job.dialogue_key)) == 1
    fact = {
        "message": 0, "quote": "I love chess", "text": "The user loves chess.",
        "type": "preference", "confidence": 0.9, "attribute": "likes", "object": "chess",
        "is_negated": False, "operation": "assert",
    }  # fmt: skip
    upstream.script(model_says({"facts": [fact]}))
    await modelled.database.run(None, lambda tx: tx.commits.release(job))
    await modelled.commit()
    assert await modelled.known() == ["The user loves chess."]
    assert modelled.metrics.extraction_tokens._value.get() == 42


@pytest.mark.parametrize("answer", ["no JSON", {"facts": 7}, "[" * 100_000])
async def test_a_malformed_answer_never_breaks_a_commit_and_is_counted(
    modelled: Desk, upstream: Upstream, answer: object
) -> None:
    dialogue = await modelled.says("d", "I love chess.")
    upstream.script(model_says(answer))
    await modelled.commit()
    assert await modelled.memories() == []
    assert modelled.metrics.incomplete_extractions._value.get() == 1
    async with modelled.database.transaction(modelled.tenant) as tx:
        assert await tx.messages.uncommitted(dialogue.dialogue_key) == []


async def test_the_worker_tries_again_after_a_failure_of_the_model(
    modelled: Desk, upstream: Upstream
) -> None:
    upstream.script(error_reply(500, "broken"), model_says({"facts": []}))
    dialogue = await modelled.says("d", "I love chess.")
    options = WorkerOptions(concurrency=1, poll_seconds=0.05, lease_seconds=30, max_attempts=5)
    worker = CommitWorker(modelled.database, modelled.committer, options, modelled.metrics)

    async def is_committed() -> bool:
        async with modelled.database.transaction(modelled.tenant) as tx:
            return not await tx.messages.uncommitted(dialogue.dialogue_key)

    async with worker.running():
        while not await is_committed():  # noqa: ASYNC110 - it happens in the database
            await asyncio.sleep(0.05)
    assert modelled.metrics.commits.labels("failed")._value.get() == 1
    assert modelled.metrics.commits.labels("committed")._value.get() == 1


async def test_an_extraction_in_a_namespace_nobody_knows_is_rehearsed_without_making_it(
    desk: Desk,
) -> None:
    caller = Caller("key", desk.tenant.project_id, frozenset(Scope))
    drafts = [MessageDraft("user", '"I love chess."')]
    extraction = await desk.facts.extract(caller, "nobody", drafts, dry_run=True)
    assert [each.memory.text for each in extraction.learnt] == ["The user loves chess."]
    assert await Namespaces(desk.database).find(desk.tenant.project_id, "nobody") is None
    await desk.facts.extract(caller, "nobody", [MessageDraft("user", '"Hello!"')])
    assert await Namespaces(desk.database).find(desk.tenant.project_id, "nobody") is None


async def test_a_named_speaker_s_facts_are_theirs(desk: Desk) -> None:
    caller = Caller("key", desk.tenant.project_id, frozenset(Scope))
    drafts = [
        MessageDraft("user", '"I live in Paris."', name="Caroline", created_at=NOW),
        MessageDraft("user", '"I live in Oslo."', name="Melanie", created_at=NOW),
    ]
    extraction = await desk.facts.extract(caller, "alice", drafts)
    assert [(each.memory.text, each.outcome) for each in extraction.learnt] == [
        ("Caroline lives in Paris.", "created"),
        ("Melanie lives in Oslo.", "created"),
    ]
    assert (await desk.found("Where does Melanie live?"))[0] == "Melanie lives in Oslo."

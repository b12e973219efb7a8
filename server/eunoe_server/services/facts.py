"""Facts: found in what people say, and learnt once.

Finding is slow and happens with no connection held; learning happens in the transaction that also
says that the messages were committed, so a fact is counted once however often a commit is tried.
Who learns in a namespace holds its lock: two who hear the same thing at once keep one fact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
import uuid_utils

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.fact import ExtractionMessage, Fact
from eunoe_server.domain.fact_memory import (
    NO_BELONGINGS,
    Belongings,
    SaidIn,
    as_changed,
    mentions,
    new_memory,
    texts_to_embed,
    unsaved,
)
from eunoe_server.domain.filterable import filterable
from eunoe_server.domain.idempotency import current_repeat
from eunoe_server.domain.learning import Lesson, Outcome, learn
from eunoe_server.domain.limit_table import MAX_MESSAGES
from eunoe_server.domain.limits import checked_metadata, checked_tags
from eunoe_server.domain.memory import Memory
from eunoe_server.domain.memory_draft import search_text
from eunoe_server.domain.message_draft import MessageDraft
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.search_entry import Vector
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import InvalidInput
from eunoe_server.providers import Embedder
from eunoe_server.providers.extractors import ExtractionResult, FactExtractor
from eunoe_server.services.indexing import memory_entry, vectors_of
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.threads import read_apart
from eunoe_server.services.usage import count
from eunoe_server.services.withdrawal import show
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import Metrics

log = structlog.get_logger()


#: Who may say something that matters to a fact; instructions and tool traffic may not.
HEARD_ROLES = frozenset({"user", "assistant"})


@dataclass(frozen=True, slots=True)
class Learnt:
    """What became of something that was found."""

    memory: Memory
    outcome: Outcome
    superseded_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extraction:
    """What messages taught, and what finding it cost."""

    learnt: Sequence[Learnt]
    extractor: str
    tokens_used: int


class Facts:
    """Finds and learns facts in all namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        embedder: Embedder,
        extractor: FactExtractor,
        metrics: Metrics,
        *,
        screen: Screen = NO_SCREEN,
        new_id: Callable[[], str] = lambda: str(uuid_utils.uuid7()),
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._embedder = embedder
        self._extractor = extractor
        self._metrics = metrics
        self._screen = screen
        self._new_id = new_id

    async def extract(
        self,
        caller: Caller,
        namespace: str | None,
        drafts: Sequence[MessageDraft],
        *,
        tags: Sequence[str] = (),
        metadata: str = "",
        dry_run: bool = False,
    ) -> Extraction:
        """Learns from messages that are not kept themselves; on a dry run nothing is learnt.

        Raises InvalidInput, MissingParameter, ExtractorUnavailable.
        """
        name = caller.namespace_for(namespace)
        if (done := current_repeat()) is not None:
            again = await self._namespaces.write(
                caller.project_id, name, _learnt_before, _learnt_before
            )
            return Extraction(again, self._extractor.name, json.loads(done.outcome)["tokens"])
        belongings = Belongings(
            self._screen.tags(checked_tags(tags)),
            self._screen.document(checked_metadata(metadata), "metadata"),
        )
        found = await self.find(await self._heard(drafts), name)
        learnt: Sequence[Learnt] = []
        if dry_run:
            learnt = await self._rehearse(caller.project_id, name, found.facts, belongings)
        elif found.facts:
            vectors = await self._vectors(found.facts, belongings)

            async def work(tx: Transaction) -> Sequence[Learnt]:
                learnt = await self.learn(tx, found.facts, vectors, belongings=belongings)
                await tx.idempotency.note(_noted(learnt, found.tokens_used))
                return learnt

            learnt = await self._namespaces.write(caller.project_id, name, work, _learnt_before)
            self.count(learnt)
            created = sum(each.outcome is Outcome.CREATED for each in learnt)
            count(name, Usage(writes=created))
        return Extraction(learnt, self._extractor.name, found.tokens_used)

    async def find(
        self, messages: Sequence[ExtractionMessage], namespace: str | int
    ) -> ExtractionResult:
        """The facts in messages of a namespace, named or by its key. Raises ExtractorUnavailable.

        The namespace is charged for it, and nothing else.
        """
        if not any(message.role == "user" and message.text for message in messages):
            return ExtractionResult()
        found = await self._extractor.extract(messages)
        self._metrics.extraction_tokens.inc(found.tokens_used)
        count(
            namespace,
            Usage(
                extraction_prompt_tokens=found.tokens_used - found.answer_tokens,
                extraction_completion_tokens=found.answer_tokens,
            ),
        )
        if found.is_incomplete:
            log.warning("extraction incomplete", messages=len(messages), found=len(found.facts))
            self._metrics.incomplete_extractions.inc()
        return found

    async def learn(
        self,
        tx: Transaction,
        found: Sequence[Fact],
        vectors: Mapping[str, Vector],
        *,
        said_in: SaidIn | None = None,
        belongings: Belongings = NO_BELONGINGS,
    ) -> Sequence[Learnt]:
        """Keeps what was found, in a transaction of the namespace.

        `vectors` are by the text that is searched; where one is missing, words have to do.
        """
        if not found:
            return []
        lesson = await self._lesson(tx, found)
        created = await tx.memories.insert_many(
            [new_memory(kept, fact, belongings, said_in) for kept, fact in lesson.inserted]
        )
        metadata = filterable(belongings.metadata)
        await tx.search.insert_entries(
            [
                memory_entry(
                    memory, search_text(memory), metadata, vectors.get(search_text(memory)),
                    self._embedder.name,
                )
                for memory in created
            ]
        )  # fmt: skip
        changed = await tx.facts.change(lesson.changed)
        await show(tx, {each.memory_key: each.is_current for each in changed})
        await show(
            tx,
            {each.memory_key: False for each in created if each.fact and each.fact.superseded_at},
        )
        if said_in is not None:
            await tx.facts.mention(mentions(lesson, said_in))
        now = [*created, *await tx.memories.get_many([each.memory_key for each in changed])]
        return _answered(lesson, {memory.id: memory for memory in now})

    def count(self, learnt: Sequence[Learnt]) -> None:
        """Counts what was learnt, once its transaction is committed."""
        for each in learnt:
            self._metrics.facts.labels(each.outcome).inc()

    async def _lesson(self, tx: Transaction, found: Sequence[Fact]) -> Lesson:
        await tx.facts.lock()
        known = await tx.facts.known(
            [*{fact.slot for fact in found}], [*{fact.text for fact in found}]
        )
        return learn(known, found, self._new_id)

    async def _rehearse(
        self, project_id: int, name: str, found: Sequence[Fact], belongings: Belongings
    ) -> Sequence[Learnt]:
        """What would be learnt. New memories have no ids yet."""
        tenant = await self._namespaces.find(project_id, name)
        if tenant is None:
            lesson, stored = learn((), found, self._new_id), {}
        else:
            async with self._database.transaction(tenant) as tx:
                lesson = await self._lesson(tx, found)
                memories = await tx.memories.get_named([fact.id for fact in lesson.changed])
                stored = {memory.id: memory for memory in memories}
        now = self._database.now()
        shown = {fact.id: as_changed(stored[fact.id], fact) for fact in lesson.changed}
        shown |= {
            kept.id: unsaved(new_memory(kept, fact, belongings), name, now)
            for kept, fact in lesson.inserted
        }
        return _answered(lesson, shown)

    async def _heard(self, drafts: Sequence[MessageDraft]) -> Sequence[ExtractionMessage]:
        """The messages as extractors read them. Raises InvalidInput, MissingParameter."""
        if len(drafts) > MAX_MESSAGES:
            raise InvalidInput.of("messages", f"must be at most {MAX_MESSAGES:,}")
        now = self._database.now()

        def read() -> Sequence[ExtractionMessage]:
            accepted = [
                self._screen.message(draft, "", f"messages[{at}]")
                for at, draft in enumerate(drafts)
            ]
            return [
                ExtractionMessage(
                    at, message.role, message.text, message.created_at or now, message.name or ""
                )
                for at, message in enumerate(accepted)
                if message.role in HEARD_ROLES
            ]

        return await read_apart(sum(len(draft.content) for draft in drafts), read)

    async def _vectors(self, found: Sequence[Fact], belongings: Belongings) -> Mapping[str, Vector]:
        texts = texts_to_embed(found, belongings)
        made = await vectors_of(self._embedder, texts)
        return {} if made is None else dict(zip(texts, made, strict=True))


def _noted(learnt: Sequence[Learnt], tokens_used: int) -> str:
    """What a repeat cannot read from the memories: ids that we made, and what became of them."""
    effects = [[each.memory.id, each.outcome, each.superseded_ids] for each in learnt]
    return json.dumps({"tokens": tokens_used, "effects": effects})


async def _learnt_before(tx: Transaction) -> Sequence[Learnt]:
    """What was learnt when this was asked first, as it is now; what was erased since is missing."""
    repeated = current_repeat()
    effects = json.loads(repeated.outcome)["effects"] if repeated else []
    found = await tx.memories.get_named([memory_id for memory_id, _, _ in effects])
    memories = {memory.id: memory for memory in found}
    return [
        Learnt(memories[memory_id], Outcome(outcome), tuple(superseded_ids))
        for memory_id, outcome, superseded_ids in effects
        if memory_id in memories
    ]


def _answered(lesson: Lesson, memories: Mapping[str, Memory]) -> Sequence[Learnt]:
    """Effects with the memories as they are in the end. What has no id yet is not named."""
    unnamed = {fact_id for fact_id, memory in memories.items() if not memory.id}
    return [
        Learnt(
            memories[effect.fact_id],
            effect.outcome,
            tuple(each for each in effect.superseded_ids if each not in unnamed),
        )
        for effect in lesson.effects
    ]

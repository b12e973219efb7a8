"""Facts as the memories they are kept as.

A fact's value is its sentence, as a JSON string. Where it was said is kept with the fact that was
said first, and beside each fact as a mention for every message that says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from eunoe_server.domain.fact import Fact, KnownFact, Operation
from eunoe_server.domain.learning import Lesson, Outcome
from eunoe_server.domain.memory import FactMention, FactRecord, Memory, NewMemory
from eunoe_server.domain.memory_draft import search_text


@dataclass(frozen=True, slots=True)
class Belongings:
    """What is put on every memory that is created."""

    tags: tuple[str, ...] = ()
    #: A JSON object as text.
    metadata: str = "{}"


NO_BELONGINGS = Belongings()


@dataclass(frozen=True, slots=True)
class SaidIn:
    """Where the messages are that facts were found in."""

    dialogue_id: str
    #: By message index.
    message_ids: Mapping[int, str]


def new_memory(
    kept: KnownFact, fact: Fact, belongings: Belongings, said_in: SaidIn | None = None
) -> NewMemory:
    """The memory of a fact that is new; `fact` is what was found of it first."""
    where = fact.provenance
    return NewMemory(
        id=kept.id,
        value=msgspec.json.encode(kept.text).decode(),
        text=kept.text,
        tags=belongings.tags,
        metadata=belongings.metadata,
        fact=FactRecord(
            type=kept.type,
            confidence=kept.confidence,
            subject=fact.subject,
            slot=kept.slot,
            slot_value=kept.value,
            is_negated=kept.is_negated,
            extractor=fact.extractor,
            valid_from=kept.valid_from,
            last_said_at=kept.last_said_at,
            valid_to=kept.valid_to,
            superseded_by=kept.superseded_by,
            observations=kept.observations,
            source_dialogue_id=said_in.dialogue_id if said_in else None,
            source_message_id=said_in.message_ids[where.message_index] if said_in else None,
            source_role=where.role,
            source_start=where.start,
            source_end=where.end,
        ),
    )


def mentions(lesson: Lesson, said_in: SaidIn) -> Sequence[FactMention]:
    """Which message says, or takes back, which fact."""
    return [
        FactMention(
            fact_id=effect.fact_id,
            dialogue_id=said_in.dialogue_id,
            message_id=said_in.message_ids[effect.found.provenance.message_index],
            start=effect.found.provenance.start,
            end=effect.found.provenance.end,
            is_retraction=effect.outcome is Outcome.RETRACTED,
        )
        for effect in lesson.effects
    ]


def unsaved(new: NewMemory, namespace: str, now: datetime) -> Memory:
    """A memory that would be kept. It has no id, nor has what would take its place."""
    return Memory(
        namespace_key=0,
        memory_key=0,
        namespace=namespace,
        id="",
        value=new.value,
        text=new.text,
        label=None,
        description=None,
        tags=new.tags,
        metadata=new.metadata,
        created_at=now,
        modified_at=now,
        fact=replace(new.fact, superseded_by=None) if new.fact else None,
    )


def as_changed(memory: Memory, kept: KnownFact) -> Memory:
    """A fact's memory with what a merge changed of it."""
    if memory.fact is None:
        return memory
    return replace(
        memory,
        fact=replace(
            memory.fact,
            confidence=kept.confidence,
            observations=kept.observations,
            valid_from=kept.valid_from,
            last_said_at=kept.last_said_at,
            valid_to=kept.valid_to,
            superseded_by=kept.superseded_by,
        ),
    )


def texts_to_embed(found: Sequence[Fact], belongings: Belongings = NO_BELONGINGS) -> list[str]:
    """What memories of these facts will be searched by, each once."""
    asserted = [fact for fact in found if fact.operation is Operation.ASSERT]
    return list(
        dict.fromkeys(
            search_text(NewMemory("", "", fact.text, tags=belongings.tags)) for fact in asserted
        )
    )

"""Memories: what is kept for good. A fact is a memory that was extracted from a conversation.

Values never change. A memory changes its tags; a fact is strengthened or superseded, never edited.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FactRecord:
    """What a memory has when it was extracted (seed 004; DESIGN section 7)."""

    #: preference, fact, experience, goal or relationship.
    type: str
    #: 0 to 1.
    confidence: float
    #: Whom or what it is about.
    subject: str
    #: What two facts share when they repeat or contradict each other, such as `user.home`.
    slot: str
    #: `rules/1`: who found it, and in which version.
    extractor: str
    #: From when on it holds in the world, as far as is known.
    valid_from: datetime
    #: What fills an exclusive slot, normalised: `paris`.
    slot_value: str = ""
    is_negated: bool = False
    #: When it was said last; None: when it began.
    last_said_at: datetime | None = None
    #: Until when; None while it holds.
    valid_to: datetime | None = None
    #: The id of the memory that took its place.
    superseded_by: str | None = None
    #: When the server learnt that it no longer holds; None while it is current.
    superseded_at: datetime | None = None
    #: How often it was said.
    observations: int = 1
    #: Where it was said first; None when it came from outside any dialogue.
    source_dialogue_id: str | None = None
    source_message_id: str | None = None
    source_role: str | None = None
    #: Characters of the message's text, end exclusive.
    source_start: int | None = None
    source_end: int | None = None


@dataclass(frozen=True, slots=True)
class FactMention:
    """A message that a fact rests on, or that takes it back."""

    #: The memory's id.
    fact_id: str
    dialogue_id: str
    message_id: str
    #: Characters of the message's text, end exclusive.
    start: int
    end: int
    is_retraction: bool = False


@dataclass(frozen=True, slots=True)
class NewMemory:
    """A memory to be stored in the transaction's namespace."""

    id: str
    #: Any JSON value as text, verbatim.
    value: str
    #: What of it can be read and searched; no NUL, no lone surrogate.
    text: str
    label: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()
    #: A JSON object as text.
    metadata: str = "{}"
    fact: FactRecord | None = None
    #: None: the database's clock.
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """A stored memory."""

    namespace_key: int
    memory_key: int
    namespace: str
    id: str
    value: str
    text: str
    label: str | None
    description: str | None
    tags: tuple[str, ...]
    metadata: str
    created_at: datetime
    modified_at: datetime
    #: None: somebody stored it explicitly.
    fact: FactRecord | None


@dataclass(frozen=True, slots=True)
class MemoryFilter:
    """What a list of memories holds. Absent fields do not filter."""

    created_from: datetime | None = None
    #: Exclusive.
    created_before: datetime | None = None
    #: True: facts only; False: explicit memories only.
    is_fact: bool | None = None
    fact_type: str | None = None
    min_confidence: float | None = None
    #: Facts that held at this moment instead of now.
    as_of: datetime | None = None
    #: Also facts that no longer hold.
    include_superseded: bool = False


#: All that is remembered and holds now.
ALL_MEMORIES = MemoryFilter()

"""Memories and facts as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Required, TypedDict

from eunoe._json import JsonValue, dumps, loads, optional_object
from eunoe._moment import from_timestamp, optional_moment, to_timestamp
from eunoe._uuid7 import uuid7
from eunoe.v1 import memory_pb2

FactType = Literal["preference", "fact", "experience", "goal", "relationship"]


@dataclass(frozen=True, slots=True)
class FactSource:
    """Where a fact was found: which words of which message."""

    dialogue_id: str | None
    message_id: str | None
    role: str
    start_character: int
    end_character: int
    extractor: str


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a memory that was found in messages."""

    #: preference, fact, experience, goal or relationship
    type: str
    #: 0 to 1
    confidence: float
    valid_from: datetime | None
    #: None while it holds.
    valid_to: datetime | None
    superseded_by: str | None
    observation_count: int
    source: FactSource


@dataclass(frozen=True, slots=True)
class Memory:
    """Something remembered."""

    id: str
    namespace: str | None
    label: str | None
    description: str | None
    #: Any JSON value, as it was given.
    value: Any
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    created: datetime
    #: When its tags, or what is known of its fact, last changed.
    modified: datetime
    #: None for memories that were created explicitly.
    fact: Fact | None = None


class NewMemory(TypedDict, total=False):
    """One memory of a batch."""

    value: Required[JsonValue]
    id: str
    label: str
    description: str
    tags: Sequence[str]
    metadata: Mapping[str, JsonValue]
    #: For imports. Left out: now.
    created: datetime


class ExtractionMessage(TypedDict, total=False):
    """One message to look for facts in."""

    role: Required[str]
    #: Text, or a list of OpenAI's content parts.
    content: Required[JsonValue]
    name: str
    created: datetime


@dataclass(frozen=True, slots=True)
class ExtractedMemory:
    """One fact that was found, and what became of it."""

    memory: Memory
    #: created, strengthened or retracted
    outcome: str
    #: The ids of the memories that it closed because it contradicts them.
    superseded_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found in messages, in their order, and what that cost."""

    memories: tuple[ExtractedMemory, ...]
    extractor: str
    prompt_tokens: int
    completion_tokens: int


def memory(sent: memory_pb2.Memory) -> Memory:
    """As it was received."""
    return Memory(
        id=sent.id,
        namespace=sent.namespace if sent.HasField("namespace") else None,
        label=sent.label if sent.HasField("label") else None,
        description=sent.description if sent.HasField("description") else None,
        value=loads(sent.value_json),
        tags=tuple(sent.tags),
        metadata=loads(sent.metadata_json) or {},
        created=from_timestamp(sent.create_time),
        modified=from_timestamp(sent.update_time),
        fact=_fact(sent.fact) if sent.HasField("fact") else None,
    )


def _fact(sent: memory_pb2.Fact) -> Fact:
    source = sent.source
    return Fact(
        type=sent.type,
        confidence=sent.confidence,
        valid_from=optional_moment(sent, "valid_from_time"),
        valid_to=optional_moment(sent, "valid_to_time"),
        superseded_by=sent.superseded_by if sent.HasField("superseded_by") else None,
        observation_count=sent.observation_count,
        source=FactSource(
            dialogue_id=source.dialogue_id if source.HasField("dialogue_id") else None,
            message_id=source.message_id if source.HasField("message_id") else None,
            role=source.role,
            start_character=source.start_character,
            end_character=source.end_character,
            extractor=source.extractor,
        ),
    )


def new_memory(given: NewMemory, path: str) -> memory_pb2.NewMemory:
    """As it is sent, with an id; what is missing is named by the server. Raises NotJson."""
    return memory_pb2.NewMemory(
        value_json=dumps(given.get("value"), f"{path}.value"),
        id=given.get("id", uuid7()),
        label=given.get("label"),
        description=given.get("description"),
        tags=given.get("tags", ()),
        metadata_json=optional_object(given.get("metadata"), f"{path}.metadata"),
        create_time=to_timestamp(given.get("created"), f"{path}.created"),
    )


def extraction_message(given: ExtractionMessage, path: str) -> memory_pb2.ExtractionMessage:
    """As it is sent. Raises NotJson, InvalidRequest."""
    return memory_pb2.ExtractionMessage(
        role=given.get("role", ""),
        content_json=dumps(given.get("content"), f"{path}.content"),
        name=given.get("name"),
        create_time=to_timestamp(given.get("created"), f"{path}.created"),
    )


def extraction(sent: memory_pb2.ExtractMemoriesResponse) -> Extraction:
    """As it was received."""
    return Extraction(
        memories=tuple(
            ExtractedMemory(memory(each.memory), each.outcome, tuple(each.superseded_ids))
            for each in sent.memories
        ),
        extractor=sent.usage.extractor,
        prompt_tokens=sent.usage.prompt_tokens,
        completion_tokens=sent.usage.completion_tokens,
    )

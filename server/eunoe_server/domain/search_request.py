"""A search: as a caller asks for it, and as it is understood, its defaults and phrases resolved."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from eunoe_server.domain.limit_table import MAX_QUERY_CHARACTERS, MAX_RESULTS
from eunoe_server.domain.listing import is_newest_first
from eunoe_server.domain.memory import ALL_MEMORIES, MemoryFilter
from eunoe_server.domain.metadata_filter import MetadataFilter, read_metadata
from eunoe_server.domain.search_filter import (
    SearchFilter,
    TagFilter,
    read_filter,
    read_tags,
    refuse,
)
from eunoe_server.domain.time_phrase import read_zone

DEFAULT_LIMIT = 10


class Found(enum.StrEnum):
    """What a search gives back."""

    MEMORY = "memory"
    MESSAGE = "message"
    #: Dialogues with a message that fits, and those messages.
    DIALOGUE = "dialogue"


class Mode(enum.StrEnum):
    """What of a text is compared with the query."""

    HYBRID = "hybrid"
    VECTOR = "vector"
    WORDS = "words"


class OrderBy(enum.StrEnum):
    """What the best results are sorted by."""

    RELEVANCE = "relevance"
    CREATED = "created"
    MODIFIED = "modified"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is looked for. Filters narrow together."""

    query: str
    object: Found
    limit: int
    order_by: OrderBy
    is_descending: bool
    mode: Mode
    #: The name of the time zone in which phrases were read.
    timezone: str
    #: The moment of asking, in that zone.
    asked_at: datetime
    tags: TagFilter
    metadata: MetadataFilter | None
    filter: SearchFilter
    #: Which facts, and as they held when. Of memories only.
    facts: MemoryFilter
    #: Only messages of this dialogue.
    dialogue_id: str | None
    min_relevance: float


@dataclass(frozen=True, slots=True)
class SearchDraft:
    """What the caller sent. Documents are JSON; a typed filter may stand in for one."""

    query: str
    object: str
    limit: int = 0
    order_by: str = ""
    order: str = ""
    mode: str = ""
    timezone: str = ""
    tags: str = ""
    tag_filter: TagFilter | None = None
    metadata: str = ""
    filter: str = ""
    search_filter: SearchFilter | None = None
    facts: MemoryFilter = ALL_MEMORIES
    dialogue_id: str | None = None
    min_relevance: float = 0.0

    def accepted(self, now: datetime) -> SearchRequest:
        """The search to make. Raises InvalidParameter."""
        if not 1 <= len(self.query) <= MAX_QUERY_CHARACTERS:
            refuse("query", f"must be 1 to {MAX_QUERY_CHARACTERS:,} characters")
        if self.limit < 0:
            refuse("limit", "must not be negative")
        # Written so that NaN, which compares false with everything, is refused as well.
        if not 0 <= self.min_relevance <= 1:
            refuse("minRelevance", "must be from 0 to 1")
        if self.tags and self.tag_filter is not None:
            refuse("tagFilter", "not together with tags")
        if self.filter and self.search_filter is not None:
            refuse("searchFilter", "not together with filter")
        now = now.astimezone(read_zone(self.timezone))
        request = SearchRequest(
            query=self.query,
            object=_one_of(Found, self.object, "object"),
            # AIP-158: too many is lowered, not refused.
            limit=min(self.limit or DEFAULT_LIMIT, MAX_RESULTS),
            order_by=_one_of(OrderBy, self.order_by or OrderBy.RELEVANCE, "orderBy"),
            is_descending=is_newest_first(self.order),
            mode=_one_of(Mode, self.mode or Mode.HYBRID, "mode"),
            timezone=self.timezone or "UTC",
            asked_at=now,
            tags=read_tags(self.tags) if self.tag_filter is None else self.tag_filter,
            metadata=read_metadata(self.metadata),
            filter=(
                read_filter(self.filter, now) if self.search_filter is None else self.search_filter
            ),
            facts=self.facts,
            dialogue_id=self.dialogue_id,
            min_relevance=self.min_relevance,
        )
        _refuse_what_is_never_there(request)
        return request


Choice = TypeVar("Choice", bound=enum.StrEnum)


def _one_of(choices: type[Choice], asked: str, field: str) -> Choice:
    try:
        return choices(asked)
    except ValueError:
        refuse(field, f"must be one of {', '.join(choices)}")


def _refuse_what_is_never_there(request: SearchRequest) -> None:
    """Filters that would leave nothing of what is looked for, whatever is stored."""
    if request.filter.has_image is not None and request.object is not Found.MESSAGE:
        refuse("filter.hasImage", "only with object message")
    if request.dialogue_id is not None and request.object is Found.MEMORY:
        refuse("dialogueId", "not with object memory")
    if request.facts != ALL_MEMORIES and request.object is not Found.MEMORY:
        refuse("object", "must be memory with memoryType, minConfidence, asOf, includeSuperseded")

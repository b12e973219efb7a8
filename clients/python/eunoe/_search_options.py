"""What a search may be narrowed by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Literal, TypedDict

from eunoe._json import JsonValue, dumps, with_moments_written
from eunoe._memory import FactType
from eunoe._moment import to_timestamp
from eunoe.v1 import search_pb2

#: A phrase ("last week"), a date, an instant, or a mapping of gte, gt, lte, lt to one of these.
When = str | date | Mapping[str, str | date]


class SearchFilter(TypedDict, total=False):
    """When something came into being or changed, and what it holds."""

    created: When
    modified: When
    #: Of messages: with or without an image.
    hasImage: bool


class SearchOptions(TypedDict, total=False):
    """All of it can be left out."""

    namespace: str
    #: At most this many results; 10 if left out.
    limit: int
    #: A tag, tags of which one must be there, or a mapping of $in, $all, $nin to tags.
    tags: str | Sequence[str] | Mapping[str, Sequence[str]]
    #: From a field to its value, to values, or to a mapping of $eq, $ne, $in, $nin, $gt, …
    metadata: Mapping[str, JsonValue]
    filter: SearchFilter
    order_by: Literal["relevance", "created", "modified"]
    order: Literal["asc", "desc"]
    #: Of phrases and dates, such as Europe/Berlin; UTC if left out.
    timezone: str
    #: Says of each result how its relevance came about.
    explain: bool
    mode: Literal["hybrid", "vector", "words"]
    #: Only messages of this dialogue, or this dialogue with its messages.
    dialogue_id: str
    min_relevance: float
    #: Of memories only, as the three below.
    memory_type: FactType
    min_confidence: float
    #: Facts as they held at this instant.
    as_of: datetime
    include_superseded: bool


def search_request(query: str, sought: str, options: SearchOptions) -> search_pb2.SearchRequest:
    """As it is sent. Raises NotJson, InvalidRequest."""
    tags, metadata, narrowing = options.get("tags"), options.get("metadata"), options.get("filter")
    return search_pb2.SearchRequest(
        query=query,
        object=sought,
        namespace=options.get("namespace"),
        limit=options.get("limit", 0),
        tags_json="" if tags is None else dumps(tags, "tags"),
        metadata_json="" if metadata is None else dumps(metadata, "metadata"),
        filter_json="" if narrowing is None else dumps(with_moments_written(narrowing), "filter"),
        order_by=options.get("order_by", ""),
        order=options.get("order", ""),
        timezone=options.get("timezone", ""),
        explain=options.get("explain", False),
        mode=options.get("mode", ""),
        dialogue_id=options.get("dialogue_id"),
        min_relevance=options.get("min_relevance", 0.0),
        memory_type=options.get("memory_type", ""),
        min_confidence=options.get("min_confidence"),
        as_of_time=to_timestamp(options.get("as_of"), "as_of"),
        include_superseded=options.get("include_superseded", False),
    )

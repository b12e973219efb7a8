"""SearchServicer: read, do, answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from eunoe.v1 import search_pb2, search_pb2_grpc
from eunoe_server.domain.dialogue import FoundMessage
from eunoe_server.domain.memory import Memory
from eunoe_server.domain.memory_filter import memory_filter
from eunoe_server.domain.ranking import Explanation
from eunoe_server.domain.search_filter import SearchFilter, TagFilter, bound
from eunoe_server.domain.search_request import Found, Mode, SearchDraft
from eunoe_server.domain.time_phrase import EVER, TimeSpan
from eunoe_server.errors import InvalidParameter
from eunoe_server.services.dialogues import DialogueView
from eunoe_server.services.search import (
    WEIGHTS,
    Search,
    SearchOutcome,
    SearchResult,
)
from eunoe_server.transport.grpc.convert import (
    moment_of,
    namespace_of,
    optional,
    to_timestamp,
)
from eunoe_server.transport.grpc.dialogue_messages import dialogue_to_proto, message_to_proto
from eunoe_server.transport.grpc.interceptors import caller
from eunoe_server.transport.grpc.memories import memory_to_proto


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """Search over gRPC."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def Search(
        self, request: search_pb2.SearchRequest, context: Any
    ) -> search_pb2.SearchResponse:
        """What fits a query best."""
        del context
        outcome = await self._search.search(caller(), namespace_of(request), _draft(request))
        explained = outcome.request.mode if request.explain else None
        return search_pb2.SearchResponse(
            results=[_result(each, outcome.namespace, explained) for each in outcome.results],
            request=_resolved(outcome),
            left_out=outcome.left_out,
        )


def _draft(request: search_pb2.SearchRequest) -> SearchDraft:
    return SearchDraft(
        query=request.query,
        object=request.object,
        limit=request.limit,
        order_by=request.order_by,
        order=request.order,
        mode=request.mode,
        timezone=request.timezone,
        tags=request.tags_json,
        tag_filter=_tags(request.tag_filter) if request.HasField("tag_filter") else None,
        metadata=request.metadata_json,
        filter=request.filter_json,
        search_filter=_filter(request.search_filter) if request.HasField("search_filter") else None,
        facts=memory_filter(
            fact_type=request.memory_type,
            min_confidence=optional(request, "min_confidence"),
            as_of=moment_of(request, "as_of_time", "asOf", InvalidParameter),
            include_superseded=request.include_superseded,
        ),
        dialogue_id=optional(request, "dialogue_id"),
        min_relevance=request.min_relevance,
    )


def _tags(asked: search_pb2.TagFilter) -> TagFilter:
    return TagFilter(tuple(asked.any_of), tuple(asked.all_of), tuple(asked.none_of))


def _filter(asked: search_pb2.SearchFilter) -> SearchFilter:
    return SearchFilter(
        _span(asked.created, "searchFilter.created"),
        _span(asked.modified, "searchFilter.modified"),
        optional(asked, "has_image"),
    )


def _span(asked: search_pb2.TimeRange, path: str) -> TimeSpan:
    span = EVER
    for name in ("gte", "gt", "lte", "lt"):
        moment = moment_of(asked, name, f"{path}.{name}", InvalidParameter)
        if moment is not None:
            span = span.within(bound(name, _instant(moment, f"{path}.{name}")))
    return span


def _instant(moment: datetime, path: str) -> TimeSpan:
    try:
        return TimeSpan(moment, moment + timedelta(microseconds=1))
    except OverflowError:
        raise InvalidParameter.of(path, "is the last moment of the calendar") from None


def _result(
    result: SearchResult, namespace: str, explained: Mode | None
) -> search_pb2.SearchResult:
    """`explained` is the mode in which the result was found, if it shall be explained."""
    shown = search_pb2.SearchResult(
        relevance=result.relevance,
        matches=[_result(match, namespace, explained) for match in result.matches],
        explanation=_explanation(result.explanation, explained) if explained else None,
    )
    match result.item:
        case Memory() as memory:
            shown.object = Found.MEMORY
            shown.memory.CopyFrom(memory_to_proto(memory))
        case FoundMessage(message, dialogue_id):
            shown.object = Found.MESSAGE
            shown.message.CopyFrom(message_to_proto(message, dialogue_id, namespace))
        case DialogueView() as view:
            shown.object = Found.DIALOGUE
            shown.dialogue.CopyFrom(dialogue_to_proto(view, with_state=False))
    return shown


def _explanation(explanation: Explanation, mode: Mode) -> search_pb2.SearchExplanation:
    weights = WEIGHTS[mode]
    signals = [
        ("words", explanation.words, weights.words),
        ("meaning", explanation.meaning, weights.meaning),
        ("sought", explanation.sought, weights.sought),
        ("asking", explanation.asking, -weights.asking),
        ("dated", explanation.dated, weights.dated),
    ]
    return search_pb2.SearchExplanation(
        signals=[
            search_pb2.SearchSignal(
                # `or`: nothing may be added as minus zero.
                name=name,
                value=added / weight or 0.0,
                contribution=added or 0.0,
                weight=weight,
            )
            for name, added, weight in sorted(signals, key=lambda signal: -abs(signal[1]))
            if weight
        ],
        score=explanation.score,
    )


def _resolved(outcome: SearchOutcome) -> search_pb2.ResolvedSearch:
    request = outcome.request
    return search_pb2.ResolvedSearch(
        query=request.query,
        object=request.object,
        namespace=outcome.namespace or None,
        limit=request.limit,
        order_by=request.order_by,
        order="desc" if request.is_descending else "asc",
        candidate_order_by="relevance",
        timezone=request.timezone,
        mode=request.mode,
        filter=_resolved_filter(request.filter),
    )


def _resolved_filter(wanted: SearchFilter) -> search_pb2.SearchFilter | None:
    if wanted == SearchFilter():
        return None
    return search_pb2.SearchFilter(
        created=_range(wanted.created),
        modified=_range(wanted.modified),
        has_image=wanted.has_image,
    )


def _range(span: TimeSpan) -> search_pb2.TimeRange | None:
    if span == EVER:
        return None
    return search_pb2.TimeRange(
        gte=to_timestamp(span.start) if span.start else None,
        lt=to_timestamp(span.end) if span.end else None,
    )

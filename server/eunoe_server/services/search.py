"""Search: what fits a query, of what one namespace holds.

Read the query, embed it with no connection held, let Postgres collect what may answer and the
ranking decide. A write of the last call is found by this one, and as many results come back as
there are, up to the limit: relevance orders them, and leaves out only what the caller says.

A dialogue is found by its messages: it fits as well as the best of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from types import MappingProxyType

import structlog

from eunoe_server.domain.caller import Caller
from eunoe_server.domain.dialogue import FoundMessage
from eunoe_server.domain.limits import can_be_id
from eunoe_server.domain.memory import ALL_MEMORIES, Memory
from eunoe_server.domain.question import Question
from eunoe_server.domain.ranking import (
    HYBRID,
    VECTORS_ONLY,
    WORDS_ONLY,
    Candidates,
    Explanation,
    Ranked,
    Weights,
    rank,
    relevance_bar,
)
from eunoe_server.domain.search_entry import SearchObject, SearchScope, Vector
from eunoe_server.domain.search_filter import ANYTHING, NO_TAGS
from eunoe_server.domain.search_request import Found, Mode, OrderBy, SearchDraft, SearchRequest
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.time_phrase import EVER
from eunoe_server.domain.turn import storable_text
from eunoe_server.domain.usage import Usage
from eunoe_server.errors import DialogueNotFound, EmbedderUnavailable
from eunoe_server.providers import Embedder
from eunoe_server.services.asking import Asked, asking
from eunoe_server.services.dialogue_scope import existing
from eunoe_server.services.dialogues import DialogueView
from eunoe_server.services.namespaces import Namespaces
from eunoe_server.services.usage import count
from eunoe_server.stores.database import Database, Transaction

log = structlog.get_logger()

#: How much each signal counts, by what is compared.
WEIGHTS: Mapping[Mode, Weights] = MappingProxyType(
    {Mode.HYBRID: HYBRID, Mode.VECTOR: VECTORS_ONLY, Mode.WORDS: WORDS_ONLY}
)
#: Messages that are shown with a dialogue that was found.
MAX_MATCHES = 5


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One thing that was found."""

    item: Memory | FoundMessage | DialogueView
    #: 0 to 1.
    relevance: float
    explanation: Explanation
    #: Of a dialogue: the messages that fit, the best first.
    matches: Sequence[SearchResult] = ()


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What was found, and the request as it was understood and carried out."""

    results: Sequence[SearchResult]
    request: SearchRequest
    namespace: str
    #: How many more there would be in an answer that may be of any size.
    left_out: int = 0


class Search:
    """Searches the namespaces."""

    def __init__(
        self,
        database: Database,
        namespaces: Namespaces,
        embedder: Embedder,
    ) -> None:
        self._database = database
        self._namespaces = namespaces
        self._embedder = embedder

    async def search(
        self, caller: Caller, namespace: str | None, draft: SearchDraft
    ) -> SearchOutcome:
        """What fits.

        Raises InvalidParameter, DialogueNotFound for the dialogue that it shall be in, and in mode
        `vector` EmbedderUnavailable.
        """
        name = caller.namespace_for(namespace)
        request = draft.accepted(self._database.now())
        count(name, Usage(searches=1))
        outcome = await self._namespaces.read(
            caller.project_id, name, lambda tenant: self._search(tenant, name, request)
        )
        if outcome is not None:
            return outcome
        if request.dialogue_id is not None:
            raise DialogueNotFound
        return SearchOutcome((), request, name)

    async def _search(self, tenant: Tenant, name: str, request: SearchRequest) -> SearchOutcome:
        mode = request.mode

        async def embed(question: Question) -> Vector | None:
            nonlocal mode
            vector, mode = await self._embedded(question, request.mode)
            return vector

        text = storable_text(request.query)
        async with asking(
            self._database, self._embedder, tenant, text, request.asked_at, embed
        ) as asked:
            understood = replace(request, mode=mode)
            scope = await _scope(asked.tx, understood)
            search = _Search(asked, self._embedder.name, understood)
            if request.object is Found.DIALOGUE:
                shown = await search.dialogues(scope)
            else:
                shown = await search.texts(scope)
        in_order = _in_order(shown.results, understood)
        return SearchOutcome(in_order, understood, name, shown.left_out)

    async def _embedded(self, question: Question, mode: Mode) -> tuple[Vector | None, Mode]:
        """The question's vector, unless there shall be none or, in mode hybrid, can be none."""
        if mode is Mode.WORDS:
            return None, mode
        try:
            return (await self._embedder.embed([question.topic]))[0], mode
        except EmbedderUnavailable:
            if mode is Mode.VECTOR:
                raise
            log.warning("searched by words alone", embedder=self._embedder.name)
            return None, Mode.WORDS


async def _scope(tx: Transaction, request: SearchRequest) -> SearchScope:
    """What may be found. What no search entry says is looked up now, and named by its keys."""
    wanted = request.filter
    inside = None
    if request.dialogue_id is not None:
        if not can_be_id(request.dialogue_id):
            raise DialogueNotFound
        inside = {(await existing(tx, request.dialogue_id)).dialogue_key}
    if request.object is Found.DIALOGUE:
        if (wanted, request.tags, request.metadata) != (ANYTHING, NO_TAGS, None):
            like_this = await tx.narrowing.dialogue_keys(wanted, request.tags, request.metadata)
            inside = set(like_this) if inside is None else inside.intersection(like_this)
        return SearchScope(
            objects=frozenset({SearchObject.MESSAGE}),
            include_uncommitted=True,
            dialogue_keys=None if inside is None else list(inside),
        )
    keys = None
    if request.object is Found.MEMORY:
        facts = replace(request.facts, include_superseded=False)
        if wanted.modified != EVER or facts != ALL_MEMORIES:
            keys = await tx.narrowing.memory_keys(wanted, request.facts)
    elif wanted.modified != EVER or wanted.has_image is not None:
        keys = await tx.narrowing.message_keys(wanted)
    return SearchScope(
        objects=frozenset({SearchObject(request.object)}),
        include_uncommitted=True,
        include_superseded=request.facts.include_superseded or request.facts.as_of is not None,
        tags_any=request.tags.any_of,
        tags_all=request.tags.all_of,
        tags_none=request.tags.none_of,
        created_from=wanted.created.start,
        created_before=wanted.created.end,
        metadata_condition=request.metadata.condition if request.metadata else None,
        metadata_values=request.metadata.values if request.metadata else "{}",
        dialogue_keys=None if inside is None else list(inside),
        object_keys=keys,
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """What an answer holds, the best first, and how many more it would if it held any size."""

    results: Sequence[SearchResult]
    left_out: int


@dataclass(frozen=True, slots=True)
class _Search:
    """What a question finds."""

    asked: Asked
    embedder: str
    request: SearchRequest

    async def texts(self, scope: SearchScope) -> _Shown:
        """Memories or messages."""
        candidates = await self._candidates(scope)
        return await self._shown(self._ranked(candidates, self.request.limit))

    async def dialogues(self, scope: SearchScope) -> _Shown:
        """Dialogues by their best messages.

        A large namespace is not read whole, and its best messages may all be of a few dialogues:
        then the others are searched again, until there are enough or no more.
        """
        matches: dict[int, list[Ranked]] = {}
        others = scope.dialogue_keys
        while True:
            candidates = await self._candidates(replace(scope, dialogue_keys=others))
            found = self._ranked(candidates, len(candidates))
            bar = relevance_bar(candidates.texts)
            for each in found:
                of_dialogue = matches.setdefault(each.dialogue_key or 0, [])
                if not of_dialogue or (len(of_dialogue) < MAX_MATCHES and each.relevance >= bar):
                    of_dialogue.append(each)
            is_whole = len(candidates) == candidates.texts
            if is_whole or not found or len(matches) >= self.request.limit:
                break
            if others is None:
                others = await self.asked.tx.narrowing.dialogue_keys(ANYTHING, NO_TAGS, None)
            others = [key for key in others if key not in matches]
        best = sorted(matches.items(), key=lambda item: -item[1][0].relevance)
        return await self._shown_dialogues(best[: self.request.limit])

    async def _candidates(self, scope: SearchScope) -> Candidates:
        return await self.asked.tx.search.candidates(
            self.asked.question, self.asked.vector, self.embedder, scope
        )

    def _ranked(self, candidates: Candidates, limit: int) -> Sequence[Ranked]:
        ranked = rank(candidates, self.asked.question, limit, WEIGHTS[self.request.mode])
        return [each for each in ranked if each.relevance >= self.request.min_relevance]

    async def _shown(self, ranked: Sequence[Ranked]) -> _Shown:
        """The things themselves, the first that one answer may hold.

        What was deleted this very moment is left out.
        """
        keys = [each.object_key for each in ranked]
        if not keys:
            return _Shown([], 0)
        items: dict[int, Memory | FoundMessage]
        if self.request.object is Found.MEMORY:
            memories = await self.asked.tx.memories.found(keys)
            left_out = memories.left_out
            items = {memory.memory_key: memory for memory in memories.rows}
        else:
            messages = await self.asked.tx.messages.found(keys)
            left_out = messages.left_out
            items = {found.message.message_key: found for found in messages.rows}
        return _Shown(
            [
                SearchResult(item, each.relevance, each.explanation)
                for each in ranked
                if (item := items.get(each.object_key))
            ],
            left_out,
        )

    async def _shown_dialogues(self, best: Sequence[tuple[int, Sequence[Ranked]]]) -> _Shown:
        """Dialogues that one answer may hold, with as many of their matches as it may hold.

        The best match of each goes before the second of any; a dialogue without any is left out.
        """
        found = await self.asked.tx.dialogues.found([key for key, _ in best])
        dialogues = {each.dialogue_key: each for each in found.rows}
        threads = await self.asked.tx.dialogues.count_threads(
            [each.id for each in dialogues.values()]
        )
        by_place = zip_longest(*(ranked for key, ranked in best if key in dialogues))
        shown = await self._shown([each for row in by_place for each in row if each is not None])
        matches: dict[int, list[SearchResult]] = {}
        for result in shown.results:
            if isinstance(result.item, FoundMessage):
                matches.setdefault(result.item.message.dialogue_key, []).append(result)
        results = [
            replace(
                matching[0],
                item=DialogueView(dialogues[key], threads.get(dialogues[key].id, 0)),
                matches=matching,
            )
            for key, _ in best
            if (matching := matches.get(key))
        ]
        without_match = len(dialogues) - len(results) if shown.left_out else 0
        return _Shown(results, found.left_out + without_match)


def _in_order(results: Sequence[SearchResult], request: SearchRequest) -> Sequence[SearchResult]:
    """The best results, sorted as asked; among equals the more relevant comes first."""
    if request.order_by is OrderBy.RELEVANCE:
        return results if request.is_descending else results[::-1]
    return sorted(
        results,
        key=lambda result: _moment(result, request.order_by),
        reverse=request.is_descending,
    )


def _moment(result: SearchResult, order_by: OrderBy) -> datetime:
    match result.item:
        case Memory() as thing:
            pass
        case FoundMessage(message=thing):
            pass
        case DialogueView(dialogue=thing):
            pass
    return thing.created_at if order_by is OrderBy.CREATED else thing.modified_at

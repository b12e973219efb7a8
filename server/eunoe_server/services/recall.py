"""What a chat may be reminded of: the notes that fit the last user turn.

Searched are the namespace's current facts, the committed messages of other conversations, and the
turns of this one that the request no longer holds. Nothing is recalled where nothing fits. Within
a tool loop the notes of its first request are shown again, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence

from eunoe_server.domain.notes import Note, in_order, within_budget, without_repeats
from eunoe_server.domain.question import Question, asks_nothing
from eunoe_server.domain.ranking import rank, relevance_bar
from eunoe_server.domain.recalled import Quote, Recalled
from eunoe_server.domain.screening import NO_SCREEN, Screen
from eunoe_server.domain.search_entry import SearchScope, Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.domain.turn import Turn
from eunoe_server.providers import Embedder
from eunoe_server.services.asking import asking
from eunoe_server.services.conversations import Found, last_user_index
from eunoe_server.services.threads import read_apart
from eunoe_server.stores.database import Database
from eunoe_server.telemetry import Stages

#: A question is short; what lies behind this many characters is a document to work on.
MAX_QUESTION_CHARACTERS = 2_000


class Recall:
    """Finds the notes for a chat."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        *,
        max_notes: int,
        max_tokens: int,
        min_relevance: float | None,
        screen: Screen = NO_SCREEN,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._max_notes = max_notes
        self._max_tokens = max_tokens
        self._min_relevance = min_relevance
        self._screen = screen

    async def notes(self, found: Found, turns: Sequence[Turn], stages: Stages) -> tuple[Note, ...]:
        """Notes in the order they were said; none when nothing fits.

        Times its stage `embed`. Raises EmbedderUnavailable, StorageUnavailable, Overloaded.
        """
        last_user = last_user_index(turns)
        if found.tenant is None or last_user is None:
            return ()
        if found.recalled is not None:
            return await self._again(found.tenant, found.recalled)
        text = turns[last_user].text[:MAX_QUESTION_CHARACTERS]
        if asks_nothing(text):
            return ()
        scope = SearchScope(
            other_than_dialogue=found.dialogue.dialogue_key if found.dialogue else None,
            own_positions=found.not_shown,
        )

        async def embed(question: Question) -> Vector:
            with stages.stage("embed"):
                vectors = await self._embedder.embed([question.topic])
            vector: Vector = vectors[0]
            return vector

        async with asking(
            self._database, self._embedder, found.tenant, text, self._database.now(), embed
        ) as asked:
            candidates = await asked.tx.search.candidates(
                asked.question, asked.vector, self._embedder.name, scope
            )
            bar = self._min_relevance
            if bar is None:
                bar = relevance_bar(candidates.texts)
            ranked = [
                each
                # Some are too long for what is left of the budget, so more are looked at.
                for each in rank(candidates, asked.question, 2 * self._max_notes)
                if each.relevance >= bar
            ]
            recalled = [Recalled(each.object, each.object_key, each.relevance) for each in ranked]
            quotes = await asked.tx.recalls.quotes(recalled)
        notes = _notes(recalled, await self._screened(quotes))
        return within_budget(notes, self._max_notes, self._max_tokens)

    async def _again(self, tenant: Tenant, recalled: Sequence[Recalled]) -> tuple[Note, ...]:
        if not recalled:
            return ()
        async with self._database.transaction(tenant) as tx:
            quotes = await tx.recalls.quotes(recalled)
        return in_order(_notes(recalled, await self._screened(quotes)))

    async def _screened(self, quotes: Sequence[Quote]) -> Sequence[Quote]:
        """Without secrets, also where the text was stored before they were screened."""
        if self._screen.is_off:
            return quotes
        return await read_apart(
            sum(len(quote.text) for quote in quotes),
            lambda: [self._screen.quote(quote) for quote in quotes],
        )


def _notes(recalled: Sequence[Recalled], quotes: Sequence[Quote]) -> list[Note]:
    relevances = {(each.object, each.object_key): each.relevance for each in recalled}
    return without_repeats(
        [Note(quote, relevances[quote.object, quote.object_key]) for quote in quotes]
    )

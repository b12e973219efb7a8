"""How every search begins: who speaks in the namespace, what is asked, and the vector of that.

Names are looked up first, because a name in a question is not part of its topic. Most questions
name nobody: a vector that costs nothing but our own time is made for that case while the database
looks, and again if it finds somebody. One that is fetched from elsewhere is waited for with no
connection held.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from eunoe_server.domain.question import Question, read_question, speaker_words
from eunoe_server.domain.search_entry import Vector
from eunoe_server.domain.tenant import Tenant
from eunoe_server.providers import Embedder
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.search import speakers_named


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, in a transaction in which its answers may be looked up."""

    tx: Transaction
    question: Question
    vector: Vector | None


@asynccontextmanager
async def asking(
    database: Database,
    embedder: Embedder,
    tenant: Tenant,
    text: str,
    asked_at: datetime,
    embed: Callable[[Question], Awaitable[Vector | None]],
) -> AsyncIterator[Asked]:
    """Reads `text` as a question; `embed` makes its vector with `embedder`, or none."""
    words = speaker_words(text)
    names = speakers_named(tenant, words) if words else None
    if not embedder.is_local:
        named = await database.ask(tenant, names) if names else ()
        question = read_question(text, asked_at, named)
        vector = await embed(question)
        async with database.searching(tenant) as (tx, _):
            yield Asked(tx, question, vector)
        return

    async def read(speakers: Sequence[str]) -> tuple[Question, Vector | None]:
        question = read_question(text, asked_at, speakers)
        return question, await embed(question)

    reading = asyncio.create_task(read(()), name="reading of a question")
    try:
        async with database.searching(tenant, names) as (tx, speakers):
            question, vector = await (read(speakers) if speakers else reading)
            yield Asked(tx, question, vector)
    finally:
        reading.cancel()

"""How every search begins: who speaks in the namespace, what is asked, and the vector of that.

Names are looked up first, because a name in a question is not part of its topic. A vector that is
made here is made inside the transaction that the names were looked up in; one that is fetched from
elsewhere is waited for with no connection held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
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
    if embedder.is_local:
        async with database.searching(tenant, names) as (tx, speakers):
            question = read_question(text, asked_at, speakers)
            yield Asked(tx, question, await embed(question))
        return
    question = read_question(text, asked_at, await database.ask(tenant, names) if names else ())
    vector = await embed(question)
    async with database.searching(tenant) as (tx, _):
        yield Asked(tx, question, vector)

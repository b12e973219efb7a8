"""Moves what can be found to another embedder, while servers serve.

Vectors of two embedders are never compared. A server whose embedder has not made a text's vector
finds that text by its words only; this makes the vector. New vectors stand beside the old ones,
which serve on, until all texts of a namespace have one; then the old ones go.

Everything done is in the database at once: whoever stops this and starts it again goes on where it
stopped. It reads no settings, and tells servers nothing: they use what they find.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from eunoe_server.domain.search_entry import Vector, VectorCount
from eunoe_server.domain.tenant import Tenant
from eunoe_server.errors import EmbedderUnavailable, EunoeError
from eunoe_server.providers import Embedder, Vectors
from eunoe_server.stores.database import Database, Transaction

log = structlog.get_logger()

#: Texts that are embedded together and then written in one transaction.
BATCH_TEXTS = 500
#: Texts whose old vectors go in one transaction.
ADOPTED_TEXTS = 2_000
#: How often all namespaces are looked through. Servers with another embedder write on meanwhile.
PASSES = 5
#: Pauses before a remote embedder that fails is asked again: rate limits pass within minutes.
PAUSES_SECONDS = (1.0, 5.0, 15.0, 60.0)
#: Counting reads an index from end to end.
COUNT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class VectorsInPlace:
    """Which texts of all projects a server with one embedder finds by their meaning."""

    embedder: str
    counts: Sequence[VectorCount]

    @property
    def served(self) -> int:
        """Texts that have a vector of the embedder."""
        return sum(each.texts for each in self.counts if self.embedder in each.embedders)

    @property
    def foreign(self) -> int:
        """Texts that have vectors of other embedders only."""
        return sum(
            each.texts
            for each in self.counts
            if each.embedders and self.embedder not in each.embedders
        )

    @property
    def bare(self) -> int:
        """Texts without any vector: written while no embedder answered, or not yet committed."""
        return sum(each.texts for each in self.counts if not each.embedders)

    @property
    def others(self) -> Sequence[str]:
        """The embedders whose vectors are no use here."""
        return sorted({name for each in self.counts for name in each.embedders} - {self.embedder})


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a reindex has come."""

    done: int
    #: What there is to do, as counted last.
    total: int


class Reindex:
    """Makes the vectors of one embedder where they are missing."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._sleep = sleep

    async def look(self) -> VectorsInPlace:
        """What is in place now."""
        async with self._database.transaction(None, statement_timeout_seconds=COUNT_SECONDS) as tx:
            return VectorsInPlace(self._embedder.name, await tx.search.count_vectors())

    async def warn(self) -> None:
        """Says in the log that texts are found by their words only. A start never fails by it."""
        try:
            found = await self.look()
        except EunoeError:
            log.exception("the vectors could not be counted")
            return
        if found.foreign:
            log.warning(
                "texts are found by their words only until `eunoe reindex` has run",
                texts=found.foreign,
                vectors_of=found.others,
                embedder=self._embedder.name,
            )

    async def run(
        self,
        stop: asyncio.Event,
        progress: Callable[[Progress], None],
        *,
        keep_others: bool = False,
    ) -> bool:
        """Makes the missing vectors and, unless they are kept, drops those of other embedders.

        True when nothing was left to do; False when `stop` was set, or texts without a vector of
        this embedder kept coming. Raises EmbedderUnavailable when asking again did not help.
        """
        done = 0
        for _ in range(PASSES):
            left = self._to_do(await self.look(), keep_others=keep_others)
            if not left:
                return True
            missing = sum(left.values())
            total = done + missing
            progress(Progress(done, total))
            for tenant in left:
                async for made in self._fill(tenant, stop):
                    done += made
                    progress(Progress(done, max(total, done)))
                if stop.is_set():
                    return False
                if not keep_others:
                    await self._adopt(tenant, stop)
        return not self._to_do(await self.look(), keep_others=keep_others)

    def _to_do(self, found: VectorsInPlace, *, keep_others: bool) -> dict[Tenant, int]:
        """The namespaces where something is left to do, and how many vectors each lacks."""
        left: dict[Tenant, int] = {}
        for each in found.counts:
            is_there = self._embedder.name in each.embedders
            if not is_there or (not keep_others and len(each.embedders) > 1):
                tenant = Tenant(each.project_id, each.namespace_key)
                left[tenant] = left.get(tenant, 0) + (0 if is_there else each.texts)
        return left

    async def _fill(self, tenant: Tenant, stop: asyncio.Event) -> AsyncIterator[int]:
        """Makes the vectors that a namespace lacks; yields how many, batch by batch."""
        after = 0
        while not stop.is_set():
            async with self._database.transaction(tenant) as tx:
                texts = await tx.search.without_vector(
                    None, self._embedder.name, BATCH_TEXTS, after=after
                )
            if not texts:
                return
            after = texts[-1].entry_key
            made = await self._embed([each.text for each in texts])
            vectors = {each.entry_key: vector for each, vector in zip(texts, made, strict=True)}
            await self._database.run(tenant, partial(_set_vectors, vectors, self._embedder.name))
            yield len(texts)

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        for pause_seconds in PAUSES_SECONDS:
            try:
                return await self._embedder.embed(texts)
            except EmbedderUnavailable as error:
                log.warning("the embedder is asked again", seconds=pause_seconds, why=error.message)
                await self._sleep(pause_seconds)
        return await self._embedder.embed(texts)

    async def _adopt(self, tenant: Tenant, stop: asyncio.Event) -> None:
        """Drops the vectors of other embedders in a namespace."""
        while not stop.is_set():
            work = partial(_adopt_vectors, self._embedder.name)
            if await self._database.run(tenant, work) < ADOPTED_TEXTS:
                return


async def _set_vectors(vectors: Mapping[int, Vector], embedder: str, tx: Transaction) -> int:
    return await tx.search.set_vectors(vectors, embedder)


async def _adopt_vectors(embedder: str, tx: Transaction) -> int:
    return await tx.search.adopt_vectors(embedder, ADOPTED_TEXTS)

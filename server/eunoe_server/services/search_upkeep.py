"""Keeps large namespaces quick to search: splits cells that have grown too large.

Searching never waits for it. Until a cell is split it is read whole, which is slower and not less
exact.
"""

from __future__ import annotations

import asyncio

from eunoe_server.domain.cells import split_by_meaning
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.stores.search import MAX_CELL_TEXTS, MAX_WHOLE_TEXTS

#: New cells are a fifth of what is too large, so that they last.
PART_TEXTS = MAX_CELL_TEXTS // 5
#: What is moved in one transaction.
MAX_MOVED_TEXTS = 20_000
#: What was written during a split is moved so many at a time.
MAX_LEFT_BEHIND = 2_000


class SearchUpkeep:
    """Does what searching in large namespaces needs done beside it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def split_next(self) -> bool:
        """Splits one cell that has grown too large; False when there is none."""
        large = await self._database.run(None, lambda tx: tx.search.cells.next_to_split())
        if large is None:
            return False
        tenant = Tenant(large.project_id, large.namespace_key)
        while await self._split(tenant, large.cell):
            pass
        while await self._database.run(tenant, _move_left_behind) == MAX_LEFT_BEHIND:
            pass
        return True

    async def _split(self, tenant: Tenant, cell: int) -> bool:
        """Moves texts out of `cell`; whether more are left than should be."""
        async with self._database.transaction(tenant) as tx:
            texts = await tx.search.cells.texts(cell, MAX_MOVED_TEXTS)
        max_texts = MAX_CELL_TEXTS if cell else MAX_WHOLE_TEXTS
        if texts is None or len(texts.vectors) <= max_texts:
            return False
        parts = len(texts.vectors) // PART_TEXTS
        centroids, part_of = await asyncio.to_thread(split_by_meaning, texts.vectors, parts)

        async def work(tx: Transaction) -> bool:
            return await tx.search.cells.split(cell, texts, centroids, part_of)

        was_split = await self._database.run(tenant, work)
        return was_split and len(texts.vectors) == MAX_MOVED_TEXTS


async def _move_left_behind(tx: Transaction) -> int:
    return await tx.search.cells.move_left_behind(MAX_LEFT_BEHIND)

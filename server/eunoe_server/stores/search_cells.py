"""Cells: the parts of a namespace that is too large to be read whole (see migration 0002)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pgvector import HalfVector

from eunoe_server.domain.search_entry import Vector
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("search_cells")


@dataclass(frozen=True, slots=True)
class LargeCell:
    """A cell that has grown too large. It may have been split since that was noticed."""

    namespace_key: int
    project_id: int
    cell: int


@dataclass(frozen=True, slots=True)
class CellTexts:
    """Texts of one cell, all with vectors of one embedder."""

    embedder: str
    entry_keys: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]


class SearchCells(Store):
    """Of one namespace; but what is to be split next is of all."""

    __slots__ = ()

    async def next_to_split(self) -> LargeCell | None:
        """A cell that nobody else is about to split. For a transaction without a tenant."""
        return await self._one(_SQL["next_to_split"], LargeCell)

    async def texts(self, cell: int, limit: int) -> CellTexts | None:
        """The oldest of its texts that have a vector; None when there is none."""
        rows = await self._all(_SQL["vectors"], _VectorRow, cell=cell, limit=limit)
        if not rows:
            return None
        return CellTexts(
            embedder=rows[0].embedder,
            entry_keys=np.array([row.entry_key for row in rows], np.int64),
            vectors=np.stack([row.embedding.to_numpy() for row in rows]).astype(np.float32),
        )

    async def split(
        self,
        cell: int,
        texts: CellTexts,
        centroids: npt.NDArray[np.float32],
        part_of: npt.NDArray[np.int64],
    ) -> bool:
        """Moves texts into new cells, one a centroid; False when somebody else was first."""
        await self._execute(_SQL["lock"])
        if cell == 0:
            await self._execute(_SQL["insert_words"])
        elif await self._one(_SQL["is_split"], _is_split, cell=cell) is not False:
            return False
        cells = await self._all(
            _SQL["insert_cells"],
            _cell,
            embedder=texts.embedder,
            centroids=[_half(centroid) for centroid in centroids],
        )
        await self._execute(
            _SQL["move_texts"],
            cell=cell,
            entry_keys=texts.entry_keys.tolist(),
            cells=np.array(cells)[part_of].tolist(),
        )
        await self._execute(_SQL["mark_split"], cell=cell)
        await self._execute(_SQL["recount"])
        return True

    async def move_left_behind(self, limit: int) -> int:
        """Moves texts out of cells that were split while they were written; how many it moved."""
        moved = await self._execute(_SQL["move_left_behind"], limit=limit)
        if moved:
            await self._execute(_SQL["recount"])
        return moved

    async def dissolve(self) -> None:
        """Puts everything back into cell 0: the vectors are of another embedder from now on."""
        await self._execute(_SQL["split_again"])
        await self._execute(_SQL["dissolve"])
        await self._execute(_SQL["delete_cells"])


@dataclass(frozen=True, slots=True)
class _VectorRow:
    entry_key: int
    embedder: str
    embedding: HalfVector


def _half(vector: Vector) -> HalfVector:
    return HalfVector(vector)


def _cell(cell: int) -> int:
    return cell


def _is_split(*, is_split: bool) -> bool:
    return is_split

"""Search entries: what can be found, written beside what it stands for, and read by the ranking.

Postgres stems the words, compares the vectors and says who may see what; which text answers best is
decided in `domain/ranking.py`. Most namespaces hold what one user said, and are read whole: exact,
and faster than an approximate look-up among everybody's texts. A large one is divided by meaning
(`search_cells.py`), and what is nearest in meaning or has the question's rare words is read.

Words are of English, as Postgres knows it; in other languages they match as they are written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pgvector import HalfVector

from eunoe_server.domain.question import Question, asking_share
from eunoe_server.domain.ranking import Candidates
from eunoe_server.domain.search_entry import (
    EntryText,
    NewSearchEntry,
    SearchObject,
    SearchScope,
    Vector,
    VectorCount,
)
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.search_cells import SearchCells
from eunoe_server.stores.store import Read, Store, read

_SQL = load_queries("search")
_NAME_PART = re.compile(r"\w+")

#: Up to this many texts a namespace is read whole: 2 to 3 microseconds a text.
MAX_WHOLE_TEXTS = 5_000
#: A part of a larger one that has more texts is split again.
MAX_CELL_TEXTS = 1_500
#: Of a large namespace: texts whose vectors are compared, in the cells nearest to the question.
TEXTS_TO_READ = 1_500
EVERYTHING = 2**31 - 1
#: Texts that may hold the question's rare words together; the other words are looked up in pairs.
TEXTS_WITH_WORDS = 1_000
#: How many of each go on to be ranked, with the turns around them. How many of an exact search's
#: first ten these find of 100,000 texts is in `benchmarks/README.md`.
MOST_NEAR = 60
MOST_SPOKEN = 300

#: One packed row, as the block `packed` writes it.
_ROW = np.dtype(
    [
        ("entry_key", ">i8"),
        ("object_key", ">i8"),
        ("dialogue_key", ">i8"),
        ("position", ">i4"),
        ("word_count", ">i4"),
        ("flags", ">i4"),
        ("word_bits", ">i4"),
        ("similarity", ">f8"),
        ("asking_share", ">f4"),
        ("created_at", ">f8"),
    ]
)


class Search(Store):
    """Of one namespace."""

    __slots__ = ()

    @property
    def cells(self) -> SearchCells:
        """How large namespaces are divided."""
        return SearchCells(self._connection, self._tenant)

    async def insert_entries(self, entries: Sequence[NewSearchEntry]) -> None:
        """Makes texts findable from the end of the transaction on; known ones are replaced."""
        if not entries:
            return
        await self._execute(
            _SQL["insert_entries"],
            objects=[entry.object.value for entry in entries],
            object_keys=[entry.object_key for entry in entries],
            dialogue_keys=[entry.dialogue_key for entry in entries],
            positions=[entry.position for entry in entries],
            # What is remembered and nobody's turn is the user's.
            roles=[
                entry.role or ("user" if entry.object is SearchObject.MEMORY else "")
                for entry in entries
            ],
            speakers=[entry.speaker.lower() for entry in entries],
            tags=[json.dumps(entry.tags) for entry in entries],
            metadata=[entry.metadata for entry in entries],
            created_at=[entry.created_at for entry in entries],
            are_committed=[entry.is_committed for entry in entries],
            asking_shares=[asking_share(entry.text) for entry in entries],
            texts=[entry.text for entry in entries],
            embedders=[entry.embedder for entry in entries],
            vectors=[_half(entry.vector) for entry in entries],
            max_whole_texts=MAX_WHOLE_TEXTS,
            max_cell_texts=MAX_CELL_TEXTS,
        )
        names = sorted(
            {
                (word, entry.speaker.lower())
                for entry in entries
                for word in _NAME_PART.findall(entry.speaker.lower())
            }
        )
        if names:
            words, speakers = zip(*names, strict=True)
            await self._execute(_SQL["insert_speakers"], words=list(words), speakers=list(speakers))

    async def delete_entries(self, kind: SearchObject, object_keys: Sequence[int]) -> int:
        """These are found no more; how many were."""
        return await self._execute(
            _SQL["delete_entries"], object=kind.value, object_keys=list(object_keys)
        )

    async def forget_speakers(self) -> None:
        """Forgets the names of those of whom nothing can be found any more."""
        await self._execute(_SQL["forget_speakers"])

    async def delete_positions(self, dialogue_key: int, positions: Sequence[int]) -> int:
        """Messages at these positions are found no more; how many were."""
        if not positions:
            return 0
        return await self._execute(
            _SQL["delete_positions"], dialogue_key=dialogue_key, positions=list(positions)
        )

    async def delete_dialogue(self, dialogue_key: int) -> int:
        """No message of the dialogue is found any more; how many were."""
        return await self._execute(_SQL["delete_dialogue"], dialogue_key=dialogue_key)

    async def commit_entries(self, dialogue_key: int, up_to_position: int) -> int:
        """Other dialogues find the messages up to this one from now on; how many are new."""
        return await self._execute(
            _SQL["commit_entries"], dialogue_key=dialogue_key, up_to_position=up_to_position
        )

    async def set_current(
        self, kind: SearchObject, object_keys: Sequence[int], *, is_current: bool
    ) -> int:
        """Whether what these say still holds; how many there are."""
        return await self._execute(
            _SQL["set_current"],
            object=kind.value,
            object_keys=list(object_keys),
            is_current=is_current,
        )

    async def retag(self, kind: SearchObject, object_key: int, tags: Sequence[str]) -> int:
        """Replaces all tags; 0 when there is no such entry."""
        return await self._execute(
            _SQL["retag"], object=kind.value, object_key=object_key, tags=list(tags)
        )

    async def without_vector(
        self, dialogue_key: int | None, embedder: str, limit: int = 1000, *, after: int = 0
    ) -> Sequence[EntryText]:
        """Entries, of one dialogue or of all, that `embedder` has made no vector for.

        In the order of their keys, those behind `after`.
        """
        return await self._all(
            _SQL["without_vector"],
            EntryText,
            dialogue_key=dialogue_key,
            embedder=embedder,
            after=after,
            limit=limit,
        )

    async def set_vectors(self, vectors: Mapping[int, Vector], embedder: str) -> int:
        """Gives entries the vectors that `embedder` made; another's serve on beside them."""
        if not vectors:
            return 0
        return await self._execute(
            _SQL["set_vectors"],
            entry_keys=list(vectors),
            vectors=[_half(vector) for vector in vectors.values()],
            embedder=embedder,
        )

    async def adopt_vectors(self, embedder: str, limit: int = 1000) -> int:
        """Drops the vectors of other embedders where `embedder` has made one; how many it dropped.

        Cells are of one embedder, so a large namespace is put together with the last of them, and
        read whole until it is split again.
        """
        adopted = await self._execute(_SQL["adopt_vectors"], embedder=embedder, limit=limit)
        if not await self._one(_SQL["has_others_vectors"], _has_others, embedder=embedder):
            await self.cells.dissolve()
        return adopted

    async def count_vectors(self) -> Sequence[VectorCount]:
        """Whose vectors there are. For a transaction without a tenant: it counts all of them."""
        return await self._all(_SQL["count_vectors"], _vector_count)

    async def candidates(
        self,
        question: Question,
        vector: Vector | None,
        embedder: str,
        scope: SearchScope,
        limit: int = 50,
    ) -> Candidates:
        """What may answer `question`, with what surrounds it. `vector` is of its topic.

        At least `limit` of them are wanted, unless the scope holds fewer.
        """
        asked: dict[str, object] = {
            "text": question.text,
            "vector": _half(vector),
            "embedder": embedder,
            "sought_role": question.sought_role,
            "sought_speakers": list(question.sought_speakers),
            "objects": [kind.value for kind in scope.objects],
            "is_narrow": scope.is_narrow,
            "tags_any": list(scope.tags_any),
            "tags_all": list(scope.tags_all),
            "tags_none": list(scope.tags_none),
            "created_from": scope.created_from,
            "created_before": scope.created_before,
            "metadata_condition": scope.metadata_condition,
            "metadata_values": scope.metadata_values,
            "dialogue_keys": _listed(scope.dialogue_keys),
            "object_keys": _listed(scope.object_keys),
            "own_dialogue_key": scope.other_than_dialogue,
            "own_positions": list(scope.own_positions),
            "include_uncommitted": scope.include_uncommitted,
            "include_superseded": scope.include_superseded,
        }
        (found,) = await self._all(_SQL["candidates"], _Whole, **asked)
        if not found.is_large:
            return _unpacked(found.packed, found.words)
        part = await self._part(asked, TEXTS_TO_READ, limit)
        if part.found < limit:
            # The scope leaves few texts, and they may be anywhere.
            part = await self._part(asked, EVERYTHING, limit)
        return _unpacked(found.packed + part.packed, found.words, part)

    async def _part(self, asked: dict[str, object], texts_to_read: int, limit: int) -> _Part:
        (part,) = await self._all(
            _SQL["candidates_of_cells"],
            _Part,
            **asked,
            texts_to_read=texts_to_read,
            texts_with_words=TEXTS_WITH_WORDS,
            most_near=max(MOST_NEAR, limit),
            most_spoken=MOST_SPOKEN,
        )
        return part


@dataclass(frozen=True, slots=True)
class _Whole:
    """All of a namespace; of a large one what lies in no cell yet."""

    #: How many different words the question has.
    words: int
    is_large: bool
    packed: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    """What of a large namespace is worth reading."""

    packed: bytes
    #: How many of them may be results; the others surround those.
    found: int
    #: How many texts there are, roughly.
    texts: int
    #: How many of them hold each of the question's words, roughly.
    frequencies: list[float]


def _unpacked(packed: bytes, words: int, part: _Part | None = None) -> Candidates:
    rows = np.frombuffer(packed, _ROW)
    bits = rows["word_bits"].astype(np.int64)
    if part is None:
        texts = len(rows)
        frequencies = ((bits[:, None] >> np.arange(words)) & 1).sum(axis=0).astype(float)
    else:
        texts = max(part.texts, len(rows))
        frequencies = np.array(part.frequencies)
    return Candidates(
        entry_keys=rows["entry_key"].astype(np.int64),
        are_messages=(rows["flags"] & 1).astype(np.bool_),
        object_keys=rows["object_key"].astype(np.int64),
        dialogue_keys=rows["dialogue_key"].astype(np.int64),
        positions=rows["position"].astype(np.int64),
        similarities=rows["similarity"].astype(np.float64),
        word_bits=bits,
        word_counts=rows["word_count"].astype(np.int64),
        asking_shares=rows["asking_share"].astype(np.float64),
        are_sought=(rows["flags"] & 2).astype(np.bool_),
        created_at=rows["created_at"].astype(np.float64),
        are_wanted=(rows["flags"] & 4).astype(np.bool_),
        texts=texts,
        word_frequencies=frequencies,
    )


def speakers_named(tenant: Tenant, words: Sequence[str]) -> Read[str]:
    """The speakers of a namespace that bear one of these lower-case words in their names."""
    return read(_SQL["speakers_named"], _speaker, tenant, words=list(words))


def _speaker(speaker: str) -> str:
    return speaker


def _listed(keys: Sequence[int] | None) -> list[int] | None:
    return None if keys is None else list(keys)


def _half(vector: Vector | None) -> HalfVector | None:
    return None if vector is None else HalfVector(vector)


def _has_others(*, has_others: bool) -> bool:
    return has_others


def _vector_count(
    project_id: int,
    namespace_key: int,
    embedder: str | None,
    next_embedder: str | None,
    texts: int,
) -> VectorCount:
    embedders = frozenset(name for name in (embedder, next_embedder) if name is not None)
    return VectorCount(project_id, namespace_key, embedders, texts)

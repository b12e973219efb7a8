"""Memories: stored, tagged, deleted; their values never change. Facts are memories (`facts.py`).

An id is claimed in the project's narrow table first, so that it is unique in the project while the
memories themselves are spread by namespace.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from eunoe_server.domain.fact import normalised
from eunoe_server.domain.memory import FactRecord, Memory, MemoryFilter, NewMemory
from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Fitting, Read, Store, read

_SQL = load_queries("memories")


class Memories(Store):
    """Of one namespace; in lists and as ids also of a whole project."""

    __slots__ = ()

    async def insert(self, new: NewMemory) -> Memory:
        """Stores a memory. Raises DuplicateId."""
        (memory,) = await self.insert_many([new])
        return memory

    async def insert_many(self, new: Sequence[NewMemory]) -> Sequence[Memory]:
        """Stores all of them, in order, or none. Raises DuplicateId."""
        if not new:
            return []
        facts = [memory.fact for memory in new]
        await self._execute(_SQL["claim_ids"], ids=[memory.id for memory in new])
        keys = dict(
            await self._all(
                _SQL["insert_many"],
                _key_and_id,
                ids=[memory.id for memory in new],
                labels=[memory.label for memory in new],
                descriptions=[memory.description for memory in new],
                values=[memory.value for memory in new],
                texts=[memory.text for memory in new],
                # An array of arrays must be rectangular in SQL; JSON need not.
                tags=[json.dumps(memory.tags) for memory in new],
                metadata=[memory.metadata for memory in new],
                created_at=[memory.created_at for memory in new],
                fact_types=[fact and fact.type for fact in facts],
                confidences=[fact and fact.confidence for fact in facts],
                subjects=[fact and fact.subject for fact in facts],
                slots=[fact and fact.slot for fact in facts],
                slot_values=[fact and fact.slot_value for fact in facts],
                are_negated=[fact and fact.is_negated for fact in facts],
                text_digests=[memory.fact and text_digest(memory.text) for memory in new],
                extractors=[fact and fact.extractor for fact in facts],
                valid_from=[fact and fact.valid_from for fact in facts],
                last_said_at=[fact and fact.last_said_at for fact in facts],
                valid_to=[fact and fact.valid_to for fact in facts],
                superseded_by=[fact and fact.superseded_by for fact in facts],
                superseded_at=[fact and fact.superseded_at for fact in facts],
                observations=[fact and fact.observations for fact in facts],
                source_dialogue_ids=[fact and fact.source_dialogue_id for fact in facts],
                source_message_ids=[fact and fact.source_message_id for fact in facts],
                source_roles=[fact and fact.source_role for fact in facts],
                source_starts=[fact and fact.source_start for fact in facts],
                source_ends=[fact and fact.source_end for fact in facts],
            )
        )
        stored = {memory.id: memory for memory in await self.get_many(list(keys.values()))}
        return [stored[memory.id] for memory in new]

    async def get_many(self, memory_keys: Sequence[int]) -> Sequence[Memory]:
        """The memories of these keys, in no order."""
        return await self._all(_SQL["get_many"], _memory, memory_keys=list(memory_keys))

    async def found(self, memory_keys: Sequence[int]) -> Fitting[Memory]:
        """The first memories of these keys that one answer may hold."""
        return await self._fitting(_SQL["found"], _memory, memory_keys=list(memory_keys))

    async def get_named(self, memory_ids: Sequence[str]) -> Sequence[Memory]:
        """The memories of these ids in the transaction's namespace, in no order."""
        return await self._all(_SQL["get_named"], _memory, ids=list(memory_ids))

    async def taken_ids(self, memory_ids: Sequence[str]) -> frozenset[str]:
        """Those of these ids that memories have; in a project's transaction, anywhere in it."""
        return frozenset(await self._all(_SQL["taken_ids"], _id, ids=list(memory_ids)))

    async def list_page(
        self,
        wanted: MemoryFilter,
        limit: int,
        after: Place | None = None,
        *,
        newest_first: bool = True,
    ) -> Page[Memory]:
        """Memories in order of creation."""
        return await self._sized_page(
            _SQL["list_page"],
            _memory,
            lambda memory: Place(memory.created_at, memory.memory_key),
            limit=limit,
            after=after,
            newest_first=newest_first,
            created_from=wanted.created_from,
            created_before=wanted.created_before,
            is_fact=wanted.is_fact,
            fact_type=wanted.fact_type,
            min_confidence=wanted.min_confidence,
            as_of=wanted.as_of,
            include_superseded=wanted.include_superseded,
        )

    async def retag(self, memory_id: str, tags: Sequence[str]) -> Memory | None:
        """Replaces all tags; None when there is no such memory."""
        if not await self._execute(_SQL["retag"], id=memory_id, tags=list(tags)):
            return None
        return await self._one(_SQL["get_named"], _memory, ids=[memory_id])

    async def delete_many(self, memory_ids: Sequence[str]) -> Sequence[int]:
        """Deletes those of these that are in the transaction's namespace and frees their ids.

        Their keys.
        """
        gone = dict(await self._all(_SQL["delete_many"], _key_and_id, ids=list(memory_ids)))
        if gone:
            await self._execute(_SQL["release_ids"], ids=list(gone))
        return list(gone.values())


def text_digest(text: str) -> bytes:
    """Equal for texts whose normalised forms are; short, however long they are."""
    return hashlib.sha256(normalised(text).encode()).digest()[:16]


def memory_of(tenant: Tenant, memory_id: str, namespace_key: int) -> Read[Memory]:
    """The memory of this id in a namespace of the tenant's project."""
    return read(_SQL["get"], _memory, tenant, id=memory_id, in_namespace=namespace_key)


def namespace_of(tenant: Tenant, memory_id: str) -> Read[int]:
    """The key of the namespace that the memory of this id is in."""
    return read(_SQL["namespace_of"], _namespace_key, tenant, id=memory_id)


def _memory(
    *,
    tags: list[str],
    fact_type: str | None,
    confidence: float,
    subject: str,
    slot: str,
    slot_value: str,
    is_negated: bool,
    extractor: str,
    valid_from: datetime,
    last_said_at: datetime | None,
    valid_to: datetime | None,
    superseded_by: str | None,
    superseded_at: datetime | None,
    observations: int,
    source_dialogue_id: str | None,
    source_message_id: str | None,
    source_role: str | None,
    source_start: int | None,
    source_end: int | None,
    **columns: Any,
) -> Memory:
    fact = None
    if fact_type is not None:
        fact = FactRecord(
            type=fact_type,
            confidence=confidence,
            subject=subject,
            slot=slot,
            slot_value=slot_value,
            is_negated=is_negated,
            extractor=extractor,
            valid_from=valid_from,
            last_said_at=last_said_at,
            valid_to=valid_to,
            superseded_by=superseded_by,
            superseded_at=superseded_at,
            observations=observations,
            source_dialogue_id=source_dialogue_id,
            source_message_id=source_message_id,
            source_role=source_role,
            source_start=source_start,
            source_end=source_end,
        )
    return Memory(tags=tuple(tags), fact=fact, **columns)


def _namespace_key(namespace_key: int) -> int:
    return namespace_key


def _id(id: str) -> str:  # noqa: A002 (the column's name)
    return id


def _key_and_id(memory_key: int, id: str) -> tuple[str, int]:  # noqa: A002 (the column's name)
    return id, memory_key

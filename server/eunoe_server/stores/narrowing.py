"""What a search may find at all, where the search entries alone cannot tell.

Entries hold what most searches filter by. The rest (when something changed, whether it has an
image, which facts it is, what its dialogue is like) is asked of the things themselves, before the
search; so entries need not follow every change of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from eunoe_server.domain.memory import MemoryFilter
from eunoe_server.domain.metadata_filter import MetadataFilter
from eunoe_server.domain.search_filter import SearchFilter, TagFilter
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("narrowing")


class Narrowing(Store):
    """Of one namespace."""

    __slots__ = ()

    async def dialogue_keys(
        self, wanted: SearchFilter, tags: TagFilter, metadata: MetadataFilter | None
    ) -> Sequence[int]:
        """The dialogues that are like this, in no order."""
        return await self._all(
            _SQL["dialogue_keys"],
            _dialogue_key,
            tags_any=list(tags.any_of),
            tags_all=list(tags.all_of),
            tags_none=list(tags.none_of),
            created_from=wanted.created.start,
            created_before=wanted.created.end,
            modified_from=wanted.modified.start,
            modified_before=wanted.modified.end,
            metadata_condition=metadata.condition if metadata else None,
            metadata_values=metadata.values if metadata else "{}",
        )

    async def message_keys(self, wanted: SearchFilter) -> Sequence[int]:
        """The messages that were changed then and have an image, or none; in no order."""
        return await self._all(
            _SQL["message_keys"],
            _message_key,
            modified_from=wanted.modified.start,
            modified_before=wanted.modified.end,
            has_image=wanted.has_image,
        )

    async def memory_keys(self, wanted: SearchFilter, facts: MemoryFilter) -> Sequence[int]:
        """The memories that were changed then, and of facts those asked for; in no order."""
        return await self._all(
            _SQL["memory_keys"],
            _memory_key,
            modified_from=wanted.modified.start,
            modified_before=wanted.modified.end,
            fact_type=facts.fact_type,
            min_confidence=facts.min_confidence,
            as_of=facts.as_of,
        )


def _dialogue_key(dialogue_key: int) -> int:
    return dialogue_key


def _message_key(message_key: int) -> int:
    return message_key


def _memory_key(memory_key: int) -> int:
    return memory_key

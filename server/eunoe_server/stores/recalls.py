"""What chats were reminded of, and the texts behind such references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eunoe_server.domain.recalled import Quote, Recalled, source_of, without_spans
from eunoe_server.domain.search_entry import SearchObject
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("recalls")


class Recalls(Store):
    """Of one namespace."""

    __slots__ = ()

    async def record(self, message_key: int, recalled: Sequence[Recalled]) -> None:
        """Notes what was put before a user turn."""
        if recalled:
            await self._execute(
                _SQL["record"],
                message_key=message_key,
                objects=[each.object.value for each in recalled],
                object_keys=[each.object_key for each in recalled],
                relevances=[each.relevance for each in recalled],
            )

    async def at_position(self, dialogue_key: int, position: int) -> Sequence[Recalled]:
        """What was put before the turn at a position, in order; often nothing."""
        return await self._all(
            _SQL["at_position"], _recalled, dialogue_key=dialogue_key, position=position
        )

    async def quotes(self, recalled: Sequence[Recalled]) -> Sequence[Quote]:
        """The texts behind references, in no order; erased ones are missing.

        What a message says that no longer holds is left out of it; its text is empty when nothing
        else is in it.
        """
        if not recalled:
            return []
        keys = {
            kind: [each.object_key for each in recalled if each.object is kind]
            for kind in SearchObject
        }
        return await self._all(
            _SQL["quotes"],
            _quote,
            message_keys=keys[SearchObject.MESSAGE],
            memory_keys=keys[SearchObject.MEMORY],
        )


def _recalled(*, object: str, **columns: Any) -> Recalled:  # noqa: A002 - the column's name
    return Recalled(object=SearchObject(object), **columns)


def _quote(
    *,
    object: str,  # noqa: A002 - the column's name
    role_or_type: str,
    name: str,
    text: str,
    starts: list[int],
    ends: list[int],
    mention_dialogue_ids: list[str],
    mention_message_ids: list[str],
    **columns: Any,
) -> Quote:
    return Quote(
        object=SearchObject(object),
        source=source_of(role_or_type, name),
        text=without_spans(text, zip(starts, ends, strict=True)) if starts else text,
        mentioned_in=frozenset(zip(mention_dialogue_ids, mention_message_ids, strict=True)),
        **columns,
    )

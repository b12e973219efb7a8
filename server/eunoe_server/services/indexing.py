"""Which texts can be found: what people and models said, and what was stored as memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import structlog

from eunoe_server.domain.dialogue import Dialogue, Message
from eunoe_server.domain.memory import Memory
from eunoe_server.domain.search_entry import NewSearchEntry, SearchObject, Vector
from eunoe_server.errors import EmbedderUnavailable
from eunoe_server.providers import Embedder

log = structlog.get_logger()

#: Instructions are the application's own, and tool traffic is machinery; neither is recalled.
SEARCHABLE_ROLES = frozenset({"user", "assistant"})


def entries_for(
    dialogue: Dialogue,
    messages: Sequence[Message],
    vectors: Mapping[bytes, Vector],
    embedder: str,
    filterables: Mapping[str, str] = MappingProxyType({}),
) -> list[NewSearchEntry]:
    """Entries of new messages; those whose digest has no vector yet get it at commit.

    `filterables` is what a search can filter by, by message id.
    """
    return [
        NewSearchEntry(
            object=SearchObject.MESSAGE,
            object_key=message.message_key,
            text=message.text,
            role=message.role,
            speaker=message.name or "",
            created_at=message.created_at,
            dialogue_key=dialogue.dialogue_key,
            position=message.position,
            tags=message.tags,
            metadata=filterables.get(message.id, "{}"),
            embedder=embedder if message.digest in vectors else None,
            vector=vectors.get(message.digest),
            is_committed=False,
        )
        for message in messages
        if message.role in SEARCHABLE_ROLES and message.text
    ]


def memory_entry(
    memory: Memory, text: str, filterable: str, vector: Vector | None, embedder: str
) -> NewSearchEntry:
    """The entry of a memory: `text` and `vector` are what it is searched by.

    A fact is dated by the event and bears the name of whom it is about, as a turn does.
    """
    fact = memory.fact
    return NewSearchEntry(
        object=SearchObject.MEMORY,
        object_key=memory.memory_key,
        text=text,
        speaker=fact.subject if fact and fact.subject != "user" else "",
        created_at=fact.valid_from if fact else memory.created_at,
        tags=memory.tags,
        metadata=filterable,
        vector=vector,
        embedder=embedder if vector is not None else None,
    )


async def vectors_of(embedder: Embedder, texts: Sequence[str]) -> Sequence[Vector] | None:
    """One vector a text; None when the embedder cannot be reached: then words have to do."""
    if not texts:
        return []
    try:
        return list(await embedder.embed(texts))
    except EmbedderUnavailable:
        log.warning("kept without vectors", texts=len(texts), embedder=embedder.name)
        return None

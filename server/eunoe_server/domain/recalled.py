"""References to what was recalled, and the quotes they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eunoe_server.domain.search_entry import SearchObject
from eunoe_server.domain.turn import ROLES


@dataclass(frozen=True, slots=True)
class Recalled:
    """Something that a chat was reminded of."""

    object: SearchObject
    #: message_key or memory_key.
    object_key: int
    #: 0 to 1.
    relevance: float


@dataclass(frozen=True, slots=True)
class Quote:
    """A stored text, who said it, when and where."""

    object: SearchObject
    object_key: int
    #: Its public id.
    id: str
    #: The dialogue it was said in; "" for a memory that was created explicitly.
    dialogue_id: str
    #: The speaker as `source_of` says; what a memory rests on.
    source: str
    said_at: datetime
    text: str
    #: Of a fact: the messages that say it, as pairs of dialogue id and message id.
    mentioned_in: frozenset[tuple[str, str]] = frozenset()


def source_of(role_or_type: str, name: str) -> str:
    """What a note says about who said it: nobody speaks under another role's name.

    A name is what an application or its user chose. It stands for a user by itself; beside it
    stands the role of whoever else has one; and a name that is a role is none.
    """
    if not name or name.strip().lower() in ROLES:
        return role_or_type
    return name if role_or_type == "user" else f"{name} ({role_or_type})"


def without_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` with an ellipsis for each span of characters; empty when no words are left."""
    kept: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if start > position or not kept:
            kept.append(text[position:start].strip())
        position = max(position, end)
    kept.append(text[position:].strip())
    left = " \u2026 ".join(kept) if len(kept) > 1 else text
    return left if any(map(str.isalnum, left)) else ""

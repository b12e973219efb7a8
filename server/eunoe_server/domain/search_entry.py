"""What is searched: one entry for each text, of memories and of messages alike."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class SearchObject(enum.StrEnum):
    """What an entry stands for."""

    MEMORY = "memory"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class NewSearchEntry:
    """A text to be found."""

    object: SearchObject
    #: The memory's or the message's key.
    object_key: int
    text: str
    created_at: datetime
    #: Where the text was said; its neighbours there say what it is about. None: it stands alone.
    dialogue_key: int | None = None
    position: int | None = None
    #: Whose words these are: a role ("user" also for what is known about the user) and a name.
    role: str = ""
    speaker: str = ""
    tags: tuple[str, ...] = ()
    #: A JSON object as text, for filters; what jsonb cannot hold is left out by the caller.
    metadata: str = "{}"
    #: A unit vector and the name of the embedder that made it; None: words only, for now.
    vector: Vector | None = None
    embedder: str | None = None
    #: Whether other dialogues may find it.
    is_committed: bool = True


@dataclass(frozen=True, slots=True)
class EntryText:
    """A text that waits for its vector."""

    entry_key: int
    text: str


@dataclass(frozen=True, slots=True)
class VectorCount:
    """How many texts of a namespace have vectors of the same embedders."""

    project_id: int
    namespace_key: int
    #: None, one, or two while texts move from one to the other.
    embedders: frozenset[str]
    texts: int


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Which entries may be found. By default all that are committed and hold now."""

    objects: frozenset[SearchObject] = frozenset(SearchObject)
    include_uncommitted: bool = False
    #: Also facts that no longer hold.
    include_superseded: bool = False
    #: At least one of these tags, all of these, none of these; empty: any.
    tags_any: Sequence[str] = ()
    tags_all: Sequence[str] = ()
    tags_none: Sequence[str] = ()
    created_from: datetime | None = None
    #: Exclusive.
    created_before: datetime | None = None
    #: A jsonpath predicate over the metadata, such as `$.price >= $low`, and its variables as a
    #: JSON object.
    metadata_condition: str | None = None
    metadata_values: str = "{}"
    #: Only messages of these dialogues, only these memories or messages; None: any.
    dialogue_keys: Sequence[int] | None = None
    object_keys: Sequence[int] | None = None
    #: The dialogue that a chat is part of: only its turns at these positions are found, committed
    #: or not, because the request holds the others.
    other_than_dialogue: int | None = None
    own_positions: Sequence[int] = ()

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for more than certain kinds of things; most searches do not."""
        return self != SearchScope(
            self.objects, include_uncommitted=True, include_superseded=self.include_superseded
        )

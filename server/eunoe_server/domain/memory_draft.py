"""A memory somebody asks to keep, until it is known to be one that can be kept.

What a draft is accepted as is all there will ever be of the memory but its tags. What it can be
searched by is made here, once, from the value, the label, the description and the tags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from eunoe_server.domain.json_document import parse, readable_text
from eunoe_server.domain.limit_table import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_LABEL_CHARACTERS,
    MAX_VALUE_BYTES,
)
from eunoe_server.domain.limits import checked_id, checked_metadata, checked_tags, checked_text
from eunoe_server.domain.memory import Memory, NewMemory
from eunoe_server.errors import InvalidInput, MissingParameter

#: A value may be a document of a megabyte; its words beyond these are kept and not searched.
#: Postgres takes no more than a megabyte of words and their places.
MAX_READABLE_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class MemoryDraft:
    """What the caller sent."""

    #: A JSON document.
    value: str
    id: str | None = None
    label: str | None = None
    description: str | None = None
    tags: Sequence[str] = ()
    #: A JSON document; empty when there is none.
    metadata: str = ""
    #: None: now.
    created_at: datetime | None = None

    def accepted(self, new_id: str, path: str = "") -> NewMemory:
        """The memory to store, with `new_id` if the draft names none.

        `path` is where the draft stands in its request: `memories[3].`. Raises InvalidInput, and
        MissingParameter when the value is `null`, which is JSON's word for no value.
        """
        if len(self.value.encode()) > MAX_VALUE_BYTES:
            raise InvalidInput.of(f"{path}value", "must be at most 1 MiB of JSON")
        value = parse(self.value, f"{path}value")
        if value is None:
            raise MissingParameter.of(f"{path}value", "Required")
        label, description = self.label, self.description
        if label is not None:
            checked_text(label, f"{path}label", MAX_LABEL_CHARACTERS)
        if description is not None:
            checked_text(description, f"{path}description", MAX_DESCRIPTION_CHARACTERS)
        said = readable_text(value, MAX_READABLE_CHARACTERS)
        return NewMemory(
            id=new_id if self.id is None else checked_id(self.id, f"{path}id"),
            value=self.value,
            text="\n".join(part for part in (label, description, said) if part),
            label=label,
            description=description,
            tags=checked_tags(self.tags, f"{path}tags"),
            metadata=checked_metadata(self.metadata, f"{path}metadata"),
            created_at=self.created_at,
        )


def search_text(memory: Memory | NewMemory) -> str:
    """What a memory is found by: its text and its tags, which may change while the text stays."""
    return "\n".join((memory.text, ", ".join(memory.tags))) if memory.tags else memory.text

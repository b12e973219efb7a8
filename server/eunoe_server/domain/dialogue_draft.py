"""A dialogue somebody asks to keep, and a change to one, until it is known that they can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from eunoe_server.domain.dialogue import NewDialogue
from eunoe_server.domain.dialogue_state import NO_STATE, checked_state
from eunoe_server.domain.filterable import filterable
from eunoe_server.domain.limit_table import MAX_LABEL_CHARACTERS
from eunoe_server.domain.limits import checked_id, checked_metadata, checked_tags, checked_text


@dataclass(frozen=True, slots=True)
class DialogueDraft:
    """What the caller sent, without the messages."""

    id: str | None = None
    #: The id of the dialogue that it is to be a thread of.
    thread_of: str | None = None
    label: str | None = None
    #: JSON documents; empty when there is none.
    state: str = ""
    metadata: str = ""
    tags: Sequence[str] = ()
    #: None: when its first message was said.
    created_at: datetime | None = None

    def accepted(self, new_id: str) -> NewDialogue:
        """The dialogue to store, with `new_id` if the draft names none. Raises InvalidInput."""
        metadata = checked_metadata(self.metadata)
        return NewDialogue(
            id=new_id if self.id is None else checked_id(self.id),
            label=_label(self.label),
            thread_of=self.thread_of,
            tags=checked_tags(self.tags),
            metadata=metadata,
            filterable=filterable(metadata),
            # `null` is JSON's word for no value.
            state=NO_STATE if self.state.strip() in {"", "null"} else checked_state(self.state),
            created_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class DialogueChange:
    """What shall be different; None: stays as it is."""

    #: The empty one removes it.
    label: str | None = None
    tags: Sequence[str] | None = None
    #: A JSON document.
    state: str | None = None

    def accepted(self) -> Self:
        """The same, known to be storable. Raises InvalidInput."""
        _label(self.label)
        if self.state is not None:
            checked_state(self.state)
        return replace(self, tags=None if self.tags is None else checked_tags(self.tags))


def _label(label: str | None) -> str | None:
    return None if label is None else checked_text(label, "label", MAX_LABEL_CHARACTERS)

"""What a file holds, one record at a time, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from eunoe.v1 import dialogue_pb2, memory_pb2


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands, for people and for the progress bar."""

    #: `chats.jsonl:12`, `conversations.json, item 3`.
    name: str
    #: How much of the file is read after it, in bytes.
    bytes_read: int
    #: Of its item in the file, counted from 1.
    number: int = 1


@dataclass(frozen=True, slots=True)
class DialogueRecord:
    """A dialogue; its messages follow."""

    place: Place
    #: Without messages.
    new: dialogue_pb2.CreateDialogueRequest
    is_ended: bool = False


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """A message of a dialogue that stands before it, or is on the server already."""

    place: Place
    dialogue_id: str
    #: None: the global one, or the key's own.
    namespace: str | None
    #: Always with an id, so that a message that is sent again is known.
    new: dialogue_pb2.NewMessage


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A memory that somebody stored."""

    place: Place
    namespace: str | None
    #: Always with an id, as above.
    new: memory_pb2.NewMemory


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that is not imported because it cannot be: an error, told with its place."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that is not imported, or not whole, because it shall be so: counted by reason."""

    place: Place
    why: str
    count: int = 1


Record: TypeAlias = DialogueRecord | MessageRecord | MemoryRecord | LeftOut | Passed

"""Dialogues and their messages, as they are stored.

A message's body is the JSON that was sent, character for character; whatever is computed from it
(text, digest, chain, token estimate) is computed elsewhere and kept beside it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta


class DialogueStatus(enum.StrEnum):
    """Where a dialogue is in its life."""

    ACTIVE = "active"
    #: Takes no more messages; its state and tags may still change.
    ENDED = "ended"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class NewDialogue:
    """A dialogue to be stored in the transaction's namespace."""

    id: str
    #: The session header's value that opened it (seed 003); at most one open dialogue has it.
    session_id: str | None = None
    label: str | None = None
    #: The id of the parent dialogue in the same namespace.
    thread_of: str | None = None
    tags: tuple[str, ...] = ()
    #: A JSON object as text.
    metadata: str = "{}"
    #: What of it a search can filter by (`filterable.py`).
    filterable: str = "{}"
    #: A JSON object as text.
    state: str = "{}"
    #: None: the database's clock.
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A stored dialogue, without its messages."""

    namespace_key: int
    dialogue_key: int
    namespace: str
    id: str
    session_id: str | None
    #: When a request last used the session; None without one.
    session_used_at: datetime | None
    #: False once the session was closed; its id may then open another dialogue.
    is_session_open: bool
    label: str | None
    thread_of: str | None
    status: DialogueStatus
    tags: tuple[str, ...]
    metadata: str
    state: str
    #: Counts the writes to `state`, from 0.
    state_version: int
    created_at: datetime
    modified_at: datetime
    ended_at: datetime | None
    last_message_at: datetime | None
    #: Where the next message goes. Positions are never used twice, also not after a fork.
    next_position: int
    #: Messages that hold, that is neither superseded nor deleted.
    total_messages: int


@dataclass(frozen=True, slots=True)
class DialogueFilter:
    """What a list of dialogues holds. Absent fields do not filter."""

    #: The id of the parent dialogue.
    thread_of: str | None = None
    created_from: datetime | None = None
    #: Exclusive.
    created_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be appended."""

    id: str
    role: str
    #: The whole OpenAI message object as JSON text, verbatim.
    body: str
    #: What of it can be read and searched; no NUL, no lone surrogate.
    text: str
    #: Fingerprint of this message alone, 16 bytes.
    digest: bytes
    #: Fingerprint of the transcript up to here; an instruction bears that of the turn before it.
    chain: bytes
    token_estimate: int
    name: str | None = None
    #: The calls an assistant makes, or the one call that a tool's message answers.
    tool_call_ids: tuple[str, ...] = ()
    finish_reason: str | None = None
    #: The answer was cut: by the client, by the upstream or by a fault.
    is_interrupted: bool = False
    tags: tuple[str, ...] = ()
    #: A JSON object as text.
    metadata: str = "{}"
    #: None: the database's clock.
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message."""

    message_key: int
    dialogue_key: int
    position: int
    id: str
    role: str
    name: str | None
    body: str
    text: str
    digest: bytes
    chain: bytes
    token_estimate: int
    tool_call_ids: tuple[str, ...]
    finish_reason: str | None
    is_interrupted: bool
    tags: tuple[str, ...]
    metadata: str
    created_at: datetime
    modified_at: datetime
    #: When a later branch took its place; None while it holds.
    superseded_at: datetime | None
    #: When the worker had made it searchable for other conversations; None before.
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message among those of many dialogues, and the id of its own."""

    message: Message
    dialogue_id: str


@dataclass(frozen=True, slots=True)
class MessageOutline:
    """A stored message without what makes it long: enough to align a request with a transcript."""

    message_key: int
    position: int
    id: str
    role: str
    digest: bytes
    chain: bytes
    token_estimate: int
    tool_call_ids: tuple[str, ...]
    finish_reason: str | None
    is_interrupted: bool
    #: Only of an interrupted message, whose end the client may not have seen; else "".
    text: str
    created_at: datetime
    committed_at: datetime | None


@dataclass(frozen=True, slots=True)
class FingerprintMatch:
    """One message that holds and bears a fingerprint that was asked for."""

    dialogue_key: int
    position: int
    #: The chain or the digest that was asked for.
    fingerprint: bytes
    #: Where the dialogue ends: its last message that holds and is no instruction.
    last_position: int
    #: Since its last message, by the clock that this was dated with.
    idle: timedelta


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What a list of a dialogue's messages holds. Absent fields do not filter."""

    created_from: datetime | None = None
    #: Exclusive.
    created_before: datetime | None = None
    include_superseded: bool = False

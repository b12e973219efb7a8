"""Who did what that matters afterwards: keys, erasures, retention. Never what anything said.

An event outlives what it speaks of, so it names nothing that people chose. Of a thing that was
deleted it keeps a digest of its id: who knows the id finds the event, and nobody reads the id from
it. (An id that can be guessed can be guessed from the digest as well.)
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


class AuditKind(enum.StrEnum):
    """What was done; the words on the wire and in the table."""

    KEY_CREATED = "key_created"
    KEY_ROTATED = "key_rotated"
    KEY_REVOKED = "key_revoked"
    NAMESPACE_CHANGED = "namespace_changed"
    NAMESPACE_ERASED = "namespace_erased"
    MEMORY_DELETED = "memory_deleted"
    DIALOGUE_DELETED = "dialogue_deleted"
    MESSAGE_DELETED = "message_deleted"
    RETENTION_RAN = "retention_ran"


@dataclass(frozen=True, slots=True)
class NewAuditEvent:
    """An event to be stored, in the transaction of the act itself."""

    kind: AuditKind
    #: None: the server by itself, or its operator at the command line.
    key_id: str | None
    request_id: str
    #: An API key's id, or `digest_of` the id of what is gone.
    subject: str | None = None
    #: Rows by table.
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A stored event."""

    event_key: int
    occurred_at: datetime
    kind: str
    key_id: str | None
    request_id: str
    namespace_key: int | None
    #: None once the namespace is erased, and where the event is of none.
    namespace: str | None
    subject: str | None
    counts: Mapping[str, int]


def digest_of(thing_id: str) -> str:
    """What is kept of the id of a memory, a dialogue or a message."""
    return hashlib.sha256(thing_id.encode()).hexdigest()[:32]

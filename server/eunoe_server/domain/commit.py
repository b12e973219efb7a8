"""The commit queue: dialogues that wait to be committed once they have been idle long enough.

A job says which dialogue, never what is in it. `lease_token` fences: whoever lost the lease can
neither finish nor fail the job any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

#: One day; a longer wait would leave a conversation uncommitted for good on a busy assistant.
MAX_COMMIT_AFTER_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class CommitJob:
    """A dialogue that this worker has claimed until `lease_until`."""

    dialogue_key: int
    namespace_key: int
    project_id: int
    #: Grows with every message; a job that finishes an older version stays armed.
    version: int
    #: This try included.
    attempts: int
    due_at: datetime
    lease_until: datetime
    lease_token: UUID


@dataclass(frozen=True, slots=True)
class DeadCommit:
    """A dialogue that was set aside after too many failed tries. It stays readable."""

    dialogue_key: int
    namespace_key: int
    project_id: int
    attempts: int
    #: The class of the last error, never its text.
    last_error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much work waits."""

    #: Armed, due or not, leased or not.
    waiting: int
    #: Of those, claimed by a worker now.
    leased: int
    dead: int
    #: How long the most overdue unclaimed job has been due; 0 when none is.
    lag_seconds: float

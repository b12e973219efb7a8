"""Sessions that are never used again expire (seed 003: their history is cleared).

A session belongs to one dialogue and is in use while messages are added to that. One that idled
too long is closed, so that its id starts afresh; its dialogue stays, or is erased as well if the
operator says so. A session that is used too late is closed on the spot (`conversations.py`) and
only erased here.

What an ended dialogue's session has said is erased after the same time: ending says that nothing
more is to come, not that it shall be kept for longer.
"""

from __future__ import annotations

from eunoe_server.domain.audit import AuditKind, digest_of
from eunoe_server.domain.tenant import Tenant
from eunoe_server.services.audit import record
from eunoe_server.services.dialogues import erase
from eunoe_server.stores.database import Database, Transaction

#: When a session whose expiry failed is tried again; others are not held up by it.
RETRY_SECONDS = 60.0


class Sessions:
    """The sessions of all tenants."""

    def __init__(self, database: Database, *, idle_seconds: float, erases_expired: bool) -> None:
        self._database = database
        self._idle_seconds = idle_seconds
        self._erases_expired = erases_expired

    async def expire_next(self) -> bool:
        """Closes one session that was not used for too long; False when there is none."""
        idle = await self._database.run(
            None, lambda tx: tx.sessions.claim_idle(self._idle_seconds, RETRY_SECONDS)
        )
        if idle is None:
            return False

        async def work(tx: Transaction) -> None:
            # Whoever uses the session holds this lock, so that either they or we are first.
            dialogue = await tx.dialogues.lock(idle.dialogue_key)
            is_closed = await tx.sessions.close_idle(idle.dialogue_key, self._idle_seconds)
            if is_closed and self._erases_expired and dialogue is not None:
                await erase(tx, dialogue, keep_facts=False)
                await tx.search.forget_speakers()
                await record(tx, AuditKind.DIALOGUE_DELETED, None, subject=digest_of(dialogue.id))

        await self._database.run(Tenant(idle.project_id, idle.namespace_key), work)
        return True

"""Namespaces that keep things for so many days: what is older goes, with what was made from it.

A dialogue is too old when nobody has added to it or changed it for so long, a memory likewise.
Facts go with the dialogues that say them, or as memories by themselves. Small batches, each in a
transaction of its own: nobody waits long for one, and one that fails is undone as a whole.
"""

from __future__ import annotations

from eunoe_server.domain.audit import AuditKind
from eunoe_server.services.audit import record
from eunoe_server.services.dialogues import erase
from eunoe_server.services.withdrawal import delete_memories
from eunoe_server.stores.database import Database, Transaction

#: How long after one look through a namespace the next is due.
SWEEP_SECONDS = 6 * 3_600.0
#: When a namespace whose batch failed is tried again; others are not held up by it.
RETRY_SECONDS = 60.0
DIALOGUES_AT_ONCE = 20
MEMORIES_AT_ONCE = 500


class Retention:
    """The namespaces of all tenants."""

    def __init__(self, database: Database, *, default_days: int) -> None:
        """`default_days` holds where a namespace says nothing; 0: for ever."""
        self._database = database
        self._default_days = default_days

    async def sweep_next(self) -> bool:
        """Erases one batch in the namespace that waits longest; False when none is due."""
        async with self._database.transaction(None) as tx:
            tenant = await tx.retention.next_due(self._default_days)
        if tenant is None:
            return False
        if await self._database.run(tenant, lambda tx: tx.retention.claim(RETRY_SECONDS)):
            await self._database.run(tenant, self._erase_batch)
        return True

    async def _erase_batch(self, tx: Transaction) -> None:
        days = await tx.retention.days(self._default_days)
        dialogues = memories = 0
        if days > 0:
            dialogues = await _erase_dialogues(tx, days)
            memories = await _delete_memories(tx, days)
        if dialogues or memories:
            counts = {"dialogues": dialogues, "memories": memories}
            await record(tx, AuditKind.RETENTION_RAN, None, counts=counts)
        has_more = dialogues == DIALOGUES_AT_ONCE or memories == MEMORIES_AT_ONCE
        await tx.retention.postpone(0 if has_more else SWEEP_SECONDS)


async def _erase_dialogues(tx: Transaction, days: int) -> int:
    keys = await tx.retention.lock_idle_dialogues(days, DIALOGUES_AT_ONCE)
    for dialogue in await tx.dialogues.get_many(keys):
        await erase(tx, dialogue, keep_facts=False)
    if keys:
        await tx.search.forget_speakers()
    return len(keys)


async def _delete_memories(tx: Transaction, days: int) -> int:
    ids = await tx.retention.lock_old_memories(days, MEMORIES_AT_ONCE)
    return await delete_memories(tx, ids) if ids else 0

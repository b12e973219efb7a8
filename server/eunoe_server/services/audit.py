"""The audit trail: what was done to keys, to namespaces and to what they hold, and by whom.

Each act writes its own event, in its own transaction (`record`). Here nothing is decided but who
may read the trail: a key that administers the whole project.
"""

from __future__ import annotations

from collections.abc import Mapping

from eunoe_server.domain.audit import AuditEvent, AuditKind, NewAuditEvent, digest_of
from eunoe_server.domain.listing import Listing, TokenPage
from eunoe_server.domain.page_token import read_token, write_token
from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.database import Database, Transaction
from eunoe_server.telemetry import request_id


async def record(
    tx: Transaction,
    kind: AuditKind,
    key_id: str | None,
    *,
    subject: str | None = None,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Adds an event to the transaction of the act. `key_id` empty or None: no caller did it."""
    await tx.audit.record(
        NewAuditEvent(kind, key_id or None, request_id.get(), subject, counts or {})
    )


class AuditTrail:
    """The trails of all projects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_page(
        self, project_id: int, *, subject_id: str, limit: int, token: str
    ) -> TokenPage[AuditEvent]:
        """Events, newest first; with a subject only those about what has or had this id."""
        listing = Listing("audit_events", project_id, subject_id, True)
        after = read_token(token, listing) if token else None
        async with self._database.transaction(Tenant(project_id)) as tx:
            page = await tx.audit.list_page(
                limit, after, subjects=_subjects(subject_id) if subject_id else None
            )
        return TokenPage(page.items, write_token(page.next, listing) if page.next else None)


def _subjects(subject_id: str) -> list[str]:
    """A key's id is kept as it is; of others, a digest."""
    return [subject_id, digest_of(subject_id)]

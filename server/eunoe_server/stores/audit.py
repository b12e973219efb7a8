"""The audit trail: written in the transaction of what it records, so that neither is there alone.

It can be added to and read. That it cannot be changed is the database's doing (migration 0008).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from eunoe_server.domain.audit import AuditEvent, NewAuditEvent
from eunoe_server.domain.page import Page, Place
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("audit")


class Audit(Store):
    """Recorded in a namespace or for a whole project; listed for a whole project only."""

    __slots__ = ()

    async def record(self, event: NewAuditEvent) -> None:
        """Adds an event, of the transaction's namespace if it has one."""
        await self._execute(
            _SQL["record"],
            kind=event.kind.value,
            key_id=event.key_id,
            request_id=event.request_id,
            subject=event.subject,
            counts=Jsonb(dict(event.counts)),
        )

    async def list_page(
        self,
        limit: int,
        after: Place | None = None,
        *,
        subjects: Sequence[str] | None = None,
        newest_first: bool = True,
    ) -> Page[AuditEvent]:
        """The events of the project, or those about one of these subjects."""
        return await self._page(
            _SQL["list_page"],
            AuditEvent,
            lambda event: Place(event.occurred_at, event.event_key),
            limit=limit,
            after=after,
            newest_first=newest_first,
            subjects=None if subjects is None else list(subjects),
        )

"""What a namespace keeps no longer, and when each is looked through.

All times are the database's. What age means is written once, in `sql/retention.sql`: nobody has
added to it or changed it for so many days, and it is not younger than that by its own date either.
"""

from __future__ import annotations

from collections.abc import Sequence

from eunoe_server.domain.tenant import Tenant
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Store

_SQL = load_queries("retention")


class Retention(Store):
    """Of one namespace; but the next one that is due is found of all tenants."""

    __slots__ = ()

    async def next_due(self, default_days: int) -> Tenant | None:
        """The namespace that waits longest to be looked through. Without a tenant."""
        return await self._one(_SQL["next_due"], Tenant, default_days=default_days)

    async def claim(self, retry_after_seconds: float) -> bool:
        """Takes the namespace for so long; False when somebody else was first."""
        return await self._execute(_SQL["claim"], retry_after_seconds=retry_after_seconds) > 0

    async def days(self, default_days: int) -> int:
        """How long the namespace keeps things; 0: for ever. Fixed until the transaction ends."""
        return await self._one(_SQL["days"], _days, default_days=default_days) or 0

    async def lock_idle_dialogues(self, days: int, limit: int) -> Sequence[int]:
        """The keys of dialogues that are too old, longest first; nobody else may change them."""
        return await self._all(_SQL["idle_dialogues"], _dialogue_key, days=days, limit=limit)

    async def lock_old_memories(self, days: int, limit: int) -> Sequence[str]:
        """The ids of memories that are too old, longest first; nobody else may change them."""
        return await self._all(_SQL["old_memories"], _id, days=days, limit=limit)

    async def postpone(self, seconds: float) -> None:
        """Looks through the namespace again after so long."""
        await self._execute(_SQL["postpone"], seconds=seconds)


def _days(days: int) -> int:
    return days


def _dialogue_key(dialogue_key: int) -> int:
    return dialogue_key


def _id(id: str) -> str:  # noqa: A002 (the column's name)
    return id

"""Namespaces: from the name that a caller gives to the key that rows carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eunoe_server.domain.page import Page, Place
from eunoe_server.domain.tenant import Holdings, Namespace, Tenant
from eunoe_server.stores.driver_errors import RETRY_SECONDS, LostRace
from eunoe_server.stores.queries import load_queries
from eunoe_server.stores.store import Read, Store, read

_SQL = load_queries("namespaces")


class Namespaces(Store):
    """Of one project; the transaction is project-wide, from `retain` on in one namespace."""

    __slots__ = ()

    async def resolve(self, name: str) -> int:
        """The key of the namespace of this name, which is made if there is none."""
        # Without a row, somebody else has just made it.
        namespace = await self._one(_SQL["insert"], Namespace, name=name) or await self.get(name)
        if namespace is None:  # and erased it since
            raise LostRace(retry_after_seconds=RETRY_SECONDS)
        return namespace.namespace_key

    async def get(self, name: str) -> Namespace | None:
        """The namespace of this name."""
        return await self._one(_SQL["get"], Namespace, name=name)

    async def list_page(
        self,
        limit: int,
        after: Place | None = None,
        *,
        prefix: str = "",
        newest_first: bool = True,
    ) -> Page[Namespace]:
        """Namespaces whose names begin with `prefix`."""
        return await self._page(
            _SQL["list_page"],
            Namespace,
            lambda namespace: Place(namespace.created_at, namespace.namespace_key),
            limit=limit,
            after=after,
            newest_first=newest_first,
            prefix=prefix,
        )

    async def holdings(self, namespace_keys: Sequence[int]) -> Mapping[int, Holdings]:
        """What namespaces hold, by key."""
        return dict(
            await self._all(_SQL["holdings"], _holdings, namespace_keys=list(namespace_keys))
        )

    async def retain(self, days: int | None) -> Namespace | None:
        """Keeps what nobody uses for so long; 0: for ever, None: as the server is set."""
        return await self._one(_SQL["retain"], Namespace, retention_days=days)

    async def census(self) -> Mapping[str, int]:
        """Rows in the transaction's own namespace, by table."""
        return dict(await self._all(_SQL["census"], _kind_and_rows))

    async def thin_out(self, limit: int) -> int:
        """Deletes up to `limit` rows of what there may be much of, with what hangs on them.

        How many those were; fewer than `limit`: nothing is left of these.
        """
        deleted = 0
        for block in ("thin_search_entries", "thin_messages", "thin_memories"):
            deleted += await self._execute(_SQL[block], limit=limit - deleted)
            if deleted >= limit:
                break
        return deleted

    async def erase(self) -> bool:
        """Deletes the transaction's own namespace with all that lies in it; False: it was gone."""
        await self._execute(_SQL["unqueue"])
        await self._execute(_SQL["forget_sessions"])
        return await self._execute(_SQL["erase"]) > 0


def namespace_named(project: Tenant, name: str) -> Read[Namespace]:
    """The namespace of this name in a project."""
    return read(_SQL["get"], Namespace, project, name=name)


def _holdings(
    namespace_key: int, memories: int, dialogues: int, messages: int
) -> tuple[int, Holdings]:
    return namespace_key, Holdings(memories, dialogues, messages)


def _kind_and_rows(kind: str, rows: int) -> tuple[str, int]:
    return kind, rows
